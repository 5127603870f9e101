package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.quern.backend.Backend;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
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
    private final FusedEngine engine;
    private final Device.Buffer arena;
    private final Device.Buffer partialSums;
    private final Bf16Shadow side;
    private final Map<Key, List<Device.Launch>> launches = new HashMap<>();
    private final OpSteps opSteps;
    private final StepContext inference = StepContext.inference();
    private Device.Buffer pass;
    private final PassBlock passBlock = new PassBlock();
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
        engine = new FusedEngine(device, plan, options);
        List<Device.Buffer> made = new ArrayList<>();
        Bf16Shadow beside = null;
        try {
            MemoryCheck.check(device, plan);
            arena = device.allocate(4 * plan.arena(), MemoryCheck.text(plan));
            made.add(arena);
            device.fill(arena, 0, plan.arena(), 0);
            partialSums =
                    device.allocate(4 * DenseLaunches.partialSums(plan), "partial sums of biases");
            made.add(partialSums);
            beside = new Bf16Shadow(device, arena, plan);
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
        opSteps = new OpSteps(device, plan, options, this::launches);
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
    public KernelImage code() {
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
    public DeviceDataset upload(Dataset data) {
        DeviceDataset.check(plan, data);
        return new DeviceData(device, data, plan.targetSize(), plan.batch(), plan.inferenceBatch());
    }

    @Override
    public void train(DeviceDataset resident, Steps steps) {
        if (steps.capacity() > reserved()) {
            reserve(steps.capacity());
        }
        DeviceData data = ((DeviceData) resident).of(generation);
        DeviceDataset.checkTargets(plan, data.set());
        if (steps.count() == 0) {
            return;
        }
        if (batches == null || batches.rows() != data.rows()) {
            batches = new Batches(data.rows(), plan.batch());
        }
        log.reset();
        side.refresh();
        passBlock.steps(passHost.clear(), steps, batches, data.chunk());
        device.write(pass, 0, passHost.flip());
        FusedSteps fused = engine.fused(data, arena, pass, log.buffer());
        if (fused != null) {
            fused.run(steps.count());
        } else {
            opSteps.run(data, steps, batches);
        }
        log.await(steps);
    }

    @Override
    public boolean reportsProgress() {
        return log.isLive();
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
    public void infer(DeviceDataset resident, int first, int rows, float[] outputs) {
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
    public void run(Op op, DeviceDataset resident, StepContext newPass) {
        run(op, resident, newPass, 1);
    }

    @Override
    public void run(Op op, DeviceDataset resident, StepContext newPass, int times) {
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

    private void begin(DeviceData data, StepContext newPass) {
        passHost.clear();
        passBlock.one(passHost, newPass, data.rows(), data.chunk());
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
