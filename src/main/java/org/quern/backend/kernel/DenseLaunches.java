package org.quern.backend.kernel;

import java.util.ArrayList;
import java.util.List;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * The launches of dense layers: one kernel of ours, or a library's product and what comes after.
 */
final class DenseLaunches {
    private static final int NONE = -1;
    private static final int COLUMNS_PER_GROUP = 32;
    private static final int ROWS_PER_GROUP = 512;

    private final Device device;
    private final Device.Buffer arena;
    private final Device.Buffer pass;
    private final Device.Buffer partialSums;
    private final Tiling.Choice tiling;

    DenseLaunches(
            Device device,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer partialSums,
            Tiling.Choice tiling) {
        this.device = device;
        this.arena = arena;
        this.pass = pass;
        this.partialSums = partialSums;
        this.tiling = tiling;
    }

    /** Values of partial sums that a plan needs room for. */
    static long partialSums(Plan plan) {
        long most = 1;
        for (Plan.DenseSlices dense : plan.dense()) {
            most = Math.max(most, (long) rowGroups(plan.batch()) * dense.layer().units());
        }
        return most;
    }

    /** A slice's offset in the arena as kernels take it. */
    static int at(Slice slice) {
        return slice == null ? NONE : Math.toIntExact(slice.offset());
    }

    private static int rowGroups(int rows) {
        return Call.groups(rows, ROWS_PER_GROUP);
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

    void forward(List<Device.Launch> launches, Op.DenseForward o, int rows, int most) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        Tiling tile = tiling.of(most, out);
        List<Object> epilogue = epilogue(o.activation(), o.mask());
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
        List<Object> outputs = List.of(at(o.bias()), at(o.z()), at(o.y()));
        Call after =
                Call.of(
                        "dense_forward_after",
                        elementGroups(rows, out),
                        1,
                        List.of(arena, pass),
                        outputs,
                        out,
                        epilogue);
        Call ours =
                Call.of(
                        tile.kernel("dense_forward"),
                        tile.groups(out),
                        tile.groups(most),
                        List.of(arena, pass, at(o.x()), at(o.weights())),
                        outputs,
                        List.of(in, out),
                        epilogue);
        add(launches, product, List.of(after), ours);
    }

    void backwardInput(List<Device.Launch> launches, Op.DenseBackwardInput o, int rows, int most) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        Tiling tile = tiling.of(most, in);
        List<Object> epilogue = epilogue(o.activation(), o.mask());
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
        List<Object> outputs = List.of(at(o.x()), at(o.z()), at(o.dx()));
        Call after =
                Call.of(
                        "dense_backward_input_after",
                        elementGroups(rows, in),
                        1,
                        List.of(arena, pass),
                        outputs,
                        in,
                        epilogue);
        Call ours =
                Call.of(
                        tile.kernel("dense_backward_input"),
                        tile.groups(in),
                        tile.groups(most),
                        List.of(arena, pass, at(o.dy()), at(o.weights())),
                        outputs,
                        List.of(in, out),
                        epilogue);
        add(launches, product, List.of(after), ours);
    }

    /** The arguments with which every kernel ends that applies activation and mask. */
    private static List<Object> epilogue(Activation activation, Mask mask) {
        return List.of(activation.ordinal(), mask.stream(), mask.threshold(), mask.scale());
    }

    private static int elementGroups(int rows, int columns) {
        return Call.groups((long) rows * columns, Device.THREADS);
    }

    void backwardWeights(
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
}
