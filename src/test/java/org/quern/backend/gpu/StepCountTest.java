package org.quern.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.Usable;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.opencl.OpenclBackend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/** A device that leaves launches out, and reports no error, is found out by the count of steps. */
class StepCountTest {
    private static final int STEPS = 48;
    private static final Dataset DIGITS = Digits.generate("digits", 80, 0, 1);
    private static final Plan PLAN =
            Plan.of(
                    ModelText.parse(Model.input(28, 28), "dense 12 relu, dense 10"),
                    Loss.CROSS_ENTROPY,
                    Optimizer.Adam.DEFAULT,
                    16);

    /**
     * A device, and how many more launches and sequences it runs before it only says that it did.
     */
    private static final class Tiring {
        private int left = Integer.MAX_VALUE;
        private final Map<Object, Device.Launch> originals = new IdentityHashMap<>();

        Device of(Device device) {
            return tiring(Device.class, device);
        }

        /** Wraps it, and the launches that it makes, which run only while any are left. */
        private <T> T tiring(Class<T> type, T real) {
            return type.cast(
                    Proxy.newProxyInstance(
                            type.getClassLoader(),
                            new Class<?>[] {type},
                            (proxy, method, arguments) -> {
                                if (method.getName().equals("run") && left-- <= 0) {
                                    return null;
                                }
                                // a device knows its own launches only, and its library's
                                if (method.getName().equals("sequence")) {
                                    List<?> given = (List<?>) arguments[0];
                                    arguments[0] =
                                            given.stream()
                                                    .map(
                                                            one ->
                                                                    originals.getOrDefault(
                                                                            one,
                                                                            (Device.Launch) one))
                                                    .toList();
                                }
                                Object made;
                                try {
                                    made = method.invoke(real, arguments);
                                } catch (InvocationTargetException e) {
                                    throw e.getCause();
                                }
                                if (!(made instanceof Device.Launch launch)) {
                                    return made;
                                }
                                Device.Launch tired = tiring(Device.Launch.class, launch);
                                originals.put(tired, launch);
                                return tired;
                            }));
        }
    }

    private record Case(String backend, Backend.Engine engine) {}

    private static final Case FUSED_ON_OPENCL = new Case("opencl", Backend.Engine.FUSED);

    static List<Case> cases() {
        List<Case> all = new ArrayList<>();
        for (String backend : List.of("cuda", "opencl")) {
            for (Backend.Engine engine :
                    List.of(Backend.Engine.OPS, Backend.Engine.GRAPH, Backend.Engine.FUSED)) {
                all.add(new Case(backend, engine));
            }
        }
        all.remove(FUSED_ON_OPENCL);
        return all;
    }

    private static Device device(String backend, Backend.Options options) {
        Usable.named(backend);
        return backend.equals("cuda")
                ? new CudaBackend().device(options)
                : new OpenclBackend().device(options);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void stepsThatWereNotDoneAreMissed(Case one) {
        Backend.Options options = Backend.Options.DEFAULT.with(one.engine);
        Tiring tiring = new Tiring();
        Device device = tiring.of(device(one.backend, options));
        Steps steps = new Steps(1, STEPS);
        try (Executor executor = new KernelExecutor(device, PLAN, Tiling.forUnits(4), options);
                DeviceDataset data = executor.upload(DIGITS)) {
            executor.initialise(1);
            steps.select(0, STEPS, PLAN.optimizer(), step -> 1e-3);
            tiring.left = 1; // no first launch does all steps
            isMissed(executor, data, steps, device);
            tiring.left = Integer.MAX_VALUE;
            executor.train(data, steps);
            tiring.left = 0; // and the log still holds the count of the run before
            isMissed(executor, data, steps, device);
            tiring.left = Integer.MAX_VALUE;
            executor.train(data, steps);
            assertThat(steps.losses()).doesNotContain(Steps.UNDONE);
        }
    }

    /** Apart: compiling that kernel takes minutes of a CPU's OpenCL. */
    @Test
    @Tag("slow")
    void stepsThatWereNotDoneByTheFusedKernelAreMissedOnOpencl() {
        stepsThatWereNotDoneAreMissed(FUSED_ON_OPENCL);
    }

    private static void isMissed(
            Executor executor, DeviceDataset data, Steps steps, Device device) {
        assertThatThrownBy(() -> executor.train(data, steps))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DEVICE))
                .hasMessageStartingWith(device.description() + " did ")
                .hasMessageContaining(" of %d steps from step 0 on", STEPS);
    }
}
