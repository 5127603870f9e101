@echo off
rem Runs Quern on Windows, from the quern.jar beside this file or in target\ below it.
rem
rem JAVA_HOME         the JDK to use, otherwise the java on the path
rem QUERN_JAVA_OPTS   options for the JVM
setlocal
set "jar=%~dp0quern.jar"
if not exist "%jar%" set "jar=%~dp0target\quern.jar"
if not exist "%jar%" (
    echo quern: there is no quern.jar beside "%~f0": put one there; it is built on Linux, or in WSL, by ./quern>&2
    exit /b 127
)
set "cure=a JDK of version 17 or newer"
if defined JAVA_HOME goto home
set java=
for %%j in (java.exe) do set "java=%%~$PATH:j"
if not defined java (
    echo quern: no java found: install %cure%>&2
    exit /b 127
)
goto found
:home
set "java=%JAVA_HOME%\bin\java.exe"
if not exist "%java%" (
    echo quern: there is no bin\java.exe in JAVA_HOME ^(%JAVA_HOME%^): set it to %cure%>&2
    exit /b 127
)
:found

rem How wide the terminal is: the fifth line of what mode says, whatever its language.
if not defined COLUMNS for /f "skip=4 tokens=2 delims=:" %%w in ('mode con 2^>nul') do if not defined COLUMNS set /a COLUMNS=%%w
rem For the driver: the streams of trainings side by side have a queue each.
if not defined CUDA_DEVICE_MAX_CONNECTIONS set CUDA_DEVICE_MAX_CONNECTIONS=32

rem Quern writes UTF-8; afterwards the console is as it was.
set page=
for /f "tokens=2 delims=:." %%p in ('chcp 2^>nul') do set "page=%%p"
if defined page chcp 65001 >nul
rem The launcher for Linux says why the JVM is tuned so.
set tuned=-XX:+UseSerialGC -XX:FreqInlineSize=150 -XX:Tier4InvocationThreshold=20000 -XX:Tier4MinInvocationThreshold=2400
set tuned=%tuned% -XX:Tier4CompileThreshold=60000 -XX:Tier4BackEdgeThreshold=160000
"%java%" %tuned% -Xshare:auto %QUERN_JAVA_OPTS% -jar "%jar%" %*
set code=%errorlevel%
if defined page chcp %page% >nul
exit /b %code%
