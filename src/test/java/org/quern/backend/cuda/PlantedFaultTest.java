package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Jvm;
import org.quern.backend.Usable;

/** The simulator tells what is wrong with a kernel or a call: each kind of fault, planted once. */
@Tag("slow")
class PlantedFaultTest {
    private static final Path SIMULATOR = Path.of("target", "cudasim").toAbsolutePath();

    @TempDir Path folder;

    @BeforeEach
    void needsTheSimulator() {
        Usable.named("cuda");
    }

    private String report(String... arguments) throws IOException {
        return report(SIMULATOR.resolve("module.so"), arguments);
    }

    private String report(Path module, String... arguments) throws IOException {
        Path report = folder.resolve("report.txt");
        Jvm.Outcome outcome =
                new Jvm(folder)
                        .with("QUERN_CUDASIM_MODULE", module)
                        .with("QUERN_CUDASIM_REPORT", report)
                        .run(CudaTrouble.class, arguments);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return (Files.exists(report) ? Files.readString(report) : "") + outcome.out();
    }

    @Test
    void soundKernelsAreNotReported() throws IOException {
        assertThat(report("cases", "Gather")).isEmpty();
        assertThat(report("cases", "Metrics")).isEmpty();
        assertThat(report("cases", "bf16 DenseForward 32x784x48")).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            textBlock =
"""
a removed barrier|ops/product.h|            barrier(CLK_LOCAL_MEM_FENCE);|            ;|DenseForward 2x2x31|race in shared memory
a barrier removed from a reduction|ops/step.cl|'        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);'|        ;|Metrics|race in shared memory
a store past a buffer|ops/step.cl|log[2 + 2 * now.index] =|log[3 + 2 * now.index] =|Metrics|a store of 4 bytes 4 bytes past the end of allocation
a missing tail guard|ops/loss.cl|if (row < rows && lane == 0) {|if (lane == 0) {|SquaredError|bytes past the end of allocation
a barrier that some threads miss|ops/gather.cl|    barrier(CLK_LOCAL_MEM_FENCE);|    if (t < 5) barrier(CLK_LOCAL_MEM_FENCE);|Gather|a barrier that 251 of 256 threads do not reach
a removed barrier before a word of bits|cuda/convert.cl|    barrier(CLK_LOCAL_MEM_FENCE);|    ;|bf16 DenseForward 32x784x48|race in shared memory
rows of bfloat16 that overlap|cuda/convert.cl|store_rounded(x, rounded, rounded_at + row * stride + column);|store_rounded(x, rounded, rounded_at + row * (stride - 8) + column);|bf16 DenseForward 32x784x48|race in device memory
two threads that write one value|ops/loss.cl|arena[hits_at + row] = hits;|arena[hits_at] = hits;|SquaredError|two stores by thread
""")
    void tellsOfAFaultInAKernel(
            String fault, String file, String sound, String faulty, String cases, String message)
            throws IOException, InterruptedException {
        assertThat(report(planted("cuda/fused_cluster_12.cu", file, sound, faulty), "cases", cases))
                .startsWith("cudasim: ")
                .contains(message)
                .contains("the CUDA device failed");
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            textBlock =
"""
no wait for what other blocks put|cuda/fused_cluster.h|#define TEAM_GATHER(slot) cooperative_groups::this_cluster().sync()|#define TEAM_GATHER(slot) SYNC()|race in shared memory
no wait for others to have begun|fused/fused_train.h|TEAM_SYNC(); /* nobody puts into|SYNC(); /* nobody puts into|race in
no wait for the loss|fused/fused_train.h|WARP_SYNC();\\n                fused_backward|fused_backward|race in shared memory
no wait for a layer below|fused/fused_train.h|b0, b1, lane);\\n                WARP_SYNC();|b0, b1, lane);|race in shared memory
no wait for the gradients of all rows|fused/fused_train.h|        SYNC();\\n        if (works) {\\n#if TEAM_TENSOR|        if (works) {\\n#if TEAM_TENSOR|race in shared memory
no wait for the next step|fused/fused_train.h|        } else {\\n            SYNC();\\n        }\\n        now = next;|        }\\n        now = next;|race in shared memory
a sum that is stored by both lanes|fused/fused_train.h|            if (lane % 2 == 0) {|            {|two stores by thread
memory that was not asked for|fused/fused_layers.h|mem[NET(NET_LOSSES) + b] = (log(sum)|mem[NET(NET_MEMORY) + b] = (log(sum)|outside all memory of the device
no wait for what the warps have summed|fused/fused_train.h|n0, t);\\n        }\\n        SYNC();|n0, t);\\n        }|race in shared memory
no wait before the sums of the warps are written again|fused/fused_train.h|        if (n0 + TENSOR_COLUMNS < own) {\\n            SYNC();\\n        }|        ;|race in shared memory
largest weights of one warp for all|cuda/fused_tensor.h|return NET(NET_TOPS) + warp *|return NET(NET_TOPS) + 0 *|race in shared memory
""")
    void tellsOfAFaultInTheFusedKernel(
            String fault, String file, String sound, String faulty, String message)
            throws IOException, InterruptedException {
        Path module =
                planted(
                        "cuda/fused_cluster_12.cu",
                        file,
                        sound.replace("\\n", "\n"),
                        faulty.replace("\\n", "\n"));
        boolean tensor = fault.contains("warp");
        assertThat(report(module, tensor ? "tensor" : "fused"))
                .startsWith("cudasim: ")
                .contains(message)
                .contains("fused_train_cluster_12")
                .contains("the CUDA device failed");
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            textBlock =
"""
no wait for what other blocks put|            barrier_wait(&s.arrived[slot], step >> 1 & 1u);|            ;|race in shared memory
more bytes expected than come|TOTAL = BLOCKS * B * 16;|TOTAL = BLOCKS * B * 16 + 16;|0 arrivals and 16 bytes to come
one arrival more expected than there are|ARRIVALS = 9|ARRIVALS = 10|1 arrival and 0 bytes to come
no wait for the gradients|        __syncthreads(); /* 2: the gradients */|        ;|race in shared memory
""")
    void tellsOfAFaultInAKernelForOneNetwork(
            String fault, String sound, String faulty, String message)
            throws IOException, InterruptedException {
        Path module =
                planted("cuda/fused_784_48_15_10_adam.cu", "cuda/fused_shape.h", sound, faulty);
        assertThat(report(module, "shape"))
                .startsWith("cudasim: ")
                .contains(message)
                .contains("fused_train_784_48_15_10_adam");
    }

    /**
     * A checked module of the ops and a fused unit with something else in one source: only what has
     * it is compiled anew.
     */
    private Path planted(String fused, String file, String sound, String faulty)
            throws IOException, InterruptedException {
        Path kernels = Files.createDirectory(folder.resolve("kernels"));
        Path all = Path.of("kernels");
        try (Stream<Path> sources = Files.walk(all)) {
            for (Path source : sources.filter(Files::isRegularFile).toList()) {
                if (source.toString().matches(".*\\.(h|cl|cu)")) {
                    Path copy = kernels.resolve(all.relativize(source));
                    Files.createDirectories(copy.getParent());
                    Files.copy(source, copy);
                }
            }
        }
        Path planted = kernels.resolve(file);
        String text = Files.readString(planted);
        assertThat(text).contains(sound);
        Files.writeString(planted, text.replace(sound, faulty));
        Path module = folder.resolve("planted.so");
        Process build =
                new ProcessBuilder(
                                "bash",
                                "ci/cudasim/build-module",
                                module.toString(),
                                "checked",
                                SIMULATOR.resolve("objects").toString(),
                                kernels.resolve("quern.cu").toString(),
                                kernels.resolve(fused).toString())
                        .inheritIO()
                        .start();
        assertThat(build.waitFor()).isZero();
        return module;
    }

    @Test
    void tellsOfALeak() throws IOException {
        assertThat(report("leak"))
                .matches(
                        "cudasim: leak: allocation \\d+ of 12345 bytes of device memory was not"
                                + " freed\n");
    }

    @Test
    void tellsOfMemoryThatWasFreed() throws IOException {
        assertThat(report("freed"))
                .startsWith("cudasim: a load of 4 bytes in freed allocation ")
                .contains("of 400 bytes: finite_check, block (0, 0, 0), thread (")
                .contains(
                        "the CUDA device failed: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory"
                                + " access was encountered) in ")
                .endsWith("run again with --sync to learn in which op\n");
    }

    @Test
    void tellsOfArgumentsOfTheWrongSize() throws IOException {
        assertThat(report("arguments"))
                .startsWith(
                        "cudasim: the launch of finite_check has 20 bytes of arguments, and the"
                                + " kernel takes 24\n");
    }

    @Test
    void pinnedMemoryThatIsWrittenTooEarlyArrivesChanged() throws IOException {
        assertThat(report("early")).endsWith("seen\n").doesNotEndWith("not seen\n");
    }

    @Test
    void theHostFillsOneHalfOfTheStagingMemoryWhileTheOtherIsCopied() throws IOException {
        assertThat(report("pieces")).isEqualTo("right\n");
        assertThat(report("hasty")).isEqualTo("wrong\n"); // nobody waited for the half's copy
    }
}
