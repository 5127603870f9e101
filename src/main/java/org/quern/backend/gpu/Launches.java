package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.List;
import org.quern.backend.PlanWords;
import org.quern.plan.Op;
import org.quern.plan.Slice;

/**
 * Turns ops into launches. Built once for a plan; all but Gather's stay the same whatever the data,
 * and all but those of a library's products whatever the rows of a pass.
 */
final class Launches {
    static final int GATHER_ROWS = 32;
    private static final int MOST_LANES = 256;

    private final Device device;
    private final Device.Buffer arena;
    private final Device.Buffer pass;
    private final Device.Buffer log;
    private final Bf16Shadow side;
    private final DenseLaunches dense;

    Launches(
            Device device,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log,
            Device.Buffer partialSums,
            Tiling.Choice tiling,
            Bf16Shadow side) {
        this.device = device;
        this.arena = arena;
        this.pass = pass;
        this.log = log;
        this.side = side;
        dense = new DenseLaunches(device, arena, pass, partialSums, tiling, side);
    }

    /** The launches of an op. */
    List<Device.Launch> of(Op op, DeviceData data, Extent extent) {
        int most = extent.most();
        List<Device.Launch> launches = new ArrayList<>();
        if (op instanceof Op.Gather o) {
            launches.add(device.prepare(gather(o, data, most)));
        } else if (op instanceof Op.DenseForward o) {
            dense.forward(launches, o, extent);
        } else if (op instanceof Op.CrossEntropy o) {
            launches.add(device.prepare(crossEntropy(o, most)));
            round(launches, o.gradient(), most);
        } else if (op instanceof Op.RegressionLoss o) {
            launches.add(device.prepare(regressionLoss(o, most)));
            round(launches, o.gradient(), most);
        } else if (op instanceof Op.DenseBackwardInput o) {
            dense.backwardInput(launches, o, extent);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            dense.backwardWeights(launches, o, extent);
        } else if (op instanceof Op.Update o) {
            launches.add(device.prepare(update(o)));
        } else if (op instanceof Op.Metrics o) {
            launches.add(
                    device.prepare(
                            Call.of(
                                    "metrics_forward",
                                    1,
                                    1,
                                    arena,
                                    pass,
                                    log,
                                    at(o.loss()),
                                    at(o.hits()))));
        }
        return launches;
    }

    /** Products take the gradient at the output rounded, if they round. */
    private void round(List<Device.Launch> launches, Slice gradient, int most) {
        if (side.round()) {
            launches.add(device.prepare(side.convert(pass, gradient, most)));
        }
    }

    private Call gather(Op.Gather op, DeviceData data, int most) {
        int perGroup =
                Math.max(1, Math.min(GATHER_ROWS, Call.groups(most, 2 * device.computeUnits())));
        return Call.of(
                "gather_forward",
                Call.groups(most, perGroup),
                1,
                arena,
                pass,
                data.raw(),
                data.targets(),
                at(op.x()),
                at(op.targets()),
                op.x().columns(),
                op.targets().columns(),
                data.isPixels() ? 1 : 0,
                perGroup,
                op.scale(),
                op.shift(),
                op.mask().stream(),
                op.mask().threshold(),
                op.mask().scale());
    }

    private Call crossEntropy(Op.CrossEntropy op, int most) {
        int lanes = lanes(op.logits().columns());
        return Call.of(
                "cross_entropy_forward",
                Call.groups(most, Device.THREADS / lanes),
                1,
                arena,
                pass,
                at(op.logits()),
                at(op.targets()),
                at(op.gradient()),
                at(op.loss()),
                at(op.hits()),
                op.logits().columns(),
                lanes);
    }

    private Call regressionLoss(Op.RegressionLoss op, int most) {
        int lanes = lanes(op.y().columns());
        return Call.of(
                "regression_loss_forward",
                Call.groups(most, Device.THREADS / lanes),
                1,
                arena,
                pass,
                at(op.y()),
                at(op.z()),
                at(op.targets()),
                at(op.gradient()),
                at(op.loss()),
                at(op.hits()),
                op.y().columns(),
                op.activation().ordinal(),
                lanes,
                op.form().kind().ordinal(),
                op.form().constant());
    }

    private Call update(Op.Update op) {
        int count = op.parameters().columns();
        float[] form = PlanWords.form(op.form());
        return Call.of(
                side.round() ? "optimizer_update_bfloat16" : "optimizer_update",
                Call.groups(count, 4 * Device.THREADS),
                1,
                side.round() ? List.of(arena, pass, side.roundedArgument()) : List.of(arena, pass),
                at(op.parameters()),
                at(op.gradients()),
                at(op.moments().size() > 0 ? op.moments().get(0) : null),
                at(op.moments().size() > 1 ? op.moments().get(1) : null),
                count,
                PlanWords.rule(op.form()),
                form[0],
                form[1],
                form[2]);
    }

    /** Threads for a row of some columns: a power of two, each thread with about four columns. */
    private static int lanes(int columns) {
        int lanes = 4;
        while (lanes < MOST_LANES && lanes * 4 < columns) {
            lanes *= 2;
        }
        return lanes;
    }

    private static int at(Slice slice) {
        return DenseLaunches.at(slice);
    }
}
