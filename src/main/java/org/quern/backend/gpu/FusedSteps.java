package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The fused kernel for one data set. A launch takes as many steps as are expected to be done within
 * {@link #LONGEST_NANOS}, so that other programs get their turn at the device and no watchdog ends
 * it.
 */
final class FusedSteps implements AutoCloseable {
    private static final long LONGEST_NANOS = 250_000_000;

    /** Steps of a launch that say how long a step takes, the launch itself left aside. */
    private static final int ENOUGH = 100;

    /** Steps of a launch, at most. */
    private static final int[] LIMITS = {8, 128, 2048, 32_768};

    private final Device device;
    private final FusedLayout layout;
    private Device.Buffer net;
    private Device.Buffer scratch;
    private final List<Device.Launch> launches = new ArrayList<>();
    private long nanosPerStep;
    private int measured;

    private FusedSteps(Device device, FusedLayout layout) {
        this.device = device;
        this.layout = layout;
    }

    /**
     * Prepares the steps of a layout, for which the device then has all it needs.
     *
     * @param pass whose words are those of the steps to come
     */
    static FusedSteps open(
            Device device,
            FusedLayout layout,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log,
            DeviceData data)
            throws TeamRefused {
        FusedSteps steps = new FusedSteps(device, layout);
        try {
            steps.describe();
            steps.prepare(arena, pass, log, data);
            return steps;
        } catch (TeamRefused | RuntimeException e) {
            try {
                steps.close();
            } catch (RuntimeException after) {
                e.addSuppressed(after); // a device that is lost takes nothing back either
            }
            throw e;
        }
    }

    private void describe() {
        int[] words = layout.words();
        net = device.allocate(4L * words.length, "the description of the network");
        boolean alone = layout.team().blocks() == 1;
        scratch =
                device.allocate(
                        alone ? layout.bytes() : 4 * layout.exchange(), "what blocks exchange");
        ByteBuffer to = device.staging().clear();
        for (int word : words) {
            to.putInt(word);
        }
        device.write(net, 0, to.flip());
    }

    /** Prepares the launches, and tries one of no steps. */
    private void prepare(
            Device.Buffer arena, Device.Buffer pass, Device.Buffer log, DeviceData data)
            throws TeamRefused {
        int[] limits = new int[LIMITS.length + 1];
        System.arraycopy(LIMITS, 0, limits, 1, LIMITS.length);
        for (int limit : limits) {
            Call call =
                    Call.of(
                            layout.team().kernel(),
                            layout.team().blocks(),
                            1,
                            arena,
                            pass,
                            log,
                            data.raw(),
                            data.targets(),
                            scratch,
                            net,
                            limit,
                            data.isPixels() ? 1 : 0);
            launches.add(device.prepare(call, layout.team(), layout.bytes()));
        }
        device.tries(launches.get(0));
    }

    /** Runs the steps that the pass stands for, {@code count} of them. */
    void run(int count) {
        for (int done = 0; done < count; ) {
            int size = size();
            int now = Math.min(count - done, LIMITS[size]);
            long started = System.nanoTime();
            device.run(launches.get(1 + size));
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
        int size = 0;
        int most = measured == 0 ? 0 : LIMITS.length - 1;
        while (size < most && LIMITS[size + 1] * nanosPerStep <= LONGEST_NANOS) {
            size++;
        }
        return size;
    }

    @Override
    public void close() {
        device.finish();
        launches.forEach(Device.Launch::close);
        if (scratch != null) {
            device.release(scratch);
        }
        if (net != null) {
            device.release(net);
        }
    }
}
