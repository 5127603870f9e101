package org.quern.backend.gpu;

import java.util.Arrays;
import java.util.Locale;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Steps;
import org.quern.backend.cuda.CudaBackend;
import org.quern.backend.reference.ReferenceBackend;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * Trains a network for a few steps by the fused kernel, in a process of its own for {@link
 * FusedTeamsTest}: prints by which team, how far a loss is from the reference's at most, and a hash
 * of the state.
 */
final class FusedRun {
    private FusedRun() {}

    public static void main(String[] arguments) {
        Dataset data = Digits.generate("digits", 215, 0, 5);
        Plan plan =
                Plan.of(
                        ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), arguments[0]),
                        Loss.CROSS_ENTROPY,
                        Optimizer.Adam.DEFAULT,
                        Integer.parseInt(arguments[1]));
        int count = Integer.parseInt(arguments[3]);
        Steps expected = steps(plan, count);
        try (Executor executor = new ReferenceBackend().open(plan, Backend.Options.DEFAULT);
                DeviceDataset resident = executor.upload(data)) {
            executor.initialise(3);
            executor.train(resident, expected);
        }
        Backend.Options options =
                Backend.Options.DEFAULT.with(
                        Backend.Engine.valueOf(arguments[2].toUpperCase(Locale.ROOT)));
        // Twice: the simulator runs blocks, warps and copies in an order of its own each time.
        for (int run = 0; run < 2; run++) {
            try (Executor executor = new CudaBackend().open(plan, options);
                    DeviceDataset resident = executor.upload(data)) {
                executor.initialise(3);
                Steps got = steps(plan, count);
                executor.train(resident, got);
                System.out.println(executor.engine(data));
                float worst = 0;
                for (int i = 0; i < count; i++) {
                    float loss = expected.losses()[i];
                    worst = Math.max(worst, Math.abs(got.losses()[i] - loss) / loss);
                }
                System.out.println(String.format(Locale.ROOT, "%.1e", worst));
                float[] state = new float[(int) plan.state().size()];
                executor.read(plan.state(), state, 0);
                System.out.println(Arrays.hashCode(state));
            }
        }
    }

    private static Steps steps(Plan plan, int count) {
        return new Steps(3, count).select(0, count, plan.optimizer(), step -> 1e-3);
    }
}
