package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.List;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Steps;
import org.quern.plan.Batches;
import org.quern.plan.Op;
import org.quern.plan.Plan;

/** Training steps as launches by the op: in sequences of many steps, or one by one. */
final class OpSteps {
    /** Steps that are prepared as one sequence. */
    private static final int MANY = 32;

    private final Device device;
    private final Plan plan;
    private final Backend.Options options;
    private final LaunchesOf launches;
    private final List<Op> ops;

    /** Gives the launches of an op. */
    @FunctionalInterface
    interface LaunchesOf {
        /** The launches of an op on some data. */
        List<Device.Launch> of(Op op, DeviceData data, Extent extent);
    }

    OpSteps(Device device, Plan plan, Backend.Options options, LaunchesOf launches) {
        this.device = device;
        this.plan = plan;
        this.options = options;
        this.launches = launches;
        // the op that moves on to the next step comes last; it commutes with the update
        ops = new ArrayList<>(plan.training());
        ops.removeIf(Op.Metrics.class::isInstance);
        plan.training().stream().filter(Op.Metrics.class::isInstance).forEach(ops::add);
    }

    /** Runs the selected steps. */
    void run(DeviceData data, Steps steps, Batches batches) {
        if (data.chunk() == 0) {
            data.slot(0);
            steps(data, steps, batches, 0, steps.count());
        } else {
            stream(data, steps, batches);
        }
    }

    /** Runs steps chunk by chunk: while the device has one, the host fills and sends the next. */
    private void stream(DeviceData data, Steps steps, Batches batches) {
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
            steps(data, steps, batches, done, now);
            data.used();
            done += now;
        }
    }

    /** Runs the steps [from, from + count) of a run, whose data is in place. */
    private void steps(DeviceData data, Steps steps, Batches batches, int from, int count) {
        int perEpoch = batches.stepsPerEpoch();
        int lastRows = batches.rowsAt(perEpoch - 1L);
        for (int done = 0; done < count; ) {
            long step = steps.first() + from + done;
            int left = perEpoch - (int) (step % perEpoch);
            if (options.sync()) {
                carefully(data, batches.rowsAt(step), step);
                done++;
            } else if (options.engine() == Backend.Engine.OPS) {
                for (Op op : ops) {
                    launches.of(op, data, extent(batches.rowsAt(step))).forEach(device::run);
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

    private Device.Launch sequence(DeviceData data, int rows, int repeats) {
        boolean full = rows == plan.batch();
        Device.Launch sequence = data.sequence(full, repeats > 1);
        if (sequence == null) {
            List<Device.Launch> all = new ArrayList<>();
            for (Op op : ops) {
                all.addAll(launches.of(op, data, extent(rows)));
            }
            sequence = device.sequence(all, repeats);
            data.keep(full, repeats > 1, sequence);
        }
        return sequence;
    }

    /** A step with a wait after each op. */
    private void carefully(DeviceData data, int rows, long number) {
        for (Op op : ops) {
            try {
                for (Device.Launch launch : launches.of(op, data, extent(rows))) {
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

    private Extent extent(int rows) {
        return new Extent(rows, plan.batch(), true, false);
    }
}
