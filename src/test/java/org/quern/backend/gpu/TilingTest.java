package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.opencl.OpenclBackend;
import org.quern.backend.trace.TraceDevice;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/** Tiles by measurement, and what depends on which tiles a step has. */
class TilingTest {
    private static final int UNITS = 20;

    /** For so many the rule has small tiles; medium ones may be faster for one product. */
    private static final int MANY = 120;

    private static final int STEPS = 3; // the last of 8 rows
    private static final Backend.Options OWN =
            Backend.Options.DEFAULT.with(Backend.Engine.GRAPH).with(Backend.Gemm.OWN);
    private static final String RULE = "the rule is followed";
    private static final Dataset DIGITS = Digits.generate("digits", 40, 0, 1);

    /** One tile is in question for the small layers; for the first layer's weights, all are. */
    private static final Plan PLAN =
            plan("dense 48 relu, dense 15, dense 10", Optimizer.Adam.DEFAULT);

    @TempDir Path folder;
    private Path file;

    @BeforeEach
    void isEmpty() {
        file = folder.resolve("gemm/device.csv");
    }

    private static Plan plan(String layers, Optimizer optimizer) {
        Model model = ModelText.parse(Model.input(28, 28), layers);
        return Plan.of(model, Loss.CROSS_ENTROPY, optimizer, 16);
    }

    /** Computes nothing, and its clock says that kernels in one tile take less time. */
    private static final class Timed extends TraceDevice {
        private final GemmTable table;

        Timed(Path file, Tiling fastest) {
            table = new GemmTable(this, file, () -> nanos("_" + fastest.text()), RULE);
        }

        private long nanos(String fastest) {
            return counts().launches().entrySet().stream()
                    .mapToLong(e -> e.getValue() * (e.getKey().endsWith(fastest) ? 1000 : 3000))
                    .sum();
        }

        @Override
        public int computeUnits() {
            return UNITS;
        }

        @Override
        public GemmTable table() {
            return table;
        }
    }

    /** Trains, and tells how often each kernel was launched by the last steps and by all. */
    private static List<Map<String, Long>> train(TraceDevice device, Tiling.Choice tiling) {
        Backend.Options options = Backend.Options.DEFAULT;
        Steps steps = new Steps(1, STEPS);
        try (Executor executor = new KernelExecutor(device, PLAN, tiling, options);
                DeviceDataset data = executor.upload(DIGITS)) {
            executor.train(data, steps.select(0, STEPS, PLAN.optimizer(), step -> 1e-3));
            Map<String, Long> before = device.counts().launches();
            executor.train(data, steps.select(STEPS, STEPS, PLAN.optimizer(), step -> 1e-3));
            Map<String, Long> all = device.counts().launches();
            Map<String, Long> last = new java.util.TreeMap<>();
            all.forEach(
                    (kernel, count) -> last.put(kernel, count - before.getOrDefault(kernel, 0L)));
            last.values().removeIf(count -> count == 0);
            return List.of(last, all);
        }
    }

    private static List<Map<String, Long>> measured(Timed device) {
        return train(device, Tiling.measured(UNITS));
    }

    @ParameterizedTest
    @EnumSource
    void theFastestIsTakenAnnouncedAndKept(Tiling fastest) throws IOException {
        Timed first = new Timed(file, fastest);
        assertThat(first.table().notice(true)).contains(file.toString(), "QUERN_TILES=rule");
        assertThat(first.table().notice(false)).contains(file.toString()).doesNotContain("rule");
        Map<String, Long> taken = measured(first).get(0);
        assertThat(taken).containsKey("dense_backward_weights_" + fastest.text());
        assertThat(Files.readAllLines(file))
                .anyMatch(line -> line.matches("dense_backward_weights,784,48,16,.*large=.*"))
                .noneMatch(line -> line.startsWith("dense_backward_weights,15,10,"));

        // what another process finds: a device whose clock says something else
        Path later = file.resolveSibling("later.csv");
        Files.copy(file, later);
        Tiling other = fastest == Tiling.SMALL ? Tiling.LARGE : Tiling.SMALL;
        Timed second = new Timed(later, other);
        assertThat(second.table().notice(true)).isNull();
        List<Map<String, Long>> again = measured(second);
        assertThat(again.get(0)).isEqualTo(taken);
        again.get(0)
                .forEach(
                        (kernel, count) ->
                                assertThat(again.get(1)).containsEntry(kernel, 2 * count));
        assertThat(Files.readAllLines(later)).isEqualTo(Files.readAllLines(file));
    }

    @Test
    void whereNothingCanBeKeptTheRuleChoosesAndThatIsSaid() throws IOException {
        Files.createFile(file.getParent());
        byRule(file);
    }

    private static void byRule(Path file) {
        Timed device = new Timed(file, Tiling.LARGE);
        assertThat(device.table().notice(true)).contains(file + " cannot be written", RULE);
        List<Map<String, Long>> counts = measured(device);
        assertThat(counts).isEqualTo(train(new TraceDevice(), Tiling.forUnits(UNITS)));
    }

    @Test
    void whatAFileLacksThatCannotBeWrittenTheRuleChooses() throws IOException {
        Files.createDirectories(file.resolveSibling("lock")); // no file to lock
        String shape = "dense_backward_weights,784,48,%d";
        Files.writeString(file, shape.formatted(17) + ",medium=3.00,small=3.00,large=1.00\n");
        byRule(file);

        Path other = Files.createDirectories(folder.resolve("other/lock")).resolveSibling("it.csv");
        Files.writeString(other, shape.formatted(16) + ",medium=3.00,small=3.00,large=1.00\n");
        assertThat(measured(new Timed(other, Tiling.SMALL)).get(0))
                .containsKey("dense_backward_weights_large");
    }

    /** A second training in a process whose first could write what it measured. */
    @Test
    void whatCannotBeWrittenAnyMoreIsSaid() throws IOException {
        measured(new Timed(file, Tiling.LARGE));
        Files.move(file.getParent(), folder.resolve("moved"));
        Files.createFile(file.getParent());
        assertThat(new Timed(file, Tiling.LARGE).table().notice(true)).contains(RULE);
    }

    /** Kernels that are run to be timed leave no trace, and their times say what is taken. */
    @ParameterizedTest
    @ValueSource(strings = {"opencl", "cuda"})
    void whatIsMeasuredIsTheSameBitsAsWhatIsKept(String backend) throws IOException {
        Usable.named(backend);
        long[] clock = {0, 1 << 20};
        LongSupplier shorter = () -> clock[0] += clock[1]--; // the last to be timed is the fastest
        float[] first = state(backend, file, shorter);
        assertThat(Files.readAllLines(file))
                .hasSize(1)
                .allMatch(line -> line.matches("dense_backward_weights,784,48,16,small=.*"));
        Path later = Files.copy(file, file.resolveSibling("later.csv"));
        LongSupplier never =
                () -> {
                    throw new AssertionError("what is kept is measured");
                };
        assertThat(state(backend, later, never)).containsExactly(first);
        Tiling.Choice taken = (m, n) -> m == 784 ? Tiling.MEDIUM : Tiling.SMALL;
        assertThat(state(device(backend, OWN), PLAN, taken, OWN)).containsExactly(first);
        Tiling.Choice rule = Tiling.forUnits(MANY);
        assertThat(state(device(backend, OWN), PLAN, rule, OWN)).isNotEqualTo(first);
    }

    private static float[] state(String backend, Path file, LongSupplier nanos) {
        Device device = device(backend, OWN);
        GemmTable table = new GemmTable(device, file, nanos, RULE);
        Device timed =
                (Device)
                        Proxy.newProxyInstance(
                                Device.class.getClassLoader(),
                                new Class<?>[] {Device.class},
                                (proxy, method, arguments) ->
                                        method.getName().equals("table")
                                                ? table
                                                : method.invoke(device, arguments));
        return state(timed, PLAN, Tiling.measured(MANY), OWN);
    }

    /**
     * What ends a step in one launch for each size of tile gives the bits that op by op has, by
     * every rule, with a short last batch.
     */
    @ParameterizedTest
    @ValueSource(strings = {"opencl", "cuda"})
    void theEndOfAStepIsTheSameBitsHoweverItIsLaunched(String backend) {
        Usable.named(backend);
        List<Optimizer> rules =
                List.of(
                        new Optimizer.Adam(0.9, 0.999, 1e-7, 0.01),
                        new Optimizer.Sgd(0, 0),
                        new Optimizer.Sgd(0.9, 0.01),
                        Optimizer.Lion.DEFAULT);
        for (Optimizer rule : rules) {
            Plan plan = plan("dense 33 relu, dense 13 tanh, dense 10", rule);
            for (int side : new int[] {0, 20, 700}) {
                float[] once = state(backend, plan, side, Backend.Engine.GRAPH);
                assertThat(state(backend, plan, side, Backend.Engine.OPS))
                        .as("%s, tiles that change at %d", rule, side)
                        .containsExactly(once);
            }
        }
    }

    private static float[] state(String backend, Plan plan, int side, Backend.Engine engine) {
        Backend.Options options = OWN.with(engine);
        Tiling.Choice tiles =
                (m, n) -> m > side ? side > 100 ? Tiling.LARGE : Tiling.MEDIUM : Tiling.SMALL;
        return state(device(backend, options), plan, tiles, options);
    }

    private static Device device(String backend, Backend.Options options) {
        return backend.equals("cuda")
                ? new CudaBackend().device(options)
                : new OpenclBackend().device(options);
    }

    private static float[] state(
            Device device, Plan plan, Tiling.Choice tiles, Backend.Options options) {
        Steps steps = new Steps(1, STEPS);
        try (Executor executor = new KernelExecutor(device, plan, tiles, options);
                DeviceDataset data = executor.upload(DIGITS)) {
            executor.initialise(1);
            executor.train(
                    data, steps.select(0, STEPS, plan.optimizer(), step -> 1e-2 / (1 + step)));
            float[] state = new float[Math.toIntExact(plan.state().size()) + STEPS];
            executor.read(plan.state(), state, STEPS);
            System.arraycopy(steps.losses(), 0, state, 0, STEPS);
            return state;
        }
    }
}
