package org.quern.backend.java;

import java.util.List;
import org.quern.backend.DeviceDataset;
import org.quern.backend.OpLoop;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * A plan in plain Java. The ops run one after the other; {@link #train} differs only in that rows
 * of bytes stay without their zeros from the data set to the first layer's weight gradients.
 */
final class JavaExecutor extends OpLoop {
    private final Arena arena;
    private final Ops ops;
    private final SparseBatch batch;
    private final int[] order;
    private final Op.Gather gather;
    private final Op.DenseForward firstForward;
    private final Op.DenseBackwardWeights firstBackward;
    private StepContext pass;
    private Steps passSteps;
    private int passRows;

    JavaExecutor(Plan plan) {
        super(plan);
        arena = new Arena(plan);
        ops = new Ops(plan, arena);
        batch = new SparseBatch(plan.batch(), plan.inputSize());
        order = new int[plan.batch()];
        List<Op> training = plan.training();
        gather = (Op.Gather) training.get(0);
        firstForward = (Op.DenseForward) training.get(1);
        Op.DenseBackwardWeights first = null;
        for (Op op : training) {
            if (op instanceof Op.DenseBackwardWeights o && o.x().equals(gather.x())) {
                first = o;
            }
        }
        firstBackward = first;
    }

    /** A data set with its sparse form, null where it is not used. */
    private record JavaData(Dataset set, SparseRows sparse) implements DeviceDataset {
        @Override
        public int rows() {
            return set.rows();
        }

        @Override
        public void close() {
            // the garbage collector has it
        }
    }

    @Override
    public DeviceDataset upload(Dataset data) {
        DeviceDataset.check(plan(), data);
        boolean exact = plan().model().scaling().shift() == 0;
        return new JavaData(data, exact ? SparseRows.of(data) : null);
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
    public void run(Op op, DeviceDataset data, StepContext at) {
        ops.run(op, ((JavaData) data).set, at);
    }

    @Override
    public void train(DeviceDataset data, Steps steps) {
        JavaData set = (JavaData) data;
        if (pass == null || passSteps != steps || passRows != data.rows()) {
            DeviceDataset.checkTargets(plan(), set.set);
            passSteps = steps;
            passRows = data.rows();
            pass = StepContext.training(steps, new Batches(passRows, plan().batch()));
        }
        List<Op> training = plan().training();
        for (int i = 0; i < steps.count(); i++) {
            pass.step(i);
            for (int k = 0; k < training.size(); k++) {
                Op op = training.get(k);
                if (op == gather && set.sparse != null) {
                    gatherSparse(set);
                } else if (op == gather) {
                    ops.run(op, set.set, pass);
                    batch.collect(arena.array(gather.x()), arena.at(gather.x()), pass.rows());
                } else if (op == firstForward) {
                    ops.forward(firstForward, batch, pass);
                } else if (op == firstBackward) {
                    batch.sort();
                    ops.backwardWeights(firstBackward, batch, pass.rows());
                } else {
                    ops.run(op, set.set, pass);
                }
            }
        }
    }

    private void gatherSparse(JavaData set) {
        for (int b = 0; b < pass.rows(); b++) {
            order[b] = pass.row(b);
        }
        batch.collect(set.sparse, order, pass.rows(), gather.scale());
        if (pass.drops(gather.mask())) {
            batch.multiply(ops.keep(gather.mask(), pass, plan().inputSize()));
        }
        ops.gatherTargets(gather, set.set, pass, order);
    }

    @Override
    public void close() {
        // the garbage collector has it
    }
}
