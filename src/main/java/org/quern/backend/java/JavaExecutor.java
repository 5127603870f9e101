package org.quern.backend.java;

import java.util.List;
import org.quern.backend.DeviceDataset;
import org.quern.backend.OpLoop;
import org.quern.backend.StepContext;
import org.quern.data.Dataset;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * A plan in plain Java. The ops run one after the other; {@link #train} differs only in that rows
 * of bytes stay without their zeros from the data set to the first layer's weight gradients.
 */
final class JavaExecutor extends OpLoop {
    private final Arena arena;
    private final JavaKernels kernels;
    private final SparseBatch batch;
    private final int[] order;
    private final Op.Gather gather;
    private final Op.DenseForward firstForward;
    private final Op.DenseBackwardWeights firstBackward;

    JavaExecutor(Plan plan) {
        super(plan);
        arena = new Arena(plan);
        kernels = new JavaKernels(plan, arena);
        batch = new SparseBatch(plan.batch(), plan.inputSize());
        order = new int[plan.batch()];
        List<Op> training = plan.training();
        gather = plan.gather();
        firstForward = (Op.DenseForward) training.get(1);
        firstBackward = (Op.DenseBackwardWeights) training.get(training.size() - 3);
    }

    /** A data set with its sparse form, null where it is not used. */
    private record JavaData(Dataset set, SparseBatch.SparseRows sparse) implements DeviceDataset {}

    @Override
    public DeviceDataset upload(Dataset data) {
        DeviceDataset.check(plan(), data);
        boolean exact = plan().model().scaling().shift() == 0;
        return new JavaData(data, exact ? SparseBatch.SparseRows.of(data) : null);
    }

    @Override
    public String device() {
        return "plain Java, 1 thread";
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        arena.copy(slice, source, from, true);
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        arena.copy(slice, target, to, false);
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass) {
        kernels.run(op, data.set(), pass);
    }

    @Override
    protected void train(Op op, DeviceDataset data, StepContext pass) {
        if (op == gather) {
            gather((JavaData) data, pass);
        } else if (op == firstForward) {
            kernels.forward(firstForward, batch, pass);
        } else if (op == firstBackward) {
            batch.sort();
            kernels.backwardWeights(firstBackward, batch, pass.rows());
        } else {
            run(op, data, pass);
        }
    }

    private void gather(JavaData data, StepContext pass) {
        if (data.sparse == null) {
            run(gather, data, pass);
            batch.collect(arena.array(gather.x()), arena.at(gather.x()), pass.rows());
            return;
        }
        for (int b = 0; b < pass.rows(); b++) {
            order[b] = pass.row(b);
        }
        batch.collect(data.sparse, order, pass.rows(), gather.scale());
        if (pass.drops(gather.mask())) {
            batch.multiply(kernels.keep(gather.mask(), pass, plan().inputSize()));
        }
        kernels.gatherTargets(gather, data.set(), pass, order);
    }
}
