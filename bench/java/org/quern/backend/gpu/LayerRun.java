package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * A hidden dense layer with ReLU, as wide as the layers below and above, as a training step runs
 * it: forward, gradients of its weights and biases, gradient of its input. Beside it the same three
 * products by the library alone, with operands of the same types, and nothing done to them.
 */
public final class LayerRun implements AutoCloseable {
    private static final int MIDDLE = 1;
    private static final float LIMIT = 1 / 32f;

    private final Device device;
    private final Plan plan;
    private final Device.Buffer arena;
    private final Device.Buffer pass;
    private final Device.Buffer partialSums;
    private final Bf16Shadow side;
    private final List<Device.Launch> all = new ArrayList<>();
    private final List<Device.Launch> layer = new ArrayList<>();

    /** A layer of some width on a device, for some rows. */
    public LayerRun(Device device, int width, int rows) {
        this.device = device;
        String layers = "dense %d relu, dense %d relu, dense %d".formatted(width, width, width);
        Model model = ModelText.parse(Model.input(width), layers);
        plan = Plan.of(model, Loss.MEAN_SQUARED_ERROR, new Optimizer.Sgd(0, 0), rows);
        arena = device.allocate(4 * plan.arena(), "operands");
        pass = device.allocate(PassBlock.bytes(1), "the pass");
        partialSums = device.allocate(4 * DenseLaunches.partialSums(plan), "partial sums");
        side = new Bf16Shadow(device, arena, plan);
        // zeros would draw less power, and so run faster than real data
        int values = Math.toIntExact(plan.arena());
        run(
                Call.of(
                        "uniform_initial",
                        Call.groups(values, 4 * Device.THREADS),
                        1,
                        List.of(arena, 0, values, 1, 0, 0, LIMIT)));
        Dataset data = Dataset.ofValues("rows", new int[] {1}, new float[rows]);
        Steps steps = new Steps(1, 1).select(0, 1, plan.optimizer(), s -> 0);
        ByteBuffer words = device.staging().clear();
        StepContext one = StepContext.training(steps, new Batches(data.rows(), rows));
        new PassBlock().one(words, one, rows, 0);
        device.write(pass, 0, words.putFloat(0).putFloat(1).flip());
        side.refresh();
        prepare(rows);
        all.forEach(device::run);
        device.finish();
    }

    private void run(Call call) {
        try (Device.Launch launch = device.prepare(call)) {
            device.run(launch);
        }
    }

    private void prepare(int rows) {
        Tiling.Choice tiling = Tiling.forUnits(device.computeUnits());
        Launches factory = new Launches(device, arena, pass, arena, partialSums, tiling, side);
        Plan.DenseSlices middle = plan.dense().get(MIDDLE);
        for (Op op : plan.training()) {
            boolean own =
                    op instanceof Op.DenseForward f && f.weights().equals(middle.weights())
                            || op instanceof Op.DenseBackwardWeights w && w.x().equals(middle.x())
                            || op instanceof Op.DenseBackwardInput i
                                    && i.weights().equals(middle.weights());
            if (own || op instanceof Op.DenseForward || op instanceof Op.RegressionLoss) {
                launch(factory, op, rows, own);
            } else if (op instanceof Op.DenseBackwardInput) {
                launch(factory, op, rows, false);
            }
        }
    }

    private void launch(Launches factory, Op op, int rows, boolean own) {
        List<Device.Launch> made = factory.of(op, null, new Extent(rows, rows, true, false));
        all.addAll(made);
        if (own) {
            layer.addAll(made);
        }
    }

    /** The layer, forward and backward, so many times. */
    public Device.Launch layer(int times) {
        return device.sequence(layer, times);
    }

    /** The library's products alone, so many times; null if there is no library. */
    public Device.Launch products(int times) {
        List<Device.Launch> launches = new ArrayList<>();
        for (Op op : plan.training()) {
            Gemm product = product(op);
            Device.Launch launch = product == null ? null : device.product(product);
            if (launch != null) {
                launches.add(launch);
                all.add(launch);
            }
        }
        return launches.isEmpty() ? null : device.sequence(launches, times);
    }

    private Gemm product(Op op) {
        Plan.DenseSlices middle = plan.dense().get(MIDDLE);
        int width = middle.layer().units();
        Gemm.Operand w = side.factor(middle.weights());
        Gemm.Operand x = side.factor(middle.x());
        if (op instanceof Op.DenseForward f && f.weights().equals(middle.weights())) {
            return plain(plan.batch(), width, width, x, false, w, false, side.factor(f.y()));
        } else if (op instanceof Op.DenseBackwardWeights g && g.x().equals(middle.x())) {
            Gemm.Operand dy = side.factor(g.dy());
            return plain(width, width, plan.batch(), x, true, dy, false, side.inArena(g.dw()));
        } else if (op instanceof Op.DenseBackwardInput i && i.weights().equals(middle.weights())) {
            Gemm.Operand dy = side.factor(i.dy());
            return plain(plan.batch(), width, width, dy, false, w, true, side.factor(i.dx()));
        }
        return null;
    }

    private static Gemm plain(
            int m,
            int n,
            int k,
            Gemm.Operand a,
            boolean transposeA,
            Gemm.Operand b,
            boolean transposeB,
            Gemm.Operand c) {
        return new Gemm("layer", m, n, k, a, transposeA, b, transposeB, c, Gemm.Epilogue.NONE);
    }

    @Override
    public void close() {
        device.finish();
        all.forEach(Device.Launch::close);
        side.close();
        device.release(partialSums);
        device.release(pass);
        device.release(arena);
    }
}
