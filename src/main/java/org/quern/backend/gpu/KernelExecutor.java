package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.Release;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.backend.gpu.DeviceData.Kept;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.random.Streams;

/**
 * A plan on a {@link Device}: what OpenCL and CUDA share. A training step is a sequence of launches
 * that read from device memory which step it is; the last moves on to the next, so nothing is
 * copied and no argument is set between steps.
 */
public final class KernelExecutor implements Executor {
    private static final int NOT_FOUND = -1;

    private static final int MANY = 32;

    private final Device device;
    private final Plan plan;
    private final Tiling.Choice tiling;
    private final Backend.Options options;
    private final FusedEngine engine;
    private final List<Op> stepOps;
    private final List<Device.Buffer> buffers = new ArrayList<>();
    private final Device.Buffer arena;
    private final Device.Buffer partialSums;
    private final Device.Buffer layers;
    private final Bf16Shadow shadow;
    private final StepContext inference = StepContext.inference();
    private PassBlock pass;
    private StepLog log;
    private Launches launches;
    private Batches batches;

    /** Takes over a device, which is closed with the executor. */
    public KernelExecutor(Device device, Plan plan, Tiling.Choice tiling, Backend.Options options) {
        this.device = device;
        this.plan = plan;
        this.tiling = tiling;
        this.options = options;
        engine = new FusedEngine(device, plan, options);
        // the op that moves on to the next step comes last; it commutes with the update
        stepOps =
                plan.training().stream()
                        .sorted(Comparator.comparing(Op.Metrics.class::isInstance))
                        .toList();
        try {
            String what = "the network at batch " + plan.batch();
            checkMemory(what);
            arena = allocate(4 * plan.arena(), what);
            device.fill(arena, 0, plan.arena(), 0);
            partialSums = allocate(4 * Launches.partialSums(plan), "partial sums of biases");
            layers = allocate(Gradients.bytes(plan), "the table of layers");
            shadow = new Bf16Shadow(device, arena, plan, this::allocate);
            reserve(1);
        } catch (RuntimeException | Error e) {
            Release.after(e, this::close);
            throw e;
        }
    }

    private Device.Buffer allocate(long bytes, String what) {
        Device.Buffer buffer = device.allocate(bytes, what);
        buffers.add(buffer);
        return buffer;
    }

    /** Says which batch would fit, if the arena does not. */
    private void checkMemory(String what) {
        long needed = 4 * plan.arena();
        long free = device.free();
        if (needed > free) {
            int batch = largestBatch(free);
            throw QuernException.device(
                    "out of memory on %s: %s needs %,d MiB (%,d MiB of it for %,d parameters and their"
                            + " moments), and %,d MiB are free: %s",
                    device.description(),
                    what,
                    GpuDevice.mib(needed),
                    4 * plan.state().size() >> 20,
                    plan.parameters().size(),
                    free >> 20,
                    batch > 0
                            ? "batch %,d would fit".formatted(batch)
                            : "use narrower layers, or another device");
        }
    }

    private int largestBatch(long free) {
        int fits = 0;
        for (int bit = Integer.highestOneBit(plan.batch()); bit > 0; bit >>= 1) {
            int batch = fits + bit;
            if (batch < plan.batch()) {
                Plan smaller = Plan.of(plan.model(), plan.loss(), plan.optimizer(), batch);
                fits = 4 * smaller.arena() <= free ? batch : fits;
            }
        }
        return fits;
    }

    /**
     * Makes room for runs of so many steps; what was prepared before, data's too, is void. Where
     * there is no room all stays as it was.
     */
    private void reserve(int steps) {
        PassBlock newPass = new PassBlock(device, steps);
        StepLog newLog;
        try {
            newLog = new StepLog(device, steps);
        } catch (RuntimeException | Error e) {
            Release.after(e, () -> device.release(newPass.buffer));
            throw e;
        }
        if (launches != null) {
            device.finish();
            Release release = new Release();
            releaseTables(release);
            release.end();
        }
        pass = newPass;
        log = newLog;
        launches =
                new Launches(
                        device,
                        tiling,
                        shadow,
                        arena,
                        pass.buffer,
                        log.buffer,
                        partialSums,
                        layers,
                        plan);
    }

    @Override
    public Plan plan() {
        return plan;
    }

    @Override
    public String device() {
        return device.description();
    }

    @Override
    public String notice() {
        return device.notice();
    }

    @Override
    public String engine(Dataset data) {
        return engine.description(data.isPixels());
    }

    @Override
    public KernelImage code() {
        return device.code();
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        DeviceData.write(device, arena, 4 * slice.offset(), source, from, size(slice));
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        DeviceData.read(device, arena, 4 * slice.offset(), target, to, size(slice));
    }

    @Override
    public void initialise(long seed) {
        device.fill(arena, 4 * plan.state().offset(), plan.state().size(), 0);
        for (int layer = 0; layer < plan.dense().size(); layer++) {
            Plan.DenseSlices dense = plan.dense().get(layer);
            Slice weights = dense.weights();
            float limit = dense.layer().init().limit(weights.rows(), weights.columns());
            runOnce(
                    Call.of("uniform_initial", Call.groups(weights.size(), 4 * Device.THREADS))
                            .with(arena, weights, size(weights))
                            .with((int) seed, (int) (seed >>> 32), Streams.INIT.of(layer), limit));
        }
    }

    @Override
    public boolean finite(Slice slice) {
        device.fill(partialSums, 0, 1, NOT_FOUND);
        runOnce(
                Call.of("finite_check", Call.groups(slice.size(), 4 * Device.THREADS))
                        .with(arena, partialSums, slice, size(slice)));
        ByteBuffer found = device.staging().clear().limit(4);
        device.read(partialSums, 0, found);
        return found.getInt(0) == NOT_FOUND;
    }

    private void runOnce(Call call) {
        try (Device.Launch launch = device.prepare(call)) {
            launch.run();
            device.finish();
        }
    }

    private static int size(Slice slice) {
        return Math.toIntExact(slice.size());
    }

    @Override
    public DeviceDataset upload(Dataset data) {
        return new DeviceData(device, data, plan, plan.batch(), plan.inferenceBatch());
    }

    @Override
    public void train(DeviceDataset resident, Steps steps) {
        if (steps.capacity() > pass.capacity) {
            reserve(steps.capacity());
        }
        DeviceData data = ((DeviceData) resident).with(launches);
        if (steps.count() == 0) {
            return;
        }
        if (batches == null || batches.rows() != data.rows()) {
            batches = new Batches(data.rows(), plan.batch());
        }
        log.reset();
        launches.refresh(plan.parameters());
        pass.write(steps, batches, data.chunk);
        FusedSteps fused = engine.fused(data, arena, pass.buffer, log.buffer);
        if (fused != null) {
            fused.run(steps.count());
        } else {
            trainByOps(data, steps);
        }
        int done = log.await(steps);
        if (done < steps.count() && engine.mayStop(data)) {
            trainOn(data, steps, done);
            done = log.await(steps);
        }
        log.check(steps, done);
    }

    /** Does the steps that a kernel left undone. */
    private void trainOn(DeviceData data, Steps steps, int done) {
        String why =
                "a value of step %,d was too large for its products in half precision"
                        .formatted(steps.first() + done);
        FusedSteps fused = engine.another(data, arena, pass.buffer, log.buffer, why);
        if (fused != null) {
            fused.run(steps.count() - done);
        } else {
            trainByOps(data, steps.first() + done, steps.count() - done);
        }
    }

    private void trainByOps(DeviceData data, Steps steps) {
        // while the device has a chunk, the host fills and sends the next
        for (int done = 0; done < steps.count(); ) {
            int now = steps.count() - done;
            if (data.chunk != 0) {
                StepContext step = pass.step(done);
                int place = step.first();
                int rows = Math.min(data.chunk - place % data.chunk, batches.rows() - place);
                now = Math.min(Call.groups(rows, batches.batch()), now);
                data.turn();
                data.send(step, Math.min(rows, now * batches.batch()));
            }
            trainByOps(data, steps.first() + done, now);
            data.used();
            done += now;
        }
    }

    /** Runs {@code count} steps whose data is in place, in sequences of many or one by one. */
    private void trainByOps(DeviceData data, long first, int count) {
        int perEpoch = batches.stepsPerEpoch();
        boolean endsShort = batches.rowsAt(perEpoch - 1L) != plan.batch();
        int now = 1;
        for (int done = 0; done < count; done += now) {
            long step = first + done;
            int rows = batches.rowsAt(step);
            int left = perEpoch - (int) (step % perEpoch) - 1;
            int full = endsShort ? Math.min(left, count - done) : count - done;
            now = 1;
            if (options.sync() || options.engine() == Backend.Engine.OPS) {
                stepOpByOp(data, rows, step);
            } else if (rows != plan.batch()) {
                sequence(data, Kept.SHORT_STEP, rows, 1).run();
            } else if (full < MANY) {
                sequence(data, Kept.FULL_STEP, rows, 1).run();
            } else {
                now = MANY;
                sequence(data, Kept.MANY_STEPS, rows, MANY).run();
            }
        }
    }

    private Device.Launch sequence(DeviceData data, Kept kept, int rows, int repeats) {
        if (data.kept(kept) == null) {
            List<Device.Launch> all = launches.ofStep(stepOps, data, extent(rows, true, false));
            data.keep(kept, device.sequence(all, repeats));
        }
        return data.kept(kept);
    }

    /** A step with, if wanted, a wait after each op: what fails is then told by its name. */
    private void stepOpByOp(DeviceData data, int rows, long number) {
        for (Op op : stepOps) {
            try {
                launches.of(op, data, extent(rows, true, false)).forEach(Device.Launch::run);
                if (options.sync()) {
                    device.finish();
                }
            } catch (QuernException e) {
                if (!options.sync()) {
                    throw e;
                }
                throw new QuernException(
                        e.kind(),
                        "%s, in the %s of %s at step %d"
                                .formatted(e.getMessage(), op.what(), op.layer(), number),
                        e);
            }
        }
    }

    @Override
    public boolean reportsProgress() {
        return log.isLive();
    }

    @Override
    public void infer(DeviceDataset resident, int first, int rows, float[] outputs) {
        DeviceData data = ((DeviceData) resident).with(launches);
        launches.refresh(plan.parameters());
        int width = plan.outputSize();
        for (int done = 0; done < rows; ) {
            int now = Math.min(plan.inferenceBatch(), rows - done);
            if (data.chunk != 0) {
                now = Math.min(now, data.chunk - (first + done) % data.chunk);
            }
            begin(data, inference.rows(first + done, now));
            for (Op op : plan.inference()) {
                launches.of(op, data, extent(now, false, false)).forEach(Device.Launch::run);
            }
            data.used();
            long y = 4 * plan.output().offset();
            DeviceData.read(device, arena, y, outputs, done * width, now * width);
            done += now;
        }
    }

    @Override
    public void run(Op op, DeviceDataset resident, StepContext newPass) {
        run(op, resident, newPass, 1);
    }

    @Override
    public void run(Op op, DeviceDataset resident, StepContext newPass, int times) {
        if (times > 1 && op instanceof Op.Metrics) { // it moves on to the next step
            Executor.super.run(op, resident, newPass, times);
            return;
        }
        repeat(launches(op, resident, newPass, true), times);
        device.finish();
        if (op instanceof Op.Metrics) {
            log.take(newPass);
        }
    }

    /**
     * The launches of an op, and on the device all that they read: for who wants to time a part of
     * what {@link #run} does, or several in a row. They are to be waited for before anything else
     * is asked of the executor, which closes them.
     *
     * @param alone whether the op runs by itself, on what the arena holds, not amid a step
     */
    public List<Device.Launch> launches(
            Op op, DeviceDataset resident, StepContext newPass, boolean alone) {
        DeviceData data = ((DeviceData) resident).with(launches);
        launches.refresh(plan.parameters());
        begin(data, newPass);
        return launches.of(op, data, extent(newPass.rows(), newPass.isTraining(), alone));
    }

    private void repeat(List<Device.Launch> all, int times) {
        int left = times;
        if (left >= 4 * MANY) {
            try (Device.Launch many = device.sequence(all, MANY)) {
                for (; left >= MANY; left -= MANY) {
                    many.run();
                }
                device.finish(); // before the sequence is closed
            }
        }
        for (; left > 0; left--) {
            all.forEach(Device.Launch::run);
        }
    }

    private Launches.Extent extent(int rows, boolean training, boolean alone) {
        int most = training ? plan.batch() : plan.inferenceBatch();
        return new Launches.Extent(rows, most, training, alone);
    }

    private void begin(DeviceData data, StepContext newPass) {
        pass.write(newPass, data.rows(), data.chunk);
        data.send(newPass, newPass.rows());
    }

    @Override
    public void close() {
        Release release = new Release().then(device::finish);
        releaseTables(release);
        buffers.forEach(buffer -> release.then(() -> device.release(buffer)));
        release.then(device::close).end();
    }

    private void releaseTables(Release release) {
        if (launches != null) {
            release.then(launches::close)
                    .then(() -> device.release(pass.buffer))
                    .then(() -> device.release(log.buffer));
            launches = null;
        }
    }
}
