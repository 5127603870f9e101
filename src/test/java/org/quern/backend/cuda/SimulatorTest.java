package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.backend.Usable;

/**
 * What the simulator does for kernels, one operation after the other: warps, clusters with
 * distributed shared memory, barriers of a cooperative grid, products of tensor cores, mbarriers
 * and what is put into other blocks, named barriers, copies. The kernels are those of {@code
 * ci/cudasim/test}, and so are the faults, by their numbers.
 */
@Tag("slow")
class SimulatorTest {
    private static final Path SIMULATOR = Path.of("target", "cudasim");
    private static final int VALUES = 512;

    @TempDir static Path folder;

    /** A kernel and how it is launched; together: the blocks of a cluster, or 0 for a grid. */
    private record Kernel(int blocks, int threads, int together, int results) {}

    private static final Map<String, Kernel> KERNELS =
            Map.ofEntries(
                    Map.entry("warp_sum", new Kernel(4, 128, 1, 16)),
                    Map.entry("warp_rotate", new Kernel(4, 128, 1, VALUES)),
                    Map.entry("grid_sum", new Kernel(8, 64, 0, 16)),
                    Map.entry("cluster_ring", new Kernel(16, 32, 4, VALUES)),
                    Map.entry("half_product", new Kernel(1, 32, 1, 128)),
                    Map.entry("tf32_product", new Kernel(1, 32, 1, 128)),
                    Map.entry("padded_product", new Kernel(1, 32, 1, 16)),
                    Map.entry("halves", new Kernel(1, 64, 1, 64)),
                    Map.entry("functions", new Kernel(1, 32, 1, 128)),
                    Map.entry("exchange", new Kernel(8, 64, 4, 40)),
                    Map.entry("named", new Kernel(1, 128, 1, 128)),
                    Map.entry("copies", new Kernel(1, 64, 1, 256)));

    private record Outcome(int result, float[] values, String report) {}

    @BeforeAll
    static void build() throws Exception {
        Usable.named("cuda");
        for (String how : new String[] {"checked", "fast"}) {
            start(
                    "bash",
                    "ci/cudasim/build-module",
                    folder.resolve(how).toString(),
                    how,
                    SIMULATOR.resolve("objects").toString(),
                    "ci/cudasim/test/kernels.cu");
        }
        start(
                System.getenv().getOrDefault("CXX", "g++"),
                "-std=c++17",
                "ci/cudasim/test/run.cpp",
                "-o",
                folder.resolve("run").toString(),
                SIMULATOR.resolve("libcuda.so.1").toString(),
                "-Wl,-rpath," + SIMULATOR.toAbsolutePath());
    }

    private static void start(String... command) throws Exception {
        assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
    }

    private static Outcome run(String name, int fault, int seed, int[] words, String... settings)
            throws Exception {
        Kernel kernel = KERNELS.get(name);
        Path report = folder.resolve("report.txt");
        Files.deleteIfExists(report);
        Path input = folder.resolve("input.txt");
        Files.write(input, Arrays.stream(words).mapToObj(Integer::toHexString).toList());
        List<String> command = new ArrayList<>();
        command.add(folder.resolve("run").toString());
        command.add(name);
        for (int number :
                new int[] {
                    kernel.blocks(), kernel.threads(), kernel.together(), fault, kernel.results()
                }) {
            command.add(Integer.toString(number));
        }
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("QUERN_CUDASIM_MODULE", folder.resolve("checked").toString());
        builder.environment().put("QUERN_CUDASIM_REPORT", report.toString());
        builder.environment().put("QUERN_CUDASIM_SEED", Integer.toString(seed));
        for (int i = 0; i < settings.length; i += 2) {
            builder.environment().put(settings[i], settings[i + 1]);
        }
        Process process =
                builder.redirectInput(input.toFile())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        List<String> lines = new String(process.getInputStream().readAllBytes()).lines().toList();
        assertThat(process.waitFor()).isZero();
        float[] values = new float[lines.size() - 1];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(Integer.parseUnsignedInt(lines.get(i + 1), 16));
        }
        return new Outcome(
                Integer.parseInt(lines.get(0)),
                values,
                Files.exists(report) ? Files.readString(report) : "");
    }

    private static int[] counted() {
        return IntStream.rangeClosed(1, VALUES).map(i -> Float.floatToIntBits(i)).toArray();
    }

    private static double expected(String name, int i) {
        return switch (name) {
            case "warp_sum" -> 32 * (32 * i) + 32 * 33 / 2;
            case "warp_rotate" -> i / 32 * 32 + (i + 1) % 32 + 1;
            case "grid_sum" -> i < 8 ? VALUES * (VALUES + 1) / 2 : 64 * 64 * (i - 8) + 64 * 65 / 2;
            // written by the right neighbour, which had read from its own right one
            case "cluster_ring" -> i / 128 * 128 + (i % 128 + 64) % 128 + 1;
            // of step s the values 128 c + 32 b + s + 1 of the cluster's blocks b, and s
            case "exchange" -> 4 * (128 * (i / 20) + i % 5 + 1) + 32 * 6 + i % 5;
            case "padded_product" -> 13 * 13 * i + 13 * 14 / 2;
            case "named" -> i / 64 * 64 + 63 - i % 64 + 1;
            case "copies" -> 256 - i;
            case "halves" -> 0;
            default -> throw new IllegalArgumentException(name);
        };
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "warp_sum",
                "warp_rotate",
                "grid_sum",
                "cluster_ring",
                "exchange",
                "padded_product",
                "named",
                "copies",
                "halves"
            })
    void runsThemRightlyInAnyOrder(String kernel) throws Exception {
        for (int seed = 1; seed <= 6; seed++) {
            String module = folder.resolve(seed <= 4 ? "checked" : "fast").toString();
            Outcome outcome = run(kernel, 0, seed, counted(), "QUERN_CUDASIM_MODULE", module);
            assertThat(outcome.report()).isEmpty();
            assertThat(outcome.result()).isZero();
            for (int i = 0; i < outcome.values().length; i++) {
                assertThat((double) outcome.values()[i]).isEqualTo(expected(kernel, i));
            }
        }
    }

    @ParameterizedTest(name = "{0}: {2}")
    @CsvSource(
            delimiter = '|',
            textBlock =
"""
warp_rotate|1|no wait for the warp|race in shared memory
grid_sum|1|no wait for the grid|race in device memory
cluster_ring|1|no wait for the cluster|race in shared memory
cluster_ring|2|a wait without arrival|a wait at a barrier of a team without arrival
cluster_ring|3|two arrivals|two arrivals at a barrier of a team
half_product|1|a lane stays away from a product|not all 32 lanes of a warp come to one product of tensor cores
exchange|1|no mbarrier|no mbarrier has been initialised at byte
exchange|2|a missing thread|(1 arrival and 0 bytes to come)
exchange|3|no fence|is used by another block without a fence after its initialisation
exchange|4|others begin too early|no mbarrier has been initialised at byte
exchange|5|one place for all steps|what a copy or a put is to bring, which nobody has waited for or race in shared memory
exchange|6|an arrival before what it stands for|a load after a store by thread 0
exchange|7|a missing arrival|warp 0 waits for a barrier of the block; warp 1 waits for phase 1 of the mbarrier at byte
exchange|8|an arrival too many|an arrival too many at the mbarrier at byte
exchange|9|too few bytes expected|16 bytes more than expected have come to the mbarrier at byte or that its phase does not expect
exchange|10|too many bytes expected|(0 arrivals and 16 bytes to come)
exchange|11|a put into a block that has left|a put into block 0 of the team, which has left or a block leaves before
exchange|12|an mbarrier that is written over|race in shared memory or has been written over
exchange|13|no wait|race in shared memory
exchange|14|the wrong parity|race in shared memory
exchange|15|no wait for the next step|race in shared memory or what a copy or a put is to bring
exchange|16|a block leaves too early|a block leaves before or which has left
named|1|no wait|race in shared memory
named|2|counts that differ|named barrier 2 for
named|3|a count that nobody reaches|warps 2 and 3 wait for named barrier 2 (64 of 96 threads are there)
named|4|half a warp|named barrier 1
named|5|a barrier that does not exist|named barrier 16, there are 16
copies|1|no wait of the thread's own|a load of what a copy or a put is to bring, which nobody has waited for
copies|2|no wait|a load of what a copy or a put is to bring, which nobody has waited for
copies|3|no wait for other threads' copies|race in shared memory
""")
    void tellsOfAFault(String kernel, int fault, String what, String message) throws Exception {
        for (int seed = 1; seed <= 3; seed++) {
            Outcome outcome = run(kernel, fault, seed, counted());
            assertThat(outcome.result()).isEqualTo(719); // CUDA_ERROR_LAUNCH_FAILED
            assertThat(outcome.report()).startsWith("cudasim: ").contains(kernel);
            assertThat(List.of(message.split(" or "))).anyMatch(outcome.report()::contains);
        }
    }

    /** Where no access is looked at, what comes late is still missing. */
    @ParameterizedTest
    @CsvSource({"exchange,13", "exchange,14", "copies,2"})
    void givesWhatWasThereBeforeToWhoDoesNotWait(String kernel, int fault) throws Exception {
        String fast = folder.resolve("fast").toString();
        Outcome outcome = run(kernel, fault, 1, counted(), "QUERN_CUDASIM_MODULE", fast);
        if (outcome.result() == 0) {
            float[] right = new float[outcome.values().length];
            for (int i = 0; i < right.length; i++) {
                right[i] = (float) expected(kernel, i);
            }
            assertThat(outcome.values()).isNotEqualTo(right);
        } else { // who did not wait has gone on to arrive once more
            assertThat(outcome.report()).contains("an arrival too many at the mbarrier");
        }
    }

    @Test
    void paddingThatIsNotMaskedIsNotANumber() throws Exception {
        for (float value : run("padded_product", 1, 1, counted()).values()) {
            assertThat(value).isNaN();
        }
    }

    /**
     * Where PTX ISA has the elements of fragments, by matrix: lane 4 g + t, word i, half h.
     *
     * @param depth columns of A: 16 of halves, 8 of TF32
     */
    private static double[] product(int[] words, int depth) {
        double[][] a = new double[16][depth];
        double[][] b = new double[depth][8];
        for (int lane = 0; lane < 32; lane++) {
            int g = lane / 4;
            int t = lane % 4;
            for (int i = 0; i < 6; i++) {
                int word = words[10 * lane + i];
                for (int h = 0; h < depth / 8; h++) {
                    int k = depth == 16 ? 2 * t + h : t;
                    double value =
                            depth == 16
                                    ? half(word >>> 16 * h & 0xffff)
                                    : Float.intBitsToFloat(word & ~0x1fff);
                    if (i < 4) {
                        a[g + 8 * (i % 2)][k + depth / 2 * (i / 2)] = value;
                    } else {
                        b[k + depth / 2 * (i - 4)][g] = value;
                    }
                }
            }
        }
        double[] d = new double[128];
        for (int i = 0; i < 128; i++) {
            int row = i / 16 + 8 * (i / 2 % 2);
            int column = 2 * (i / 4 % 4) + i % 2;
            d[i] = Float.intBitsToFloat(words[10 * (i / 4) + 6 + i % 4]);
            for (int k = 0; k < depth; k++) {
                d[i] += a[row][k] * b[k][column];
            }
        }
        return d;
    }

    private static double half(int bits) {
        int exponent = bits >> 10 & 31;
        int fraction = bits & 1023;
        double magnitude =
                exponent == 0
                        ? fraction * 0x1p-24
                        : (1024 + fraction) * Math.pow(2, exponent - 25.0);
        return bits >> 15 == 0 ? magnitude : -magnitude;
    }

    @ParameterizedTest
    @CsvSource({"half_product,16", "tf32_product,8"})
    void multipliesFragments(String kernel, int depth) throws Exception {
        Random random = new Random(7);
        for (int i = 0; i < 5; i++) {
            int[] words = new int[320];
            for (int w = 0; w < words.length; w++) {
                words[w] =
                        w % 10 > 5 || depth == 8
                                ? Float.floatToIntBits((float) random.nextGaussian())
                                // any halves below 4 in magnitude, subnormal ones among them
                                : random.nextInt() & 0xc3ffc3ff;
            }
            double[] right = product(words, depth);
            float[] exact = run(kernel, 0, 1, words).values();
            for (String sums : new String[] {"exact", "backward", "hopper"}) {
                float[] values = run(kernel, 0, 1, words, "QUERN_CUDASIM_SUMS", sums).values();
                for (int k = 0; k < right.length; k++) {
                    float most = sums.equals("exact") ? 0 : 2e-5f;
                    assertThat(values[k]).isCloseTo((float) right[k], within(most));
                }
                assertThat(Arrays.equals(values, exact)).isEqualTo(sums.equals("exact"));
            }
        }
    }

    @Test
    void theFastFunctionsAreThoseOfTheHardwareToAUnitOrTwo() throws Exception {
        int[] words = new int[32];
        for (int i = 0; i < 32; i++) {
            words[i] = Float.floatToIntBits((float) Math.pow(1.7, i - 16));
        }
        words[31] = 1; // a subnormal number is 0
        List<IntToDoubleFunction> functions =
                List.of(
                        i -> Math.sqrt(value(words, i)),
                        i -> 1 / value(words, i),
                        i -> Math.pow(2, value(words, i)),
                        i -> Math.log(value(words, i)) / Math.log(2));
        for (String sums : new String[] {"exact", "backward"}) {
            float[] values = run("functions", 0, 1, words, "QUERN_CUDASIM_SUMS", sums).values();
            for (int i = 0; i < 128; i++) {
                float right = (float) functions.get(i / 32).applyAsDouble(i % 32);
                if (Float.isInfinite(right) || right == 0) {
                    assertThat(values[i]).isEqualTo(right);
                } else {
                    assertThat(values[i]).isCloseTo(right, within(2 * Math.ulp(right)));
                }
            }
        }
    }

    private static double value(int[] words, int i) {
        return i == 31 ? 0 : Float.intBitsToFloat(words[i]);
    }
}
