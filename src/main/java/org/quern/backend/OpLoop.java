package org.quern.backend;

import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * An executor that takes a plan's ops one by one, on data sets that stay on the host.
 *
 * @hidden
 */
public abstract class OpLoop implements Executor {
    private final Plan plan;
    private final StepContext inference = StepContext.inference();
    private Object staging;
    private DeviceDataset staged;
    private Slice read;
    private StepContext training;
    private Steps trainingSteps;
    private int trainingRows;

    protected OpLoop(Plan plan) {
        this.plan = plan;
    }

    private record HostData(Dataset set) implements DeviceDataset {}

    @Override
    public Plan plan() {
        return plan;
    }

    @Override
    public void close() {
        // the garbage collector has it
    }

    @Override
    public DeviceDataset upload(Dataset data) {
        return new HostData(data);
    }

    @Override
    public void train(DeviceDataset data, Steps steps) {
        if (training == null || trainingSteps != steps || trainingRows != data.rows()) {
            trainingSteps = steps;
            trainingRows = data.rows();
            training = StepContext.training(steps, new Batches(trainingRows, plan.batch()));
        }
        var ops = plan.training();
        for (int i = 0; i < steps.count(); i++) {
            training.step(i);
            for (int k = 0; k < ops.size(); k++) {
                train(ops.get(k), data, training);
            }
        }
    }

    /** Runs an op in a step of {@link #train(DeviceDataset, Steps)}. */
    protected void train(Op op, DeviceDataset data, StepContext pass) {
        run(op, data, pass);
    }

    @Override
    public void infer(DeviceDataset data, int first, int rows, float[] outputs) {
        for (int done = 0; done < rows; ) {
            int now = Math.min(plan.inferenceBatch(), rows - done);
            inferBatch(data, first + done, now, outputs, done);
            done += now;
        }
    }

    @Override
    public void infer(byte[] pixels, float[] values, int rows, float[] outputs) {
        int width = plan.inputSize();
        Object given = pixels != null ? pixels : values;
        if (staging == null || staging.getClass() != given.getClass()) {
            stage(pixels != null);
        }
        for (int done = 0; done < rows; ) {
            int now = Math.min(plan.inferenceBatch(), rows - done);
            System.arraycopy(given, done * width, staging, 0, now * width);
            inferBatch(staged, 0, now, outputs, done);
            done += now;
        }
    }

    /** Makes room for a batch of rows that callers bring in arrays. */
    private void stage(boolean ofPixels) {
        int size = Math.multiplyExact(plan.inferenceBatch(), plan.inputSize());
        int[] shape = {plan.inputSize()};
        staging = ofPixels ? new byte[size] : new float[size];
        staged =
                upload(
                        ofPixels
                                ? Dataset.ofPixels("rows", shape, (byte[]) staging)
                                : Dataset.ofValues("rows", shape, (float[]) staging));
    }

    private void inferBatch(DeviceDataset data, int first, int rows, float[] outputs, int to) {
        inference.rows(first, rows);
        var ops = plan.inference();
        for (int k = 0; k < ops.size(); k++) {
            run(ops.get(k), data, inference);
        }
        if (read == null || read.rows() != rows) {
            read = plan.output().first(rows);
        }
        read(read, outputs, to * plan.outputSize());
    }
}
