#!/bin/sh
# Compiles the libraries of one platform, which is the one that the compiler in CC compiles for: build.sh OUT_DIR HEADERS
# [FLAGS], with the JDK in JAVA_HOME, in HEADERS what javac -h makes of the classes with native methods, and in FLAGS what
# comes after the kernels' other flags.
# libquern has the kernels, on x86-64 compiled three times; it chooses when it is loaded. Linux and Windows have libquern-gpu,
# too, and Linux where there is JCuda libquern-cublas.
set -eu
out=$1 headers=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cc=${CC:-cc}
machine=$($cc -dumpmachine)
lib=lib suffix=so # what System.mapLibraryName of Java's puts around a name
shared='-fPIC -fvisibility=hidden' link=-shared libraries='-lm -lpthread' gpu_libraries=-ldl
case $machine in
    *-darwin* | *-apple-*) suffix=dylib ;;
    *-mingw*)
        lib='' suffix=dll
        # Windows aligns the stack to 16 bytes, and GCC may write wider vectors there as if it were aligned for them (its bug
        # 54412): the assembler takes the moves that need no alignment. What is linked depends on nothing but Windows; of
        # mingw-w64 the start-up code is in it, which is in the public domain.
        shared=-Wa,-muse-unaligned-vector-move link='-shared -static -s -Wl,--no-insert-timestamp,--image-base=0x180000000'
        libraries='' gpu_libraries=''
        ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/headers" # whose path goes into a list of flags, where a space would cut it in two
cp "$headers"/*.h "$work/headers"

jni=
case $machine in
    *-mingw*) # what a JDK for Windows has for its C compiler; on 64 bits there is one way to call
        jni="-I$JAVA_HOME/include -I$work/headers"
        printf '%s\n' '#define JNIEXPORT __declspec(dllexport)' '#define JNIIMPORT __declspec(dllimport)' \
            '#define JNICALL' 'typedef int jint;' 'typedef long long jlong;' 'typedef signed char jbyte;' \
            >"$work/headers/jni_md.h"
        ;;
esac
[ -n "$jni" ] || for folder in "$JAVA_HOME/include"/*/; do
    [ -f "${folder}jni_md.h" ] && jni="-I$JAVA_HOME/include -I$folder -I$work/headers"
done
[ -n "$jni" ] || {
    echo "no jni_md.h below $JAVA_HOME/include: set JAVA_HOME to a JDK" >&2
    exit 1
}

# Sums keep the order in which they are written (no -ffast-math); a * b + c may become one operation.
flags="-std=c11 -O3 $shared -ffp-contract=fast -fno-math-errno -fno-trapping-math
    -Wall -Wextra -Werror -Wno-unknown-pragmas ${3-}"

# compile NAME SOURCE FLAGS...: starts it; all are at work side by side
started=
compile() {
    name=$1 source=$2
    shift 2
    # shellcheck disable=SC2086
    $cc $flags "$@" -c "$here/$source" -o "$work/$name.o" &
    started="$started $!"
}

compile baseline kernels.c
case $machine in
    x86_64-*)
        compile avx2 kernels.c -mavx2 -mfma -DQUERN_ISA=avx2 '-DQUERN_ISA_NAME="AVX2"'
        compile avx512 kernels.c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mprefer-vector-width=512 \
            -DQUERN_ISA=avx512 '-DQUERN_ISA_NAME="AVX-512"'
        ;;
esac
compile pool pool.c
compile net net.c
# shellcheck disable=SC2086
compile jni jni.c $jni
# shellcheck disable=SC2086
compile peak peak.c $jni
for one in $started; do
    wait "$one"
done
mkdir -p "$out"
# shellcheck disable=SC2086
$cc $link -o "$work/${lib}quern.$suffix" "$work"/*.o $libraries
mv "$work/${lib}quern.$suffix" "$out/"

case $machine in
    *-linux-* | *-mingw*)
        # shellcheck disable=SC2086
        $cc -std=c11 -O2 $shared -Wall -Wextra -Werror $jni $link "$here/cublaslt.c" \
            "$here/occupancy.c" "$here/opencl.c" $gpu_libraries -o "$work/${lib}quern-gpu.$suffix"
        mv "$work/${lib}quern-gpu.$suffix" "$out/"
        ;;
esac
case $machine in
    *-mingw*)
        for library in "$out"/*.dll; do
            if "$($cc -print-prog-name=objdump)" -d --no-show-raw-insn "$library" | grep -E 'vmov(ap[sd]|dqa|nt)' |
                grep '[yz]mm.*(\|(.*[yz]mm'; then
                echo "$library has the moves above, which may fail on Windows, whose stack is aligned to 16 bytes" >&2
                exit 1
            fi
        done
        ;;
esac
# JCuda's binding to cuBLAS wants a library of this name with symbols of this version.
case $machine in
    x86_64-*linux-*)
        printf 'libcublas.so.12 { global: cublas*; Java_*; local: *; };\n' >"$work/versions"
        # shellcheck disable=SC2086
        $cc -std=c11 -O2 -fPIC -fvisibility=hidden -Wall -Wextra -Werror $jni -shared -Wl,-soname,libcublas.so.12 \
            -Wl,--version-script="$work/versions" "$here/cublas_bridge.c" -ldl -o "$work/libquern-cublas.so"
        mv "$work/libquern-cublas.so" "$out/"
        ;;
esac
