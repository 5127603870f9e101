package org.quern.backend.cpu;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/** A plan in C. All steps are one call; sparse data is kept without its zeros. */
final class CpuExecutor implements Executor {
    private final Plan plan;
    private final String device;
    private final float[] log = new float[2];
    private final Handle net;

    /** On so many threads, 0 for all processors, and an {@link Native#instructionSet}. */
    CpuExecutor(Plan plan, int threads, int isa) {
        this.plan = plan;
        int used = threads == 0 ? Native.processors() : threads;
        String threadsUsed = used == 1 ? "1 thread" : used + " threads";
        device = Native.instructionSet(isa) + ", " + threadsUsed;
        long opened = open(NetDescription.of(plan, used).words(), isa);
        if (opened == 0) {
            throw outOfMemory("%,d MiB for the network".formatted(plan.arena() * 4 >> 20));
        }
        net = new Handle(opened, Native::close, "this executor");
    }

    /** A net of a description that C understands; 0 if memory is short. */
    static long open(long[] description, int isa) {
        long opened = Native.open(description, isa);
        if (opened == Native.UNKNOWN) {
            throw new IllegalStateException(
                    "the C kernels do not know this network's activations, loss or optimizer");
        }
        return opened;
    }

    private record CpuData(Dataset set, Handle copy) implements DeviceDataset {
        @Override
        public void close() {
            copy.close();
        }
    }

    private static long address(DeviceDataset data) {
        return ((CpuData) data).copy.get();
    }

    @Override
    public Plan plan() {
        return plan;
    }

    @Override
    public String device() {
        return device;
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        int size = checked(slice);
        Objects.checkFromIndexSize(from, size, source.length);
        Native.write(net.get(), slice.offset(), source, from, size);
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        int size = checked(slice);
        Objects.checkFromIndexSize(to, size, target.length);
        Native.read(net.get(), slice.offset(), target, to, size);
    }

    private int checked(Slice slice) {
        if (slice.offset() < 0 || slice.end() > plan.arena()) {
            throw new IndexOutOfBoundsException(slice + " is not of this plan");
        }
        return Math.toIntExact(slice.size());
    }

    @Override
    public DeviceDataset upload(Dataset data) {
        DeviceDataset.check(plan, data);
        long address = Native.upload(net.get(), data.pixels(), data.values(), data.rows());
        if (address == 0) {
            throw outOfMemory("%,d rows of %s".formatted(data.rows(), data.name()));
        }
        Handle copy = new Handle(address, Native::release, "this data set");
        float[] targets = DeviceDataset.targets(plan, data);
        if (targets.length > 0 && !Native.targets(address, targets)) {
            copy.close();
            throw outOfMemory("the targets of " + data.name());
        }
        return new CpuData(data, copy);
    }

    @Override
    public void train(DeviceDataset data, Steps steps) {
        DeviceDataset.checkTargets(plan, data.set());
        Native.train(
                net.get(),
                address(data),
                steps.seed(),
                steps.first(),
                steps.count(),
                steps.rates(),
                steps.decays(),
                steps.losses(),
                steps.hits());
    }

    @Override
    public void infer(DeviceDataset data, int first, int rows, float[] outputs) {
        Objects.checkFromIndexSize(first, rows, data.rows());
        Objects.checkFromIndexSize(0, rows * plan.outputSize(), outputs.length);
        Native.infer(net.get(), address(data), first, rows, outputs);
    }

    @Override
    public void infer(Dataset rows, float[] outputs) {
        DeviceDataset.check(plan, rows);
        infer(rows.pixels(), rows.values(), rows.rows(), outputs);
    }

    @Override
    public void infer(byte[] pixels, float[] values, int rows, float[] outputs) {
        int given = pixels != null ? pixels.length : values.length;
        Objects.checkFromIndexSize(0, rows * plan.inputSize(), given);
        Objects.checkFromIndexSize(0, rows * plan.outputSize(), outputs.length);
        Native.inferHost(net.get(), pixels, values, rows, outputs);
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass) {
        run(op, data, pass, 1);
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass, int times) {
        Kind kind = Kind.of(op);
        Native.run(
                net.get(),
                address(data),
                kind.ordinal(),
                layer(op),
                times,
                pass.isTraining(),
                pass.seed(),
                pass.step(),
                pass.epoch(),
                pass.first(),
                pass.rows(),
                pass.rate(),
                pass.decay(),
                log);
        if (kind == Kind.METRICS) {
            pass.log(log[0], (int) log[1]);
        }
    }

    /** The kinds of ops, numbered in this order in C. */
    enum Kind {
        GATHER(Op.Gather.class),
        FORWARD(Op.DenseForward.class),
        LOSS(Op.CrossEntropy.class, Op.ElementwiseLoss.class),
        BACKWARD_INPUT(Op.DenseBackwardInput.class),
        BACKWARD_WEIGHTS(Op.DenseBackwardWeights.class),
        UPDATE(Op.Update.class),
        METRICS(Op.Metrics.class);

        private final List<Class<?>> ops;

        Kind(Class<?>... ops) {
            this.ops = List.of(ops);
        }

        static Kind of(Op op) {
            return Stream.of(values())
                    .filter(kind -> kind.ops.contains(op.getClass()))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** The number of the dense layer that an op belongs to; 0 for those of no layer. */
    private int layer(Op op) {
        List<String> names = plan.dense().stream().map(Plan.DenseSlices::name).toList();
        return Math.max(0, names.indexOf(op.layer()));
    }

    private static QuernException outOfMemory(String what) {
        return QuernException.device(
                "out of memory: no room for %s; use a smaller batch or less data", what);
    }

    @Override
    public void close() {
        net.close();
    }
}
