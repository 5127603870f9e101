package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompileResult;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.backend.gpu.KernelSource;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * The PTX and the cubins of the jar: made of the sources, complete, and what NVIDIA's compiler
 * makes.
 */
@Tag("slow")
class PtxTest {
    private static final Path PTX = Path.of("kernels", "ptx", "quern.ptx");

    @TempDir static Path temporary;

    /** By hashes; of two units also by compiling them, all of which would take minutes. */
    @Test
    void isMadeOfTheSourcesAsTheyAre() throws Exception {
        Process check =
                new ProcessBuilder("bash", "ci/build-kernels", "check", "quern", "fused_grid")
                        .redirectErrorStream(true)
                        .start();
        String output = new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(check.waitFor()).as(output).isZero();
        assertThat(output).contains(PTX.toString());
    }

    @Test
    void hasEveryKernelOfTheSourcesAndTakesOldDrivers() throws Exception {
        String ptx = Files.readString(PTX);
        assertThat(ptx).contains("\n.version 6.3\n").contains("\n.target sm_75\n");
        String source = KernelSource.text("quern");
        List<String> entries =
                Pattern.compile("\\.visible \\.entry (\\w+)\\(")
                        .matcher(ptx)
                        .results()
                        .map(entry -> entry.group(1))
                        .toList();
        assertThat(entries).hasSizeGreaterThanOrEqualTo(20).doesNotHaveDuplicates();
        for (String entry : entries) {
            String name = entry.replaceFirst("_(small|medium|large)$", "");
            assertThat(source).contains(name);
        }
    }

    /** Without driver, toolkit or GPU: NVIDIA's compiler is in JCuda's natives, not in our jar. */
    @ParameterizedTest
    @ValueSource(strings = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90"})
    void isAssembledByNvidiasCompilerWithoutSpillsToTheCubinOfTheJar(String architecture)
            throws Exception {
        Assumptions.assumeTrue(
                NativeLibraries.platform().equals("linux-x86_64"),
                "the PTX compiler is for x86-64 Linux only");
        loadCompiler();
        byte[] ptx = Files.readAllBytes(PTX);
        nvPTXCompilerHandle handle = new nvPTXCompilerHandle();
        assertThat(JNvPTXCompiler.nvPTXCompilerCreate(handle, ptx.length, ptx))
                .isEqualTo(nvPTXCompileResult.NVPTXCOMPILE_SUCCESS);
        String[] options = {"--gpu-name=" + architecture, "--verbose"};
        int result = JNvPTXCompiler.nvPTXCompilerCompile(handle, options.length, options);
        long[] size = new long[1];
        JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(handle, size);
        byte[] log = new byte[(int) size[0] + 1];
        JNvPTXCompiler.nvPTXCompilerGetErrorLog(handle, log);
        assertThat(result)
                .as(new String(log, StandardCharsets.UTF_8))
                .isEqualTo(nvPTXCompileResult.NVPTXCOMPILE_SUCCESS);
        JNvPTXCompiler.nvPTXCompilerGetInfoLogSize(handle, size);
        byte[] info = new byte[(int) size[0] + 1];
        JNvPTXCompiler.nvPTXCompilerGetInfoLog(handle, info);
        String said = new String(info, StandardCharsets.UTF_8);
        String spills =
                said.lines()
                        .filter(line -> line.contains("spill"))
                        .filter(line -> !line.contains("0 bytes spill stores, 0 bytes spill loads"))
                        .collect(Collectors.joining("\n"));
        assertThat(said).contains("Used ");
        assertThat(spills).isEmpty();
        JNvPTXCompiler.nvPTXCompilerGetCompiledProgramSize(handle, size);
        byte[] program = new byte[(int) size[0]];
        JNvPTXCompiler.nvPTXCompilerGetCompiledProgram(handle, program);
        Path cubin = Path.of("kernels", "cubin", "quern-" + architecture + ".cubin");
        assertThat(cubin).hasBinaryContent(program);
        JNvPTXCompiler.nvPTXCompilerDestroy(handle);
    }

    private static boolean loaded;

    private static synchronized void loadCompiler() throws Exception {
        if (loaded) {
            return;
        }
        String file = "libJNvPTXCompiler-12.6.0-linux-x86_64.so";
        Path target = temporary.resolve(file);
        try (InputStream in = PtxTest.class.getResourceAsStream("/lib/" + file)) {
            Files.copy(in, target);
        }
        String before = System.getProperty("java.io.tmpdir");
        System.setProperty("java.io.tmpdir", temporary.toString());
        try {
            JNvPTXCompiler.setExceptionsEnabled(false);
        } finally {
            System.setProperty("java.io.tmpdir", before);
        }
        loaded = true;
    }
}
