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
    static final int MANY = 32;

    private final Device device;
    private final Plan plan;
    private final Backend.Options options;
    private final Launches launches;
    private final List<Op> ops;

    OpSteps(Device device, Plan plan, Backend.Options options, Launches launches) {
        this.device = device;
        this.plan = plan;
        this.options = options;
        this.launches = launches;
        // the op that moves on to the next step comes last; it commutes with the update
        ops = new ArrayList<>(plan.training());
        ops.removeIf(Op.Metrics.class::isInstance);
        plan.training().stream().filter(Op.Metrics.class::isInstance).forEach(ops::add);
    }

    /** Runs the selected steps, streamed data chunk by chunk. */
    void run(DeviceData data, Steps steps, Batches batches) {
        if (data.chunk() == 0) {
            run(data, batches, steps.first(), steps.count());
            return;
        }
        // while the device has a chunk, the host fills and sends the next
        for (int done = 0; done < steps.count(); ) {
            long step = steps.first() + done;
            int place = batches.place(step);
            int untilChunk = data.chunk() - place % data.chunk();
            int rows = Math.min(untilChunk, batches.rows() - place);
            int now = Math.min(Call.groups(rows, batches.batch()), steps.count() - done);
            data.turn();
            data.send(
                    batches,
                    steps.seed(),
                    batches.epoch(step),
                    place,
                    Math.min(rows, now * batches.batch()));
            run(data, batches, step, now);
            data.used();
            done += now;
        }
    }

    /** Runs {@code count} steps whose data is in place. */
    private void run(DeviceData data, Batches batches, long first, int count) {
        int perEpoch = batches.stepsPerEpoch();
        boolean endsShort = batches.rowsAt(perEpoch - 1L) != plan.batch();
        for (int done = 0; done < count; ) {
            long step = first + done;
            int rows = batches.rowsAt(step);
            int now = 1;
            if (options.sync() || options.engine() == Backend.Engine.OPS) {
                runOpByOp(data, rows, step);
            } else if (rows != plan.batch()) {
                device.run(sequence(data, DeviceData.Kept.SHORT_STEP, rows, 1));
            } else {
                int left = perEpoch - (int) (step % perEpoch) - 1;
                int full = endsShort ? Math.min(left, count - done) : count - done;
                now = full >= MANY ? MANY : 1;
                DeviceData.Kept kept =
                        now > 1 ? DeviceData.Kept.MANY_STEPS : DeviceData.Kept.FULL_STEP;
                device.run(sequence(data, kept, rows, now));
            }
            done += now;
        }
    }

    private Device.Launch sequence(DeviceData data, DeviceData.Kept kept, int rows, int repeats) {
        if (data.kept(kept) == null) {
            List<Device.Launch> all = new ArrayList<>();
            for (Op op : ops) {
                all.addAll(launches.of(op, data, extent(rows)));
            }
            data.keep(kept, device.sequence(all, repeats));
        }
        return data.kept(kept);
    }

    /** A step with, if wanted, a wait after each op: what fails is then told by its name. */
    private void runOpByOp(DeviceData data, int rows, long number) {
        for (Op op : ops) {
            try {
                launches.of(op, data, extent(rows)).forEach(device::run);
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

    private Launches.Extent extent(int rows) {
        return new Launches.Extent(rows, plan.batch(), true, false);
    }
}
