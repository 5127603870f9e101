package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.quern.backend.Release;

/**
 * The fused kernel for one data set. A launch takes as many steps as are expected to be done within
 * {@link #LONGEST_NANOS}, so that other programs get their turn at the device and no watchdog ends
 * it.
 */
final class FusedSteps implements AutoCloseable {
    private static final long LONGEST_NANOS = 250_000_000;

    private static final int ENOUGH = 100; // steps that say how long one takes, but for the launch
    private static final int[] LIMITS = {0, 8, 128, 2048, 32_768}; // of a launch; 0: to be tried

    private final Device device;
    private final List<Device.Buffer> buffers = new ArrayList<>();
    private final List<Device.Launch> launches = new ArrayList<>();
    private long nanosPerStep;
    private int measured;

    /** Prepares the steps of a layout, for which the device then has all it needs. */
    FusedSteps(
            Device device,
            FusedLayout layout,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log,
            DeviceData data)
            throws BlockTeam.Refused {
        this.device = device;
        try {
            BlockTeam team = layout.team();
            boolean any = team.shape() == null; // a kernel for any network
            Call call =
                    Call.of(team.kernel(), team.blocks())
                            .with(arena, pass, log, data.raw(), data.targets());
            if (any) {
                call = call.with(scratch(layout));
            }
            Object net = team.blocks() == 1 ? written(layout.words()) : layout.description();
            for (int limit : LIMITS) {
                Call some = call.with(limit);
                if (any) {
                    some = some.with(data.set().isPixels());
                }
                launches.add(device.prepare(some.with(net), team, layout.bytes()));
            }
            launches.get(0).tries();
            device.finish();
        } catch (BlockTeam.Refused | RuntimeException | Error e) {
            Release.after(e, this::close);
            throw e;
        }
    }

    private Device.Buffer scratch(FusedLayout layout) {
        boolean alone = layout.team().blocks() == 1;
        Device.Buffer scratch =
                allocate(alone ? layout.bytes() : 4 * layout.exchange(), "what blocks exchange");
        if (!alone) {
            device.fill(scratch, 0, layout.exchange(), 0); // the gaps stay zeros
        }
        return scratch;
    }

    /**
     * The description of a network for one block alone: OpenCL has parameters of 1 KiB at least.
     */
    private Device.Buffer written(int[] words) {
        Device.Buffer net = allocate(4L * words.length, "the description of the network");
        ByteBuffer to = device.staging().clear().limit(4 * words.length);
        to.asIntBuffer().put(words);
        device.write(net, 0, to);
        return net;
    }

    private Device.Buffer allocate(long bytes, String what) {
        Device.Buffer buffer = device.allocate(bytes, what);
        buffers.add(buffer);
        return buffer;
    }

    /** Runs the steps that the pass stands for, {@code count} of them. */
    void run(int count) {
        for (int done = 0; done < count; ) {
            int size = size();
            int now = Math.min(count - done, LIMITS[size]);
            long started = System.nanoTime();
            launches.get(size).run();
            if (measured < ENOUGH) {
                device.finish();
                nanosPerStep = (System.nanoTime() - started) / now;
                measured = now;
            }
            done += now;
        }
    }

    /** The longest launch that is expected to be done in time, by what was measured. */
    private int size() {
        int size = 1;
        int most = measured == 0 ? 1 : LIMITS.length - 1;
        while (size < most && LIMITS[size + 1] * nanosPerStep <= LONGEST_NANOS) {
            size++;
        }
        return size;
    }

    @Override
    public void close() {
        Release release = new Release().then(device::finish);
        launches.forEach(launch -> release.then(launch::close));
        buffers.forEach(buffer -> release.then(() -> device.release(buffer)));
        release.end();
    }
}
