package org.quern.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.backend.Usable;
import org.quern.cli.Quern;

/**
 * What becomes of drivers that answer with errors, lack what Quern needs, or leave work out: {@code
 * opencl-shim.c} stands for them, in front of the OpenCL that is here.
 */
@Tag("slow")
class OpenclShimTest {
    private static final String DATA = "generated:64,20";
    private static final String[] TRAIN = {"train", "--data", DATA, "--epochs", "1"};

    @TempDir static Path libraries;

    @TempDir Path folder;

    @BeforeAll
    static void compile() throws Exception {
        Usable.named("opencl");
        Path source = Path.of(OpenclShimTest.class.getResource("/opencl-shim.c").toURI());
        gcc(source, "shim.so", "-Wl,--no-as-needed", "-l:libOpenCL.so.1", "-ldl");
        gcc(source, "half.so", "-DHALF", "-ldl");
    }

    private static void gcc(Path source, String name, String... options) throws Exception {
        List<String> command = new ArrayList<>(List.of("gcc", "-shared", "-fPIC", "-Wall"));
        command.addAll(List.of("-Werror", "-o", libraries.resolve(name).toString()));
        command.add(source.toString());
        command.addAll(List.of(options));
        Process gcc;
        try {
            gcc = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            Assumptions.abort("gcc is not installed (" + e.getMessage() + ")");
            return;
        }
        String said = new String(gcc.getInputStream().readAllBytes());
        assertThat(gcc.waitFor()).as(said).isZero();
    }

    /** With the compiled kernels of other tests: compiling the fused one takes a minute. */
    private Jvm jvm(String shim) {
        return new Jvm(folder)
                .with("XDG_CACHE_HOME", System.getenv("XDG_CACHE_HOME"))
                .with("QUERN_SHIM", shim)
                .with("QUERN_LIBOPENCL", library(shim));
    }

    private Jvm.Outcome run(String shim, String... arguments) throws IOException {
        return jvm(shim).run(Quern.class, arguments);
    }

    private static Path library(String shim) {
        return libraries.resolve(shim.equals("half") ? "half.so" : "shim.so");
    }

    private static String[] train(String... more) {
        List<String> all = new ArrayList<>(List.of(TRAIN));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    /** The line of an output that begins with a word. */
    private static String line(String word, Jvm.Outcome outcome) {
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome.out()
                .lines()
                .filter(line -> line.startsWith(word + " "))
                .findFirst()
                .orElseThrow(() -> new AssertionError(outcome.out()));
    }

    private static void isOnHostBecause(String reason, Jvm.Outcome outcome) {
        assertThat(line("device", outcome))
                .matches("device +(cpu|java): .*not opencl: [^\n]*" + Pattern.quote(reason) + ".*");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    platforms   | no OpenCL device can be used: clGetPlatformIDs gave CL_OUT_OF_HOST_MEMORY; install an OpenCL driver
                    broken      | no OpenCL device can be used: platform 0 (Broken): clGetDeviceIDs gave CL_OUT_OF_HOST_MEMORY; install
                    dumb        | : clGetDeviceInfo gave CL_INVALID_VALUE; install
                    version     | no OpenCL device can be used: 0 (Clover, Portable Computing Language, OpenCL 1.1 Mesa 22.3.6, which has OpenCL 1.1 Mesa 22.3.6, and Quern needs OpenCL 1.2); install
                    language    | , which compiles OpenCL C 1.1, and Quern needs OpenCL C 1.2)
                    unavailable | , which is not available, as its driver says)
                    compiler    | , which has no compiler, and Quern compiles its kernels for each device)
                    endian      | , which is big-endian, and Quern needs little-endian)
                    bits        | , which has addresses of 32 bits, and Quern needs 64)
                    group       | , which takes work-groups of 128, and Quern needs 256)
                    local       | , which has 16384 bytes of local memory, and Quern needs 25600)
                    context     | cannot be opened: clCreateContext gave CL_OUT_OF_HOST_MEMORY: use another --device or --backend
                    queue       | cannot be opened: clCreateCommandQueue gave CL_OUT_OF_HOST_MEMORY: use another --device or --backend
                    build       | : CL_BUILD_PROGRAM_FAILURE: quern.cl:3:1: error: out of registers
                    half        | half.so lacks clCreateBuffer and 21 other functions: it is damaged or older than OpenCL 1.2: install
                    """)
    void autoGoesOnAndAnOpenclThatWasAskedForDoesNot(String shim, String reason)
            throws IOException {
        isOnHostBecause(reason, run(shim, TRAIN));
        Jvm.Outcome named = run(shim, train("--backend", "opencl"));
        assertThat(named.err()).matches("quern: [^\n]+\n").contains(reason);
        assertThat(named.code()).isEqualTo(4);
    }

    /** It takes longer to load than many a training, and is no use where nothing is a GPU. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    cpu     | not opencl: its device is not a GPU
                    version | not opencl: no OpenCL device can be used: 0 (Clover, Portable Computing Language, OpenCL 1.1 Mesa 22.3.6, which has OpenCL 1.1
                    gpu     | device    opencl:
                    """)
    void lwjglIsLoadedForAGpuAlone(String shim, String device) throws IOException {
        Path loaded = folder.resolve("classes.txt");
        Jvm.Outcome outcome =
                jvm(shim).option("-Xlog:class+load:file=" + loaded).run(Quern.class, TRAIN);
        assertThat(line("device", outcome)).contains(device);
        assertThat(Files.readString(loaded).contains(" org.lwjgl.")).isEqualTo(shim.equals("gpu"));
    }

    @Test
    void aBrokenPlatformDoesNotKeepAnotherFromBeingUsed() throws IOException {
        String reason = "; platform 0 (Broken): clGetDeviceIDs gave CL_OUT_OF_HOST_MEMORY";
        assertThat(line("device", run("beside", TRAIN)))
                .startsWith("device    opencl: ")
                .contains(reason);
        assertThat(line("opencl", run("beside", "doctor"))).contains("PASS").contains(reason);
    }

    @Test
    void ofTwoDevicesTheOneThatCannotBeUsedIsListedAndRefused() throws IOException {
        String reason = "has OpenCL 1.1 Mesa 22.3.6, and Quern needs OpenCL 1.2";
        assertThat(line("device", run("two", TRAIN)))
                .startsWith("device    opencl: ")
                .contains(
                        "), 1 (Clover, Portable Computing Language, OpenCL 1.1 Mesa 22.3.6, which "
                                + reason
                                + ")");
        for (String backend : List.of("opencl", "auto")) {
            for (String device : List.of("1", "clover")) {
                Jvm.Outcome refused = run("two", train("--backend", backend, "--device", device));
                assertThat(refused.err())
                        .isEqualTo(
                                "quern: backend opencl cannot run: Clover "
                                        + reason
                                        + ": use another --device\n");
                assertThat(refused.code()).isEqualTo(4);
            }
        }
    }

    /** The choice is made in one place, and each command that computes makes it there. */
    @Test
    void everyCommandGoesOn() throws IOException {
        String reason = "error: out of registers";
        String model = folder.resolve("m.safetensors").toString();
        isOnHostBecause(reason, run("build", train("--save", model)));
        isOnHostBecause(
                reason, run("build", "sweep", "--data", DATA, "--epochs", "1", "--seeds", "2"));
        isOnHostBecause(reason, run("build", "evaluate", model, "--data", DATA));
        isOnHostBecause(
                reason,
                run("build", "bench", "mnist", "--data", DATA, "--rung", "97", "--seeds", "1"));
        assertThat(run("build", "predict", model, "--data", DATA, "--index", "3").code()).isZero();
        String[] check = {"gradcheck", "--input", "5", "--model", "dense 3", "--batch", "3"};
        Jvm.Outcome all = run("build", check);
        assertThat(all.out()).containsPattern("FAIL  opencl: [^\n]+" + reason + "\nPASS  ");
        assertThat(all.code()).isEqualTo(1);
        List<String> automatic = new ArrayList<>(List.of(check));
        automatic.addAll(List.of("--backend", "auto"));
        Jvm.Outcome one = run("build", automatic.toArray(String[]::new));
        assertThat(one.out()).containsPattern("PASS  (cpu|java): ").doesNotContain("FAIL");
        assertThat(one.code()).isZero();
        assertThat(line("opencl", run("build", "doctor"))).contains("FAIL").contains(reason);
    }

    @Test
    void oneWorkGroupTrainsOnlyForWhoAsksForIt() throws IOException {
        assertThat(line("engine", run("gpu", train("--backend", "opencl"))))
                .isEqualTo(
                        "engine    as a list of launches (not fused: work-groups cannot wait for"
                                + " each other here, and one alone is taken only when asked for, by"
                                + " --engine fused)");
        // as a CPU: for a GPU the kernel has no calls, and compiling that takes PoCL minutes
        assertThat(line("engine", run("cpu", train("--backend", "opencl", "--engine", "fused"))))
                .isEqualTo("engine    fused into one launch, by one block");
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "ops", "fused"})
    void aDeviceThatLeavesStepsOutIsNotBelieved(String engine) throws IOException {
        Jvm.Outcome outcome =
                run("steps", train("--backend", "opencl", "--engine", engine, "--batch", "8"));
        assertThat(outcome.err())
                .matches(
                        "quern: .+ did (0 of 1|[01] of 2) steps from step \\d on and reported no error: its"
                                + " driver cannot be trusted with them: use --backend cpu, or"
                                + " another --device\n");
        assertThat(outcome.code()).isEqualTo(5);
    }

    @Test
    void doctorTellsOfADeviceThatLeavesStepsOut() throws IOException {
        assertThat(line("opencl", run("steps", "doctor")))
                .contains("FAIL")
                .containsPattern("did [0-9]+ of [0-9]+ steps");
    }
}
