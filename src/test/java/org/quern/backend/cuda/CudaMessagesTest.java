package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.backend.Usable;
import org.quern.cli.Quern;

/** What a user reads when CUDA cannot do what was asked: one line each, to the letter. */
@Tag("slow")
class CudaMessagesTest {
    private static final Path SIMULATOR = Path.of("target", "cudasim").toAbsolutePath();

    private static final List<String> TRAIN =
            List.of("train", "--backend", "cuda", "--data", "generated:64,20", "--epochs", "1");

    @TempDir Path folder;

    @BeforeEach
    void needsTheSimulator() {
        Usable.named("cuda");
    }

    private Jvm jvm() {
        return new Jvm(folder)
                .with("QUERN_CUBLAS", null)
                .with("LD_LIBRARY_PATH", null)
                .with("CUDA_PATH", null)
                .with("QUERN_CUDASIM_REPORT", folder.resolve("report.txt"));
    }

    static String[] train(String... more) {
        List<String> all = new java.util.ArrayList<>(TRAIN);
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    /** The command fails with one line on stderr. */
    static void fails(Jvm.Outcome outcome, int code, String message) {
        assertThat(outcome.err()).isEqualTo("quern: " + message + "\n");
        assertThat(outcome.code()).isEqualTo(code);
    }

    @Test
    void noDriver() throws IOException {
        boolean real =
                new ProcessBuilder("sh", "-c", "ldconfig -p | grep -q libcuda.so.1")
                                .start()
                                .onExit()
                                .join()
                                .exitValue()
                        == 0;
        Assumptions.assumeFalse(real, "there is a driver on this machine");
        Jvm.Outcome outcome = jvm().with("QUERN_LIBCUDA", null).run(Quern.class, train());
        String message =
                "libcuda.so.1 was not found: install the NVIDIA driver (nvidia-smi must work), or"
                        + " set QUERN_LIBCUDA to it";
        fails(outcome, 4, "backend cuda cannot run: " + message);
        Jvm.Outcome doctor = jvm().with("QUERN_LIBCUDA", null).run(Quern.class, "doctor", "-v");
        assertThat(doctor.out().lines().toList()).contains("cuda      not found: " + message);
        assertThat(doctor.code()).isZero();
    }

    @Test
    void aDriverThatIsNotThere() throws IOException {
        Path missing = folder.resolve("libcuda.so.1");
        fails(
                jvm().with("QUERN_LIBCUDA", missing).run(Quern.class, train()),
                4,
                "backend cuda cannot run: QUERN_LIBCUDA is %s, which is not a file: set it to the driver's libcuda.so.1, or unset it"
                        .formatted(missing));
    }

    @Test
    void aDriverThatIsTooOld() throws IOException {
        fails(
                jvm().with("QUERN_CUDASIM_DRIVER_VERSION", "11000").run(Quern.class, train()),
                4,
                "backend cuda cannot run: the NVIDIA driver is for CUDA 11.0, and Quern needs"
                        + " one for 11.4 or newer: update it");
    }

    @Test
    void noDevice() throws IOException {
        fails(
                jvm().with("QUERN_CUDASIM_DEVICES", "0").run(Quern.class, train()),
                4,
                "backend cuda cannot run: no CUDA device is visible: see nvidia-smi, and whether"
                        + " CUDA_VISIBLE_DEVICES hides it");
        assertThat(
                        jvm().with("QUERN_CUDASIM_DEVICES", "0")
                                .run(
                                        Quern.class,
                                        "train",
                                        "--data",
                                        "generated:64,20",
                                        "--epochs=1")
                                .out())
                .contains("not cuda: not found, see quern doctor -v");
    }

    @Test
    void aDeviceThatIsTooOld() throws IOException {
        fails(
                jvm().with("QUERN_CUDASIM_CC", "6.1").run(Quern.class, train()),
                4,
                "backend cuda cannot run: cudasim has compute capability 6.1, and the kernels need"
                        + " 7.5 (Turing) or newer: use --backend opencl");
    }

    @Test
    void anUnknownDevice() throws IOException {
        fails(
                jvm().run(Quern.class, train("--device", "7")),
                2,
                "--device 7: no such CUDA device; there is 0 (cudasim)");
    }

    @Test
    void aTeamThatCannotBe() throws IOException {
        fails(
                jvm().with("QUERN_TEAM", "large").run(Quern.class, train()),
                2,
                "QUERN_TEAM is \"large\": set it to a number of blocks, or unset it");
        fails(
                jvm().with("QUERN_TEAM", "7").run(Quern.class, train()),
                2,
                "QUERN_TEAM=7 cannot train this network here: this device has teams of 1, 4, 8,"
                        + " 12, 16 blocks: unset it");
        fails(
                jvm().with("QUERN_TEAM", "12")
                        .run(Quern.class, train("--model", "dense 800 relu, dense 10")),
                2,
                "QUERN_TEAM=12 cannot train this network here: a block of a cluster of 12 blocks"
                        + " would need 876 KiB of shared memory, and has 227 KiB: unset it");
        Jvm.Outcome graph =
                jvm().with("QUERN_TEAM", "8").run(Quern.class, train("--engine", "graph"));
        assertThat(graph.err()).isEmpty(); // what was asked for by name is not fused
        assertThat(graph.out()).contains("engine    as a graph of launches\n");
    }

    @Test
    void theWrongMajorOfCublas() throws IOException {
        Path library = Files.createFile(folder.resolve("libcublas.so.10"));
        fails(
                jvm().run(Quern.class, train("--cublas", library.toString())),
                4,
                "--cublas %s: is no cuBLAS 11, 12 or 13".formatted(library));
        fails(
                jvm().run(Quern.class, train("--cublas", folder.toString())),
                4,
                "--cublas %s: is no cuBLAS 11, 12 or 13".formatted(folder));
        fails(
                jvm().run(Quern.class, train("--cublas", folder.resolve("none").toString())),
                4,
                "--cublas %s: no such file".formatted(folder.resolve("none")));
    }

    @Test
    void tensorCoresWithoutCublas() throws IOException {
        fails(
                jvm().run(Quern.class, train("--precision", "bf16", "--gemm", "own")),
                2,
                "--precision bf16 needs cuBLAS, and --gemm own keeps it out: leave one of them"
                        + " out");
        fails(
                jvm().run(
                                Quern.class,
                                "train",
                                "--data",
                                "generated:64,20",
                                "--backend",
                                "java",
                                "--precision",
                                "tf32"),
                2,
                "--precision tf32 needs cuBLAS: use --backend cuda, or fp32 on java");
    }

    @Test
    void aLostDeviceEndsTheRunAndItsFolderGoesOn() throws IOException {
        Path run = folder.resolve("run");
        String[] long4 =
                train(
                        "--out",
                        run.toString(),
                        "--gemm",
                        "own",
                        "--engine",
                        "graph",
                        "--epochs",
                        "4");
        // the last --epochs counts
        List<String> command = new java.util.ArrayList<>(List.of(long4));
        command.remove(command.indexOf("--epochs") + 1);
        command.remove("--epochs");
        Jvm.Outcome lost =
                jvm().with("QUERN_CUDASIM_FAIL", "cuGraphLaunch:5:CUDA_ERROR_ECC_UNCORRECTABLE")
                        .run(Quern.class, command.toArray(String[]::new));
        fails(
                lost,
                5,
                "the CUDA device failed: CUDA_ERROR_ECC_UNCORRECTABLE (uncorrectable ECC error"
                        + " encountered) in cuGraphLaunch: the device is lost to this process; see"
                        + " nvidia-smi and the system's log, then train --resume from the last"
                        + " checkpoint");
        Jvm.Outcome resumed =
                jvm().run(Quern.class, "train", "--resume", run.toString(), "--backend", "java");
        assertThat(resumed.err()).isEmpty();
        assertThat(resumed.code()).isZero();
        assertThat(resumed.out()).contains("epoch 4/4");
    }

    @Test
    void syncTellsTheOpTheLayerAndTheStepOfAFault() throws IOException {
        // the 30th launch of a step-by-step run: the third step's
        Jvm.Outcome outcome =
                jvm().with("QUERN_CUDASIM_FAIL", "cuLaunchKernel:32:CUDA_ERROR_ILLEGAL_ADDRESS")
                        .run(Quern.class, train("--sync", "--gemm", "own", "--batch", "8"));
        assertThat(outcome.code()).isEqualTo(5);
        assertThat(outcome.err())
                .matches(
                        "quern: the CUDA device failed: CUDA_ERROR_ILLEGAL_ADDRESS \\(an illegal"
                                + " memory access was encountered\\) in the launch of"
                                + " [a-z_]+: run again with --sync to learn in which op, in the"
                                + " (output|loss|weight gradient|input gradient|update|metrics|input)"
                                + " of [^\n]+ at step \\d\n");
    }

    @Test
    void aNetworkThatDoesNotFit() throws IOException {
        fails(
                jvm().with("QUERN_CUDASIM_MEMORY_MIB", "64")
                        .run(
                                Quern.class,
                                train(
                                        "--gemm",
                                        "own",
                                        "--model",
                                        "dense 2000 relu, dense 10",
                                        "--batch",
                                        "20000")),
                5,
                "out of memory on cudasim (compute capability 9.0, 4 multiprocessors, 64 MiB): the"
                        + " network at batch 20000 needs 392 MiB (18 MiB of it for 1,590,016"
                        + " parameters and their moments), and 64 MiB are free: batch 2,167 would"
                        + " fit");
    }

    @Test
    void aCacheThatCannotBeExecutedFrom() throws Exception {
        Jvm.Outcome outcome = withNativesOn("noexec");
        assertThat(outcome.code()).isEqualTo(4);
        assertThat(outcome.err())
                .matches(
                        "quern: backend cuda cannot run: %s/[0-9a-f]{16}/libJCudaDriver-12.6.0-linux-x86_64.so cannot be loaded \\(failed to map segment from shared object\\): if its folder is mounted noexec, set QUERN_NATIVE_DIR to another one\n"
                                .formatted(folder.resolve("mounted")));
    }

    @Test
    void aCacheThatCannotBeWritten() throws Exception {
        Jvm.Outcome outcome = withNativesOn("ro");
        assertThat(outcome.code()).isEqualTo(4);
        assertThat(outcome.err())
                .matches(
                        "quern: backend cuda cannot run: cannot unpack JCuda's driver binding into %s/[0-9a-f]{16} \\(Read-only file system\\): set QUERN_NATIVE_DIR to a folder that can be written\n"
                                .formatted(folder.resolve("mounted")));
    }

    /** Trains with native libraries unpacked to a file system that is mounted so. */
    private Jvm.Outcome withNativesOn(String mountOption) throws Exception {
        Path mount = Files.createDirectory(folder.resolve("mounted"));
        Process mounted =
                new ProcessBuilder(
                                "mount",
                                "-t",
                                "tmpfs",
                                "-o",
                                mountOption,
                                "tmpfs",
                                mount.toString())
                        .redirectErrorStream(true)
                        .start();
        Assumptions.assumeTrue(mounted.waitFor() == 0, "a file system cannot be mounted here");
        try {
            return jvm().with("QUERN_NATIVE_DIR", mount).run(Quern.class, train());
        } finally {
            assertThat(new ProcessBuilder("umount", mount.toString()).start().waitFor()).isZero();
        }
    }

    @Test
    void aDamagedFileOfJCudasInTheTemporaryFolderDoesNoHarm() throws IOException {
        Path temporary = Files.createDirectory(folder.resolve("tmp"));
        for (String library : List.of("libJCudaDriver", "libJCublas2")) {
            Files.writeString(
                    temporary.resolve(library + "-12.6.0-linux-x86_64.so"), "not a library");
        }
        Jvm.Outcome outcome =
                jvm().with("QUERN_CUBLAS", SIMULATOR.resolve("libcublas.so.12"))
                        .option("-Djava.io.tmpdir=" + temporary)
                        .run(Quern.class, train("--gemm", "cublas"));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
    }

    @Test
    void twoProcessesThatStartAtOnceBothRunAndATruncatedFileIsMended() throws IOException {
        for (int round = 0; round < 3; round++) {
            Jvm jvm = jvm().with("QUERN_NATIVE_DIR", folder.resolve("natives" + round));
            Process one = jvm.start(Quern.class, train("--gemm", "own"));
            Process two = jvm.start(Quern.class, train("--gemm", "own"));
            assertThat(jvm.end(one).code()).isZero();
            assertThat(jvm.end(two).code()).isZero();
        }
        Path natives = folder.resolve("natives0");
        try (var files = Files.walk(natives)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.write(file, java.util.Arrays.copyOf(Files.readAllBytes(file), 5000));
            }
        }
        Jvm.Outcome mended =
                jvm().with("QUERN_NATIVE_DIR", natives).run(Quern.class, train("--gemm", "own"));
        assertThat(mended.err()).isEmpty();
        assertThat(mended.code()).isZero();
    }
}
