package org.quern.backend;

import java.util.Objects;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;

/**
 * An executor that takes the plan's ops one after the other, on data sets that stay on the host.
 */
public abstract class OpLoop implements Executor {
    private final Plan plan;
    private final Pass inference = Pass.inference();
    private Pass training;
    private Steps trainingSteps;
    private int trainingRows;

    /** For the given plan. */
    protected OpLoop(Plan plan) {
        this.plan = plan;
    }

    /** A data set on the host. */
    protected record HostData(Dataset set) implements Resident {
        @Override
        public int rows() {
            return set.rows();
        }

        @Override
        public void close() {
            // the garbage collector has it
        }
    }

    /** The data set behind a resident of this executor. */
    protected static Dataset host(Resident data) {
        return ((HostData) data).set();
    }

    @Override
    public Plan plan() {
        return plan;
    }

    @Override
    public Resident upload(Dataset data) {
        Resident.check(plan, data);
        return new HostData(data);
    }

    @Override
    public void train(Resident data, Steps steps) {
        if (training == null || trainingSteps != steps || trainingRows != data.rows()) {
            Resident.checkTargets(plan, host(data));
            trainingSteps = steps;
            trainingRows = data.rows();
            training = Pass.training(steps, new Batches(trainingRows, plan.batch()));
        }
        var ops = plan.training();
        for (int i = 0; i < steps.count(); i++) {
            training.step(i);
            for (int k = 0; k < ops.size(); k++) {
                run(ops.get(k), data, training);
            }
        }
    }

    @Override
    public void infer(Resident data, int first, int rows, float[] outputs) {
        Objects.checkFromIndexSize(first, rows, data.rows());
        int width = plan.outputSize();
        for (int done = 0; done < rows; ) {
            int now = Math.min(plan.inferenceBatch(), rows - done);
            inference.rows(first + done, now);
            for (Op op : plan.inference()) {
                run(op, data, inference);
            }
            readRows(now, outputs, done * width);
            done += now;
        }
    }

    /** Copies the first {@code rows} rows of the output slice to {@code target[to…]}. */
    private void readRows(int rows, float[] target, int to) {
        var y = plan.output();
        read(new org.quern.plan.Slice(y.name(), y.offset(), rows, y.columns()), target, to);
    }
}
