package org.quern.backend.kernel;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Pass;
import org.quern.backend.Resident;
import org.quern.backend.Steps;
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

    private final Device device;
    private final Plan plan;
    private final Backend.Options options;
    private final FusedEngine engine;
    private final Device.Buffer arena;
    private final Device.Buffer partialSums;
    private final SideBuffers side;
    private final Map<Key, List<Device.Launch>> launches = new HashMap<>();
    private final List<Op> step;
    private final Pass inference = Pass.inference();
    private Device.Buffer pass;
    private ByteBuffer passHost;
    private StepLog log;
    private Launches factory;
    private final Tiling.Choice tiling;
    private Batches batches;
    private int generation;
    private boolean open = true;

    /** The launches of an op that does not depend on the data. */
    private record Key(Op op, Extent extent) {}

    /**
     * Takes over a device, which is closed with the executor.
     *
     * @param tiling how products are cut
     * @param options of which engine, precision and sync are looked at
     */
    public KernelExecutor(Device device, Plan plan, Tiling.Choice tiling, Backend.Options options) {
        this.device = device;
        this.plan = plan;
        this.tiling = tiling;
        this.options = options;
        engine = new FusedEngine(device, plan, options);
        List<Device.Buffer> made = new ArrayList<>();
        SideBuffers beside = null;
        try {
            Room.check(device, plan);
            arena = device.allocate(4 * plan.arena(), Room.text(plan));
            made.add(arena);
            device.fill(arena, 0, plan.arena(), 0);
            partialSums =
                    device.allocate(4 * DenseLaunches.partialSums(plan), "partial sums of biases");
            made.add(partialSums);
            beside = new SideBuffers(device, arena, plan);
            side = beside;
            reserve(1);
        } catch (RuntimeException e) {
            if (beside != null) {
                beside.close();
            }
            made.forEach(device::release);
            device.close();
            throw e;
        }
        // the op that moves on to the next step comes last; it commutes with the update
        step = new ArrayList<>(plan.training());
        step.removeIf(Op.Metrics.class::isInstance);
        plan.training().stream().filter(Op.Metrics.class::isInstance).forEach(step::add);
    }

    /** Makes room for runs of so many steps; what was prepared before, data's too, is void. */
    private void reserve(int steps) {
        generation++;
        if (pass != null) {
            device.finish();
            device.release(pass);
            log.close();
        }
        pass = device.allocate(PassBlock.bytes(steps), "the table of step sizes");
        passHost = DeviceData.direct(PassBlock.bytes(steps));
        log = new StepLog(device, steps);
        closeLaunches();
        factory = new Launches(device, arena, pass, log.buffer(), partialSums, tiling, side);
    }

    private void closeLaunches() {
        launches.values().forEach(all -> all.forEach(Device.Launch::close));
        launches.clear();
    }

    private int reserved() {
        return (passHost.capacity() / 4 - PassBlock.WORDS) / 2;
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
    public Code code() {
        return device.code();
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        int size = checked(slice);
        Objects.checkFromIndexSize(from, size, source.length);
        Copies.write(device, arena, 4 * slice.offset(), source, from, size);
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        int size = checked(slice);
        Objects.checkFromIndexSize(to, size, target.length);
        Copies.read(device, arena, 4 * slice.offset(), target, to, size);
    }

    @Override
    public void initialise(long seed) {
        device.fill(arena, 4 * plan.state().offset(), plan.state().size(), 0);
        for (int layer = 0; layer < plan.dense().size(); layer++) {
            Slice weights = plan.dense().get(layer).weights();
            float limit =
                    plan.dense().get(layer).layer().init().limit(weights.rows(), weights.columns());
            runOnce(
                    Call.of(
                            "uniform_initial",
                            Call.groups(weights.size(), 4 * Device.THREADS),
                            1,
                            arena,
                            Math.toIntExact(weights.offset()),
                            checked(weights),
                            (int) seed,
                            (int) (seed >>> 32),
                            Streams.init(layer),
                            limit));
        }
    }

    @Override
    public boolean finite(Slice slice) {
        device.fill(partialSums, 0, 1, NOT_FOUND);
        runOnce(
                Call.of(
                        "finite_check",
                        Call.groups(slice.size(), 4 * Device.THREADS),
                        1,
                        arena,
                        partialSums,
                        Math.toIntExact(slice.offset()),
                        checked(slice)));
        ByteBuffer found = device.staging().clear().limit(4);
        device.read(partialSums, 0, found);
        return found.getInt(0) == NOT_FOUND;
    }

    private void runOnce(Call call) {
        try (Device.Launch launch = device.prepare(call)) {
            device.run(launch);
            device.finish();
        }
    }

    private int checked(Slice slice) {
        if (!open) {
            throw new IllegalStateException("this executor was closed");
        }
        if (slice.offset() < 0 || slice.end() > plan.arena()) {
            throw new IndexOutOfBoundsException(slice + " is not of this plan");
        }
        return Math.toIntExact(slice.size());
    }

    @Override
    public Resident upload(Dataset data) {
        Resident.check(plan, data);
        return new DeviceData(device, data, plan.targetSize(), plan.batch(), plan.inferenceBatch());
    }

    @Override
    public void train(Resident resident, Steps steps) {
        if (steps.capacity() > reserved()) {
            reserve(steps.capacity());
        }
        DeviceData data = ((DeviceData) resident).of(generation);
        Resident.checkTargets(plan, data.set());
        if (steps.count() == 0) {
            return;
        }
        if (batches == null || batches.rows() != data.rows()) {
            batches = new Batches(data.rows(), plan.batch());
        }
        log.reset();
        side.refresh();
        PassBlock.steps(passHost.clear(), steps, batches, data.chunk());
        device.write(pass, 0, passHost.flip());
        FusedSteps fused = engine.fused(data, arena, pass, log.buffer());
        if (fused != null) {
            fused.run(steps.count());
        } else if (data.chunk() == 0) {
            data.slot(0);
            steps(data, steps, 0, steps.count());
        } else {
            stream(data, steps);
        }
        log.await(steps);
    }

    @Override
    public boolean reportsProgress() {
        return log.isLive();
    }

    /** Runs steps chunk by chunk: while the device has one, the host fills and sends the next. */
    private void stream(DeviceData data, Steps steps) {
        for (int done = 0; done < steps.count(); ) {
            long step = steps.first() + done;
            int place = batches.place(step);
            int untilChunk = data.chunk() - place % data.chunk();
            int rows = Math.min(untilChunk, batches.rows() - place);
            int now = Math.min(Call.groups(rows, batches.batch()), steps.count() - done);
            data.slot(1 - data.slot());
            data.send(
                    batches,
                    steps.seed(),
                    batches.epoch(step),
                    place,
                    Math.min(rows, now * batches.batch()));
            steps(data, steps, done, now);
            data.used();
            done += now;
        }
    }

    /** Runs the steps [from, from + count) of a run, whose data is in place. */
    private void steps(DeviceData data, Steps steps, int from, int count) {
        int perEpoch = batches.stepsPerEpoch();
        int lastRows = batches.rowsAt(perEpoch - 1L);
        for (int done = 0; done < count; ) {
            long step = steps.first() + from + done;
            int left = perEpoch - (int) (step % perEpoch);
            if (options.sync()) {
                carefully(data, batches.rowsAt(step), step);
                done++;
            } else if (options.engine() == Backend.Engine.OPS) {
                for (Op op : this.step) {
                    launches(op, data, step(batches.rowsAt(step))).forEach(device::run);
                }
                done++;
            } else if (left == 1 && lastRows != plan.batch()) {
                device.run(sequence(data, lastRows, 1));
                done++;
            } else {
                int full =
                        lastRows == plan.batch() ? count - done : Math.min(left - 1, count - done);
                int now = full >= MANY ? MANY : 1;
                device.run(sequence(data, plan.batch(), now));
                done += now;
            }
        }
    }

    /** Steps that are prepared as one sequence. */
    private static final int MANY = 32;

    private Device.Sequence sequence(DeviceData data, int rows, int repeats) {
        boolean full = rows == plan.batch();
        Device.Sequence sequence = data.sequence(full, repeats > 1);
        if (sequence == null) {
            List<Device.Launch> all = new ArrayList<>();
            for (Op op : step) {
                all.addAll(launches(op, data, step(rows)));
            }
            sequence = device.sequence(all, repeats);
            data.keep(full, repeats > 1, sequence);
        }
        return sequence;
    }

    /** A step with a wait after each op. */
    private void carefully(DeviceData data, int rows, long number) {
        for (Op op : step) {
            try {
                for (Device.Launch launch : launches(op, data, step(rows))) {
                    device.run(launch);
                }
                device.finish();
            } catch (QuernException e) {
                throw new QuernException(
                        e.kind(),
                        "%s, in the %s of %s at step %d"
                                .formatted(e.getMessage(), op.what(), op.layer(), number),
                        e);
            }
        }
    }

    private Extent step(int rows) {
        return new Extent(rows, plan.batch(), true, false);
    }

    private List<Device.Launch> launches(Op op, DeviceData data, Extent extent) {
        if (op instanceof Op.Gather) {
            if (data.gather(extent.training()) == null) {
                data.keep(extent.training(), factory.of(op, data, extent).get(0));
            }
            return List.of(data.gather(extent.training()));
        }
        return launches.computeIfAbsent(new Key(op, extent), key -> factory.of(op, data, extent));
    }

    @Override
    public void infer(Resident resident, int first, int rows, float[] outputs) {
        DeviceData data = ((DeviceData) resident).of(generation);
        Objects.checkFromIndexSize(first, rows, data.rows());
        side.refresh();
        int width = plan.outputSize();
        Objects.checkFromIndexSize(0, rows * width, outputs.length);
        for (int done = 0; done < rows; ) {
            int now = Math.min(plan.inferenceBatch(), rows - done);
            if (data.chunk() != 0) {
                now = Math.min(now, data.chunk() - (first + done) % data.chunk());
            }
            begin(data, inference.rows(first + done, now));
            Extent extent = new Extent(now, plan.inferenceBatch(), false, false);
            for (Op op : plan.inference()) {
                for (Device.Launch launch : launches(op, data, extent)) {
                    device.run(launch);
                }
            }
            end(data);
            Slice y = plan.output();
            Copies.read(device, arena, 4 * y.offset(), outputs, done * width, now * width);
            done += now;
        }
    }

    @Override
    public void run(Op op, Resident resident, Pass newPass) {
        run(op, resident, newPass, 1);
    }

    @Override
    public void run(Op op, Resident resident, Pass newPass, int times) {
        if (times > 1 && op instanceof Op.Metrics) { // it moves on to the next step
            Executor.super.run(op, resident, newPass, times);
            return;
        }
        DeviceData data = ((DeviceData) resident).of(generation);
        side.refresh();
        begin(data, newPass);
        int most = newPass.isTraining() ? plan.batch() : plan.inferenceBatch();
        Extent alone = new Extent(newPass.rows(), most, newPass.isTraining(), true);
        Repeats.run(device, launches(op, data, alone), times);
        end(data);
        device.finish();
        if (op instanceof Op.Metrics) {
            log.take(newPass);
        }
    }

    private void begin(DeviceData data, Pass newPass) {
        passHost.clear();
        PassBlock.one(passHost, newPass, data.rows(), data.chunk());
        passHost.putFloat(0).putFloat(0).flip(); // tables of one entry, which nobody reads
        device.write(pass, 0, passHost);
        if (data.chunk() != 0) {
            data.send(newPass);
        }
    }

    private static void end(DeviceData data) {
        if (data.chunk() != 0) {
            data.used();
        }
    }

    @Override
    public void close() {
        if (open) {
            open = false;
            device.finish();
            closeLaunches();
            log.close();
            device.release(pass);
            side.close();
            device.release(partialSums);
            device.release(arena);
            device.close();
        }
    }
}
