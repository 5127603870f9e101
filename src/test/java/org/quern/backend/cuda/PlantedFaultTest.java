package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.backend.Usable;

/** The simulator tells what is wrong with a kernel or a call: each kind of fault, planted once. */
@Tag("slow")
class PlantedFaultTest {
    @TempDir Path folder;

    @BeforeEach
    void needsTheSimulator() {
        Usable.named("cuda");
    }

    private String report(String... arguments) throws IOException {
        return report(Path.of("target/cudasim/module.so").toAbsolutePath(), -1, arguments);
    }

    private String report(Path module, int fault, String... arguments) throws IOException {
        Path report = folder.resolve("report.txt");
        Jvm.Outcome outcome =
                new Jvm(folder)
                        .with("QUERN_CUDASIM_MODULE", module)
                        .with("QUERN_CUDASIM_REPORT", report)
                        .with("QUERN_PLANTED", fault)
                        .run(CudaTrouble.class, arguments);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return (Files.exists(report) ? Files.readString(report) : "") + outcome.out();
    }

    /**
     * A fault of the kernels.
     *
     * @param file the source that has it, below kernels
     * @param sound what is there
     * @param planted what is put there: the fault where PLANTED is true, else what was there
     * @param run what {@link CudaTrouble} is asked to do
     * @param message what the simulator says of it
     */
    private record Fault(
            String name, String file, String sound, String planted, String run, String message) {
        static Fault of(String row) {
            String[] words = row.replace("\\n", "\n").split(" @ ");
            return new Fault(words[0], words[1], words[2], words[3], words[4], words[5]);
        }

        /** The name of the fused kernel that has it, or nothing. */
        String kernel() {
            return switch (run) {
                case "fused", "tensor" -> "fused_train_cluster_12";
                case "shape" -> "fused_train_784_48_15_10_adam";
                default -> "";
            };
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static final List<Fault> FAULTS =
"""
a removed barrier @ ops/product.h @ barrier(CLK_LOCAL_MEM_FENCE); @ if (!PLANTED) barrier(CLK_LOCAL_MEM_FENCE); @ cases DenseForward 2x2x31 @ race in shared memory
a barrier removed from a reduction @ shared/log.h @ barrier(CLK_LOCAL_MEM_FENCE | @ if (!PLANTED) barrier(CLK_LOCAL_MEM_FENCE | @ cases Metrics @ race in shared memory
a store past a buffer @ shared/log.h @ log[2 + 2 * now.index] = @ log[2 + PLANTED + 2 * now.index] = @ cases Metrics @ a store of 4 bytes 4 bytes past the end of allocation
a missing tail guard @ ops/loss.cl @ if (row < rows && lane == 0) { @ if ((PLANTED || row < rows) && lane == 0) { @ cases SquaredError @ bytes past the end of allocation
a barrier that some threads miss @ ops/gather.cl @ barrier(CLK_LOCAL_MEM_FENCE); @ if (!PLANTED || t < 5) barrier(CLK_LOCAL_MEM_FENCE); @ cases Gather @ a barrier that 251 of 256 threads do not reach
a removed barrier before a word of bits @ cuda/convert.cl @ barrier(CLK_LOCAL_MEM_FENCE); @ if (!PLANTED) barrier(CLK_LOCAL_MEM_FENCE); @ cases bf16 DenseForward 32x784x48 @ race in shared memory
rows of bfloat16 that overlap @ cuda/convert.cl @ store_rounded(x, rounded, rounded_at + row * stride + column); @ store_rounded(x, rounded, rounded_at + row * (stride - 8 * PLANTED) + column); @ cases bf16 DenseForward 32x784x48 @ race in device memory
two threads that write one value @ ops/loss.cl @ arena[hits_at + row] = hits; @ arena[hits_at + row * !PLANTED] = hits; @ cases SquaredError @ two stores by thread
no wait for what other blocks put @ cuda/fused_cluster.h @ #define TEAM_GATHER(slot) cooperative_groups::this_cluster().sync() @ #define TEAM_GATHER(slot) do { if (PLANTED) { SYNC(); } else { cooperative_groups::this_cluster().sync(); } } while (0) @ fused @ race in shared memory
no wait for others to have begun @ fused/fused_train.h @ TEAM_SYNC(); /* nobody puts into @ if (PLANTED) { SYNC(); } else { TEAM_SYNC(); } /* nobody puts into @ fused @ race in
no wait for the loss @ fused/fused_train.h @ WARP_SYNC();\\n                fused_backward @ if (!PLANTED) { WARP_SYNC(); }\\n                fused_backward @ fused @ race in shared memory
no wait for a layer below @ fused/fused_train.h @ b0, b1, lane);\\n                WARP_SYNC(); @ b0, b1, lane);\\n                if (!PLANTED) { WARP_SYNC(); } @ fused @ race in shared memory
no wait for the gradients of all rows @ fused/fused_train.h @ SYNC();\\n        if (works) {\\n#if TEAM_TENSOR @ if (!PLANTED) { SYNC(); }\\n        if (works) {\\n#if TEAM_TENSOR @ fused @ race in shared memory
no wait for the next step @ fused/fused_train.h @ } else {\\n            SYNC();\\n        }\\n        now = next; @ } else if (!PLANTED) {\\n            SYNC();\\n        }\\n        now = next; @ fused @ race in shared memory
a sum that is stored by both lanes @ fused/fused_train.h @ if (lane % 2 == 0) { @ if (PLANTED || lane % 2 == 0) { @ fused @ two stores by thread
memory that was not asked for @ fused/fused_layers.h @ mem[NET(NET_LOSSES) + b] = (log(sum) @ mem[NET(PLANTED ? NET_MEMORY : NET_LOSSES) + b] = (log(sum) @ fused @ outside all memory of the device
no wait for what the warps have summed @ fused/fused_train.h @ n0, t);\\n        }\\n        SYNC(); @ n0, t);\\n        }\\n        if (!PLANTED) { SYNC(); } @ tensor @ race in shared memory
no wait before the sums of the warps are written again @ fused/fused_train.h @ if (n0 + TENSOR_COLUMNS < own) { @ if (!PLANTED && n0 + TENSOR_COLUMNS < own) { @ tensor @ race in shared memory
largest weights of one warp for all @ cuda/fused_tensor.h @ return NET(NET_TOPS) + warp * @ return NET(NET_TOPS) + (PLANTED ? 0 : warp) * @ tensor @ race in shared memory
no wait for what another block's store brings @ cuda/fused_shape.h @ barrier_wait(&s.arrived[slot], step >> 1 & 1u); @ if (!PLANTED) barrier_wait(&s.arrived[slot], step >> 1 & 1u); @ shape @ race in shared memory
more bytes expected than come @ cuda/fused_shape.h @ barrier_expect(&s.arrived[slot], TOTAL); @ barrier_expect(&s.arrived[slot], TOTAL + 16 * PLANTED); @ shape @ 0 arrivals and 16 bytes to come
one arrival more expected than there are @ cuda/fused_shape.h @ barrier_init(&s.arrived[0], ARRIVALS); @ barrier_init(&s.arrived[0], ARRIVALS + PLANTED); @ shape @ 1 arrival and 0 bytes to come
no wait for the gradients @ cuda/fused_shape.h @ __syncthreads(); /* 2: the gradients */ @ if (!PLANTED) { __syncthreads(); } /* 2: the gradients */ @ shape @ race in shared memory
"""
                    .lines()
                    .map(Fault::of)
                    .toList();

    static List<Fault> faults() {
        return FAULTS;
    }

    @TempDir static Path shared;
    private static Path planted;

    @ParameterizedTest
    @MethodSource("faults")
    void tellsOfAFaultInAKernel(Fault fault) throws Exception {
        assertThat(report(planted(), FAULTS.indexOf(fault), fault.run().split(" ", 2)))
                .startsWith("cudasim: ")
                .contains(fault.message())
                .contains(fault.kernel())
                .contains("the CUDA device failed");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "cases Metrics",
                "cases bf16 DenseForward 32x784x48",
                "fused",
                "tensor",
                "shape"
            })
    void withoutAFaultNothingIsToldOfTheSameModule(String run) throws Exception {
        assertThat(report(planted(), -1, run.split(" ", 2))).isEmpty();
    }

    /** A checked module with all the faults, of which a variable of the environment chooses one. */
    private static synchronized Path planted() throws Exception {
        if (planted != null) {
            return planted;
        }
        Path kernels = Files.createDirectory(shared.resolve("kernels"));
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
        // Not looked at by the simulator's checks: it is memory of the host.
        Path choice = kernels.resolve("planted.h");
        Files.writeString(
                choice,
                """
                #pragma once
                #include <cstdlib>
                __attribute__((no_sanitize("thread"), unused)) static bool planted(int fault) {
                    static const int asked_for = atoi(getenv("QUERN_PLANTED"));
                    return fault == asked_for;
                }
                """);
        for (int i = 0; i < FAULTS.size(); i++) {
            Fault fault = FAULTS.get(i);
            Path file = kernels.resolve(fault.file());
            String text = Files.readString(file);
            assertThat(text).as(fault.name()).contains(fault.sound());
            String include = "#include \"" + choice + "\"\n";
            String faulty = fault.planted().replace("PLANTED", "planted(" + i + ")");
            Files.writeString(
                    file,
                    (text.startsWith(include) ? "" : include)
                            + text.replace(fault.sound(), faulty));
        }
        Path module = shared.resolve("planted.so");
        Process build =
                new ProcessBuilder(
                                "bash",
                                "ci/cudasim/build-module",
                                module.toString(),
                                "checked",
                                shared.resolve("objects").toString(),
                                kernels.resolve("quern.cu").toString(),
                                kernels.resolve("cuda/fused_cluster_12.cu").toString(),
                                kernels.resolve("cuda/fused_784_48_15_10_adam.cu").toString())
                        .inheritIO()
                        .start();
        assertThat(build.waitFor()).isZero();
        planted = module;
        return planted;
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
