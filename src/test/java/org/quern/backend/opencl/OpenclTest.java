package org.quern.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Usable;
import org.quern.cli.Quern;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** Which device is taken, what is kept of the compiler's work, and what a user reads. */
class OpenclTest {
    private static final String[] TRAIN = {
        "train", "--backend", "opencl", "--data", "generated:64,20", "--epochs", "1"
    };

    @TempDir Path folder;

    private static OpenclHardware device(String name, String type, String lacks) {
        return new OpenclHardware(
                1,
                2,
                name,
                "Maker",
                "OpenCL 1.2",
                "1.0",
                type,
                4,
                1L << 30,
                1L << 28,
                true,
                true,
                lacks);
    }

    private static OpenclHardware driver(String platform, String version, String lacks) {
        return new OpenclHardware(
                1, 2, "Radeon", platform, version, "1.0", "GPU", 4, 1L << 30, 1L << 28, true, false,
                lacks);
    }

    private static final OpenclBackend BACKEND = new OpenclBackend();

    private static final List<OpenclHardware> DEVICES =
            List.of(
                    device("some CPU", "CPU", null),
                    device("old GPU", "GPU", "takes work-groups of 64, and Quern needs 256"),
                    device("Radeon Pro", "GPU", null),
                    device("another GPU", "GPU", null));

    @Test
    void takesAGpuThatCanDoItBeforeACpu() {
        assertThat(BACKEND.choose(DEVICES, null).name()).isEqualTo("Radeon Pro");
        assertThat(BACKEND.choose(DEVICES.subList(0, 2), null).name()).isEqualTo("some CPU");
        assertThat(BACKEND.choose(DEVICES.subList(1, 2), null).name()).isEqualTo("old GPU");
    }

    @Test
    void takesTheDeviceThatIsNamedByNumberOrPartOfItsName() {
        assertThat(BACKEND.choose(DEVICES, "3").name()).isEqualTo("another GPU");
        assertThat(BACKEND.choose(DEVICES, "radeon").name()).isEqualTo("Radeon Pro");
        assertThatThrownBy(() -> BACKEND.choose(DEVICES, "4"))
                .hasMessage(
                        "--device 4: no such OpenCL device; there are 0 (some CPU, Maker,"
                                + " OpenCL 1.2), 1 (old GPU, Maker, OpenCL 1.2, which takes"
                                + " work-groups of 64, and Quern needs 256), 2 (Radeon Pro, Maker,"
                                + " OpenCL 1.2), 3 (another GPU, Maker, OpenCL 1.2)");
        assertThatThrownBy(() -> BACKEND.choose(DEVICES, "geforce"))
                .hasMessageStartingWith("--device geforce: no such OpenCL device; there are 0");
    }

    @Test
    void ofOneDeviceOnSeveralPlatformsTheNewestDriverThatCanRunIsTaken() {
        List<OpenclHardware> all =
                List.of(
                        driver("Old", "OpenCL 1.2 x", null),
                        driver("Unfit", "OpenCL 3.0 x", "is not available"),
                        driver("New", "OpenCL 2.1 x", null));
        assertThat(BACKEND.choose(all, null).platformName()).isEqualTo("New");
        assertThat(BACKEND.choose(all, "radeon").platformName()).isEqualTo("New");
        assertThat(BACKEND.choose(all, "0").platformName()).isEqualTo("Old");
        assertThat(all.get(2).description())
                .isEqualTo(
                        "Radeon (GPU, New, OpenCL 2.1 x, 4 compute units, 1024 MiB, no fma() in"
                                + " hardware: slow)");
    }

    /** How many of the JVM's signal handlers a driver has replaced: by being found, by training. */
    static final class Signals {
        public static void main(String[] backends) {
            for (String backend : backends) {
                Backend chosen = Backends.choose(backend).backend();
                TrainingConfig config = TrainingConfig.of(Model.input(28, 28).dense(10));
                try (Trainer trainer = Trainer.open(config, chosen, Backend.Options.DEFAULT)) {
                    trainer.fit(Digits.generate("digits", 40, 0, 1), 1);
                }
                System.out.println(backend + ": " + OpenclDevices.restoreSignals());
            }
        }
    }

    /**
     * Its handler of SIGSEGV makes exceptions of nulls: without it, such a null ends the process.
     */
    @Test
    void theJvmKeepsItsSignalHandlers() throws IOException {
        Usable.named("opencl");
        Jvm jvm = new Jvm(folder).with("XDG_CACHE_HOME", System.getenv("XDG_CACHE_HOME"));
        jvm.with("QUERN_LIBCUDA", null); // or auto would take the simulator, and ask for no OpenCL
        Jvm.Outcome outcome = jvm.run(Signals.class, "auto", "opencl");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).isEqualTo("auto: 0\nopencl: 0\n");
    }

    /** A call of a function that the loader lacks ends the process, so none may be forgotten. */
    @Test
    void theFunctionsThatAreAskedForAreThoseThatAreCalled() throws IOException {
        Pattern call = Pattern.compile("CL1[0-2](?:\\.|::)n?(cl[A-Z]\\w+)");
        Set<String> called = new TreeSet<>();
        try (Stream<Path> files = Files.list(Path.of("src/main/java/org/quern/backend/opencl"))) {
            for (Path file : files.toList()) {
                call.matcher(Files.readString(file))
                        .results()
                        .forEach(found -> called.add(found.group(1)));
            }
        }
        assertThat(called).hasSizeGreaterThan(20);
        assertThat(LwjglNatives.FUNCTIONS).containsExactlyElementsOf(called);
    }

    @Test
    void errorsHaveNames() {
        assertThat(OpenclErrors.name(-5)).isEqualTo("CL_OUT_OF_RESOURCES");
        assertThat(OpenclErrors.name(-11)).isEqualTo("CL_BUILD_PROGRAM_FAILURE");
        assertThat(OpenclErrors.name(-9999)).isEqualTo("error -9999");
        assertThat(OpenclErrors.failure(-4, "clEnqueueNDRangeKernel"))
                .hasMessage(
                        "the OpenCL device failed: clEnqueueNDRangeKernel gave"
                                + " CL_MEM_OBJECT_ALLOCATION_FAILURE: use a smaller batch, or give"
                                + " less memory to data (--device-memory)");
    }

    @Test
    void aBuildLogIsToldByItsFirstError() {
        assertThat(
                        OpenclProgram.firstProblem(
                                "\nwarning: x\n  k.cl:3:1: error: no such type\nerror: again\n"))
                .isEqualTo("k.cl:3:1: error: no such type");
        assertThat(OpenclProgram.firstProblem("\n\nsomething\n")).isEqualTo("something");
        assertThat(OpenclProgram.firstProblem("")).isEqualTo("the compiler gives no reason");
    }

    private Jvm.Outcome train(Jvm jvm) throws IOException {
        return jvm.run(Quern.class, TRAIN);
    }

    @Test
    void theLoaderThatIsNotThere() throws IOException {
        Path none = folder.resolve("none.so");
        Jvm.Outcome outcome = train(new Jvm(folder).with("QUERN_LIBOPENCL", none));
        assertThat(outcome.err())
                .isEqualTo(
                        "quern: backend opencl cannot run: QUERN_LIBOPENCL is %s, which cannot be loaded: set it to libOpenCL.so.1, or unset it\n"
                                .formatted(none));
        assertThat(outcome.code()).isEqualTo(4);
    }

    @Test
    void noDevice() throws IOException {
        Usable.named("opencl");
        Path vendors = Files.createDirectory(folder.resolve("vendors"));
        Jvm.Outcome outcome = train(new Jvm(folder).with("OCL_ICD_VENDORS", vendors));
        assertThat(outcome.err())
                .isEqualTo(
                        "quern: backend opencl cannot run: no OpenCL device was found: install an"
                                + " OpenCL driver (Debian: pocl-opencl-icd, or your GPU's)\n");
        assertThat(outcome.code()).isEqualTo(4);
    }

    /** PoCL offers its one CPU as two devices. */
    @Tag("jdk") // LWJGL in a user's process
    @Test
    void theDeviceThatIsMeantIsTheOneThatIsNamed() throws IOException {
        Usable.named("opencl");
        Jvm jvm = new Jvm(folder).with("POCL_DEVICES", "basic pthread");
        Jvm.Outcome outcome =
                jvm.run(
                        Quern.class,
                        Stream.concat(Stream.of(TRAIN), Stream.of("--device", "1"))
                                .toArray(String[]::new));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).startsWith("device    opencl: pthread").doesNotContain("basic");
    }

    /** Also: LWJGL unpacks nothing by itself, neither to the temporary folder nor to the home. */
    @Test
    void programsAreKeptAndADamagedOneIsCompiledAgain() throws IOException {
        Usable.named("opencl");
        Path temporary = Files.createDirectory(folder.resolve("tmp"));
        Path home = Files.createDirectory(folder.resolve("home"));
        Path cache = folder.resolve("cache");
        for (int round = 0; round < 3; round++) {
            Jvm.Outcome outcome =
                    train(
                            new Jvm(folder)
                                    .with("HOME", home)
                                    .option("-Djava.io.tmpdir=" + temporary)
                                    .option("-Duser.home=" + home));
            assertThat(outcome.err()).isEmpty();
            assertThat(outcome.code()).isZero();
            Path kept;
            try (Stream<Path> files = Files.list(cache.resolve("quern").resolve("opencl"))) {
                List<Path> all = files.toList();
                assertThat(all).hasSize(1);
                kept = all.get(0);
            }
            assertThat(Files.size(kept)).isGreaterThan(10_000);
            if (round == 1) {
                Files.write(kept, java.util.Arrays.copyOf(Files.readAllBytes(kept), 3000));
            }
        }
        assertThat(home).isEmptyDirectory();
        try (Stream<Path> left = Files.list(temporary)) {
            assertThat(left.filter(file -> !file.getFileName().toString().startsWith("hsperf")))
                    .isEmpty();
        }
    }
}
