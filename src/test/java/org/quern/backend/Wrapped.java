package org.quern.backend;

import org.quern.data.Dataset;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/** Another executor, op by op, for tests that change what it does. */
public class Wrapped implements Executor {
    protected final Executor inner;

    /** On top of an executor, which is closed with it. */
    protected Wrapped(Executor inner) {
        this.inner = inner;
    }

    @Override
    public Plan plan() {
        return inner.plan();
    }

    @Override
    public String device() {
        return inner.device();
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        inner.write(slice, source, from);
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        inner.read(slice, target, to);
    }

    @Override
    public DeviceDataset upload(Dataset data) {
        return inner.upload(data);
    }

    @Override
    public void train(DeviceDataset data, Steps steps) {
        inner.train(data, steps);
    }

    @Override
    public void infer(DeviceDataset data, int first, int rows, float[] outputs) {
        inner.infer(data, first, rows, outputs);
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass) {
        inner.run(op, data, pass);
    }

    @Override
    public void close() {
        inner.close();
    }
}
