package org.quern.backend.cpu;

import java.util.List;
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
    private final String notice;
    private final float[] log = new float[2];
    private final long net;

    /** On so many threads, 0 for all processors, and an {@link Native#instructionSet}. */
    CpuExecutor(Plan plan, int threads, int isa) {
        this.plan = plan;
        net = open(NetDescription.of(plan, threads).words(), isa);
        if (net == 0) {
            throw outOfMemory("%,d MiB for the network".formatted(plan.arena() * 4 >> 20));
        }
        int used = Native.threads(net);
        String threadsUsed = used == 1 ? "1 thread" : used + " threads";
        device = Native.instructionSet(isa) + ", " + threadsUsed;
        String fewer = "%d of %d threads: there is no work, or no room, for more";
        notice = used < threads ? fewer.formatted(used, threads) : null;
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

    private record CpuData(Dataset set, long address) implements DeviceDataset {
        @Override
        public void close() {
            Native.release(address);
        }
    }

    private static long address(DeviceDataset data) {
        return ((CpuData) data).address;
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
    public String notice() {
        return notice;
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        Native.write(net, slice.offset(), source, from, (int) slice.size());
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        Native.read(net, slice.offset(), target, to, (int) slice.size());
    }

    @Override
    public DeviceDataset upload(Dataset data) {
        float[] targets = DeviceDataset.targets(plan, data);
        long address = Native.upload(net, data.pixels(), data.values(), data.rows());
        if (address == Native.CHANGED) {
            throw QuernException.data(
                    "%s: its array was written to while it was copied", data.name());
        }
        if (address == 0) {
            throw outOfMemory("%,d rows of %s".formatted(data.rows(), data.name()));
        }
        if (targets.length > 0 && !Native.targets(address, targets)) {
            Native.release(address);
            throw outOfMemory("the targets of " + data.name());
        }
        return new CpuData(data, address);
    }

    @Override
    public void train(DeviceDataset data, Steps steps) {
        Native.train(
                net,
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
        Native.infer(net, address(data), first, rows, outputs);
    }

    @Override
    public void infer(Dataset rows, float[] outputs) {
        infer(rows.pixels(), rows.values(), rows.rows(), outputs);
    }

    @Override
    public void infer(byte[] pixels, float[] values, int rows, float[] outputs) {
        if (!Native.inferHost(net, pixels, values, rows, outputs)) {
            throw outOfMemory("a pass of %,d rows".formatted(plan.inferenceBatch()));
        }
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass) {
        run(op, data, pass, 1);
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass, int times) {
        Kind kind = Kind.of(op);
        Native.run(
                net,
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
        Native.close(net);
    }
}
