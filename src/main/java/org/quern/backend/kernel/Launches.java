package org.quern.backend.kernel;

import java.util.ArrayList;
import java.util.List;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Turns ops into launches. Built once for a plan; all but Gather's stay the same whatever the data,
 * and all but those of a library's products whatever the rows of a pass.
 */
final class Launches {
    private static final int NONE = -1;
    private static final int GATHER_ROWS = 32;
    private static final int MOST_LANES = 256;
    private static final int COLUMNS_PER_GROUP = 32;
    private static final int ROWS_PER_GROUP = 512;

    private final Device device;
    private final Device.Buffer arena;
    private final Device.Buffer pass;
    private final Device.Buffer log;
    private final Device.Buffer partialSums;
    private final Tiling.Choice tiling;

    Launches(
            Device device,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log,
            Device.Buffer partialSums,
            Tiling.Choice tiling) {
        this.device = device;
        this.arena = arena;
        this.pass = pass;
        this.log = log;
        this.partialSums = partialSums;
        this.tiling = tiling;
    }

    /** Values that {@link #partialSums} must have for a plan. */
    static long partialSums(Plan plan) {
        long most = 1;
        for (Plan.DenseSlices dense : plan.dense()) {
            most = Math.max(most, (long) rowGroups(plan.batch()) * dense.layer().units());
        }
        return most;
    }

    /**
     * The launches of an op.
     *
     * @param rows of the pass: launches that a library makes are for exactly so many
     * @param most rows that any pass of this kind has: our own launches are for up to so many
     */
    List<Device.Launch> of(Op op, DeviceData data, int rows, int most) {
        List<Device.Launch> launches = new ArrayList<>();
        if (op instanceof Op.Gather o) {
            launches.add(device.prepare(gather(o, data, most)));
        } else if (op instanceof Op.DenseForward o) {
            forward(launches, o, rows, most);
        } else if (op instanceof Op.CrossEntropy o) {
            launches.add(device.prepare(crossEntropy(o, most)));
        } else if (op instanceof Op.SquaredError o) {
            launches.add(device.prepare(squaredError(o, most)));
        } else if (op instanceof Op.DenseBackwardInput o) {
            backwardInput(launches, o, rows, most);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            backwardWeights(launches, o, rows, most);
        } else if (op instanceof Op.Adam o) {
            launches.add(device.prepare(adam(o)));
        } else if (op instanceof Op.Sgd o) {
            launches.add(device.prepare(sgd(o)));
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

    /**
     * Adds a library's product and what comes after it, if that is the better way, else our own
     * kernel.
     */
    private void add(List<Device.Launch> launches, Product product, List<Call> after, Call ours) {
        List<Device.Launch> own = List.of(device.prepare(ours));
        Device.Launch first = device.product(product);
        if (first == null) {
            launches.addAll(own);
            return;
        }
        List<Device.Launch> library = new ArrayList<>(List.of(first));
        after.forEach(call -> library.add(device.prepare(call)));
        boolean takeLibrary = device.prefers(product, library, own);
        launches.addAll(takeLibrary ? library : own);
        (takeLibrary ? own : library).forEach(Device.Launch::close);
    }

    private void forward(List<Device.Launch> launches, Op.DenseForward o, int rows, int most) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        int act = o.activation().ordinal();
        Mask mask = o.mask();
        Tiling tile = tiling.of(most, out);
        Product product =
                new Product(
                        "dense_forward",
                        arena,
                        rows,
                        out,
                        in,
                        at(o.x()),
                        false,
                        at(o.weights()),
                        false,
                        at(o.y()));
        Call after =
                Call.of(
                        "dense_forward_after",
                        Call.groups((long) rows * out, Device.THREADS),
                        1,
                        arena,
                        pass,
                        at(o.bias()),
                        at(o.z()),
                        at(o.y()),
                        out,
                        act,
                        mask.stream(),
                        mask.threshold(),
                        mask.scale());
        Call ours =
                Call.of(
                        tile.kernel("dense_forward"),
                        tile.groups(out),
                        tile.groups(most),
                        arena,
                        pass,
                        at(o.x()),
                        at(o.weights()),
                        at(o.bias()),
                        at(o.z()),
                        at(o.y()),
                        in,
                        out,
                        act,
                        mask.stream(),
                        mask.threshold(),
                        mask.scale());
        add(launches, product, List.of(after), ours);
    }

    private void backwardInput(
            List<Device.Launch> launches, Op.DenseBackwardInput o, int rows, int most) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        int act = o.activation().ordinal();
        Mask mask = o.mask();
        Tiling tile = tiling.of(most, in);
        Product product =
                new Product(
                        "dense_backward_input",
                        arena,
                        rows,
                        in,
                        out,
                        at(o.dy()),
                        false,
                        at(o.weights()),
                        true,
                        at(o.dx()));
        Call after =
                Call.of(
                        "dense_backward_input_after",
                        Call.groups((long) rows * in, Device.THREADS),
                        1,
                        arena,
                        pass,
                        at(o.x()),
                        at(o.z()),
                        at(o.dx()),
                        in,
                        act,
                        mask.stream(),
                        mask.threshold(),
                        mask.scale());
        Call ours =
                Call.of(
                        tile.kernel("dense_backward_input"),
                        tile.groups(in),
                        tile.groups(most),
                        arena,
                        pass,
                        at(o.dy()),
                        at(o.weights()),
                        at(o.x()),
                        at(o.z()),
                        at(o.dx()),
                        in,
                        out,
                        act,
                        mask.stream(),
                        mask.threshold(),
                        mask.scale());
        add(launches, product, List.of(after), ours);
    }

    private void backwardWeights(
            List<Device.Launch> launches, Op.DenseBackwardWeights o, int rows, int most) {
        int in = o.dw().rows();
        int out = o.dw().columns();
        Tiling tile = tiling.of(in, out);
        Product product =
                new Product(
                        "dense_backward_weights",
                        arena,
                        in,
                        out,
                        rows,
                        at(o.x()),
                        true,
                        at(o.dy()),
                        false,
                        at(o.dw()));
        Call ours =
                Call.of(
                        tile.kernel("dense_backward_weights"),
                        tile.groups(out),
                        tile.groups(in),
                        arena,
                        pass,
                        at(o.x()),
                        at(o.dy()),
                        at(o.dw()),
                        at(o.db()),
                        in,
                        out);
        add(launches, product, biasGradient(o, most), ours);
    }

    /** db as sums over columns: in one launch, or in parts of the rows and then over the parts. */
    private List<Call> biasGradient(Op.DenseBackwardWeights op, int most) {
        int out = op.db().columns();
        int parts = rowGroups(most);
        if (parts == 1) {
            return List.of(columnSums(1, arena, arena, at(op.dy()), at(op.db()), 0, out));
        }
        return List.of(
                columnSums(parts, arena, partialSums, at(op.dy()), 0, 0, out),
                columnSums(1, partialSums, arena, 0, at(op.db()), parts, out));
    }

    private Call columnSums(
            int parts,
            Device.Buffer from,
            Device.Buffer to,
            int fromAt,
            int toAt,
            int rows,
            int columns) {
        return Call.of(
                "column_sums",
                Call.groups(columns, COLUMNS_PER_GROUP),
                parts,
                from,
                to,
                pass,
                fromAt,
                toAt,
                rows,
                columns,
                parts == 1 ? Integer.MAX_VALUE : ROWS_PER_GROUP);
    }

    private static int rowGroups(int rows) {
        return Call.groups(rows, ROWS_PER_GROUP);
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

    private Call squaredError(Op.SquaredError op, int most) {
        int lanes = lanes(op.y().columns());
        return Call.of(
                "squared_error_forward",
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
                lanes);
    }

    private Call adam(Op.Adam op) {
        int count = op.parameters().columns();
        return Call.of(
                "adam_update",
                Call.groups(count, 4 * Device.THREADS),
                1,
                arena,
                pass,
                at(op.parameters()),
                at(op.gradients()),
                at(op.m()),
                at(op.v()),
                count,
                (float) (1 - op.form().beta1()),
                (float) (1 - op.form().beta2()),
                (float) op.form().epsilon());
    }

    private Call sgd(Op.Sgd op) {
        int count = op.parameters().columns();
        return Call.of(
                "sgd_update",
                Call.groups(count, 4 * Device.THREADS),
                1,
                arena,
                pass,
                at(op.parameters()),
                at(op.gradients()),
                at(op.velocity()),
                count,
                (float) op.form().momentum());
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
        return slice == null ? NONE : Math.toIntExact(slice.offset());
    }
}
