package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * The launches of dense layers. There are up to three ways for each product: one kernel of ours; a
 * library's product and what comes after; a library's product whose epilogue does that.
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
    private final Bf16Shadow side;

    /** The outputs whose forward pass, for so many rows, leaves the bits of ReLU's derivative. */
    private final Set<List<Long>> bitsLeft = new HashSet<>();

    DenseLaunches(
            Device device,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer partialSums,
            Tiling.Choice tiling,
            Bf16Shadow side) {
        this.device = device;
        this.arena = arena;
        this.pass = pass;
        this.partialSums = partialSums;
        this.tiling = tiling;
        this.side = side;
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

    /** The ways to compute one thing, of which one is taken. */
    private final class Ways {
        private final List<Device.GemmVariant> ways = new ArrayList<>();

        void own(Call call) {
            if (!side.round()) {
                ways.add(new Device.GemmVariant(Device.OWN, List.of(device.prepare(call))));
            }
        }

        /** Adds a library's product between calls, if the library has it. */
        void library(String name, List<Call> before, Gemm product, List<Call> after) {
            Device.Launch launch = device.product(product);
            if (launch != null) {
                List<Device.Launch> all = new ArrayList<>();
                before.forEach(call -> all.add(device.prepare(call)));
                all.add(launch);
                after.forEach(call -> all.add(device.prepare(call)));
                ways.add(new Device.GemmVariant(name, all));
            }
        }

        /** Adds the launches of the way that is taken, and tells its name. */
        String take(Gemm product, List<Device.Launch> to) {
            Device.GemmVariant taken =
                    ways.size() == 1 ? ways.get(0) : device.choose(product, ways);
            to.addAll(taken.launches());
            for (Device.GemmVariant way : ways) {
                if (way != taken) {
                    way.launches().forEach(Device.Launch::close);
                }
            }
            return taken.name();
        }
    }

    /** Rounds what an op takes where it runs by itself, and nothing before it has. */
    private void convert(List<Device.Launch> launches, Slice slice, boolean wanted, Extent extent) {
        if (side.round() && wanted) {
            launches.add(device.prepare(side.convert(pass, slice, extent.most())));
        }
    }

    /** Brings to the arena what such an op gives as bfloat16 alone. */
    private void expand(List<Device.Launch> launches, Slice slice, boolean wanted, Extent extent) {
        if (side.round() && wanted) {
            launches.add(device.prepare(side.expand(pass, slice, extent.most())));
        }
    }

    private static boolean drops(Mask mask, Extent extent) {
        return mask.drops() && extent.training();
    }

    private static String name(String what, Activation activation, boolean drops) {
        return what + "_" + activation.text() + (drops ? "_dropout" : "");
    }

    private static List<Long> key(Slice y, Extent extent) {
        return List.of(y.offset(), (long) extent.rows());
    }

    void forward(List<Device.Launch> launches, Op.DenseForward o, Extent extent) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        boolean drops = drops(o.mask(), extent);
        boolean hidden = !side.isOutput(o.y());
        boolean bits = extent.training() && side.hasBits(o.y());
        String name = name("dense_forward", o.activation(), drops);
        Gemm.Operand sums = side.inArena(o.y());
        Gemm product = forward(name, o, extent.rows(), sums, Gemm.Epilogue.NONE);
        convert(launches, o.x(), extent.alone() || side.isInput(o.x()), extent);
        Ways ways = new Ways();
        List<Object> epilogue = epilogue(o.activation(), o.mask());
        List<Object> outputs = List.of(at(o.bias()), at(o.z()), at(o.y()));
        Tiling tile = tiling.of(extent.most(), out);
        ways.own(
                Call.of(
                        tile.kernel("dense_forward"),
                        tile.groups(out),
                        tile.groups(extent.most()),
                        List.of(arena, pass, at(o.x()), at(o.weights())),
                        outputs,
                        List.of(in, out),
                        epilogue));
        Call after =
                side.round() && hidden || bits
                        ? finish(o, extent.most(), bits)
                        : Call.of(
                                "dense_forward_after",
                                elementGroups(extent.most(), out),
                                1,
                                List.of(arena, pass),
                                outputs,
                                out,
                                epilogue);
        ways.library(Device.LIBRARY, List.of(), product, List.of(after));
        boolean relu = o.activation() == Activation.RELU;
        if (device.hasEpilogues() && !drops && (relu || o.activation() == Activation.LINEAR)) {
            Gemm.Kind kind = relu ? bits ? Gemm.Kind.RELU_BITS : Gemm.Kind.RELU : Gemm.Kind.BIAS;
            boolean narrow = side.round() && hidden;
            Gemm.Operand bias = narrow ? side.inBfloat16(o.bias()) : side.inArena(o.bias());
            Gemm.Operand y = narrow ? side.inBfloat16(o.y()) : sums;
            Gemm.Epilogue done = new Gemm.Epilogue(kind, bias, bits ? side.bits(o.y()) : null, 1);
            ways.library(
                    Device.EPILOGUE,
                    List.of(),
                    forward(name, o, extent.rows(), y, done),
                    List.of());
        }
        String taken = ways.take(product, launches);
        if (bits && !extent.alone() && !taken.equals(Device.OWN)) {
            bitsLeft.add(key(o.y(), extent));
        }
        expand(launches, o.y(), extent.alone() && !side.keeps(o.y()), extent);
    }

    private Gemm forward(
            String name, Op.DenseForward o, int rows, Gemm.Operand y, Gemm.Epilogue epilogue) {
        return new Gemm(
                name,
                rows,
                o.weights().columns(),
                o.weights().rows(),
                side.factor(o.x()),
                false,
                side.factor(o.weights()),
                false,
                y,
                epilogue);
    }

    private Call finish(Op.DenseForward o, int most, boolean bits) {
        Slice y = o.y();
        return Call.of(
                "dense_forward_finish",
                Bf16Shadow.groupsOfWords(most, y.columns()),
                1,
                List.of(arena, pass, side.roundedArgument(), side.bitsArgument()),
                List.of(at(o.bias()), at(o.z()), at(y), side.keeps(y) ? 1 : 0),
                side.roundedAt(y, side.round()),
                bits ? side.bits(y).at() : Bf16Shadow.NOWHERE,
                List.of(y.columns(), side.stride(y), bits ? side.bits(y).stride() : 0),
                epilogue(o.activation(), o.mask()));
    }

    void backwardInput(List<Device.Launch> launches, Op.DenseBackwardInput o, Extent extent) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        boolean drops = drops(o.mask(), extent);
        boolean plain = o.activation() == Activation.LINEAR && !drops;
        String name = name("dense_backward_input", o.activation(), drops);
        convert(launches, o.dy(), extent.alone(), extent);
        convert(launches, o.x(), extent.alone() && !side.keeps(o.x()), extent);
        Ways ways = new Ways();
        Tiling tile = tiling.of(extent.most(), in);
        List<Object> epilogue = epilogue(o.activation(), o.mask());
        List<Object> outputs = List.of(at(o.x()), at(o.z()), at(o.dx()));
        ways.own(
                Call.of(
                        tile.kernel("dense_backward_input"),
                        tile.groups(in),
                        tile.groups(extent.most()),
                        List.of(arena, pass, at(o.dy()), at(o.weights())),
                        outputs,
                        List.of(in, out),
                        epilogue));
        Call after =
                side.round()
                        ? finish(o, extent.most())
                        : Call.of(
                                "dense_backward_input_after",
                                elementGroups(extent.most(), in),
                                1,
                                List.of(arena, pass),
                                outputs,
                                in,
                                epilogue);
        Gemm.Operand last = side.factor(o.dx());
        Gemm product =
                backwardInput(
                        name,
                        o,
                        extent.rows(),
                        plain ? last : side.inArena(o.dx()),
                        Gemm.Epilogue.NONE);
        ways.library(Device.LIBRARY, List.of(), product, plain ? List.of() : List.of(after));
        if (o.activation() == Activation.RELU && side.hasBits(o.x())) {
            boolean left = !extent.alone() && bitsLeft.contains(key(o.x(), extent));
            Gemm.Epilogue done =
                    new Gemm.Epilogue(
                            Gemm.Kind.RELU_GRADIENT,
                            null,
                            side.bits(o.x()),
                            drops ? o.mask().scale() : 1);
            ways.library(
                    Device.EPILOGUE,
                    left ? List.of() : List.of(side.pack(pass, o.x(), o.mask(), extent.most())),
                    backwardInput(name, o, extent.rows(), last, done),
                    List.of());
        }
        ways.take(product, launches);
        expand(launches, o.dx(), extent.alone(), extent);
    }

    private Gemm backwardInput(
            String name,
            Op.DenseBackwardInput o,
            int rows,
            Gemm.Operand dx,
            Gemm.Epilogue epilogue) {
        return new Gemm(
                name,
                rows,
                o.weights().rows(),
                o.weights().columns(),
                side.factor(o.dy()),
                false,
                side.factor(o.weights()),
                true,
                dx,
                epilogue);
    }

    private Call finish(Op.DenseBackwardInput o, int most) {
        Slice x = o.x();
        return Call.of(
                "dense_backward_input_finish",
                Bf16Shadow.groupsOfWords(most, x.columns()),
                1,
                List.of(arena, pass, side.roundedArgument()),
                List.of(at(x), side.roundedAt(x, !side.keeps(x)), at(o.z())),
                List.of(at(o.dx()), side.roundedAt(o.dx(), true)),
                List.of(x.columns(), side.stride(x)),
                epilogue(o.activation(), o.mask()));
    }

    /** The arguments with which every kernel ends that applies activation and mask. */
    private static List<Object> epilogue(Activation activation, Mask mask) {
        return List.of(activation.ordinal(), mask.stream(), mask.threshold(), mask.scale());
    }

    private static int elementGroups(int rows, int columns) {
        return Call.groups((long) rows * columns, Device.THREADS);
    }

    void backwardWeights(List<Device.Launch> launches, Op.DenseBackwardWeights o, Extent extent) {
        int in = o.dw().rows();
        int out = o.dw().columns();
        convert(launches, o.x(), extent.alone(), extent);
        convert(launches, o.dy(), extent.alone(), extent);
        Ways ways = new Ways();
        Tiling tile = tiling.of(in, out);
        ways.own(
                Call.of(
                        tile.kernel("dense_backward_weights"),
                        tile.groups(out),
                        tile.groups(in),
                        List.of(arena, pass),
                        List.of(at(o.x()), at(o.dy()), at(o.dw()), at(o.db())),
                        List.of(in, out)));
        Gemm product = backwardWeights(o, extent.rows(), Gemm.Epilogue.NONE);
        ways.library(Device.LIBRARY, List.of(), product, biasGradient(o, extent.most()));
        if (device.hasEpilogues()) {
            Gemm.Epilogue sums = Gemm.Epilogue.of(Gemm.Kind.BIAS_GRADIENT, side.inArena(o.db()));
            ways.library(
                    Device.EPILOGUE, List.of(), backwardWeights(o, extent.rows(), sums), List.of());
        }
        ways.take(product, launches);
    }

    private Gemm backwardWeights(Op.DenseBackwardWeights o, int rows, Gemm.Epilogue epilogue) {
        return new Gemm(
                "dense_backward_weights",
                o.dw().rows(),
                o.dw().columns(),
                rows,
                side.factor(o.x()),
                true,
                side.factor(o.dy()),
                false,
                side.inArena(o.dw()),
                epilogue);
    }

    /** db as sums over columns: in one launch, or in parts of the rows and then over the parts. */
    private List<Call> biasGradient(Op.DenseBackwardWeights op, int most) {
        int out = op.db().columns();
        int parts = rowGroups(most);
        if (parts == 1) {
            return List.of(sumsOf(op.dy(), 1, arena, at(op.db())));
        }
        return List.of(
                sumsOf(op.dy(), parts, partialSums, 0),
                columnSums(
                        1,
                        partialSums,
                        arena,
                        List.of(0, at(op.db()), parts, out, Integer.MAX_VALUE)));
    }

    private Call sumsOf(Slice dy, int parts, Device.Buffer to, int toAt) {
        int each = parts == 1 ? Integer.MAX_VALUE : ROWS_PER_GROUP;
        return side.round()
                ? Call.of(
                        "column_sums_bfloat16",
                        Call.groups(dy.columns(), COLUMNS_PER_GROUP),
                        parts,
                        List.of(side.roundedArgument(), to, pass),
                        List.of(side.roundedAt(dy, true), toAt, dy.columns(), side.stride(dy)),
                        each)
                : columnSums(parts, arena, to, List.of(at(dy), toAt, 0, dy.columns(), each));
    }

    private Call columnSums(
            int parts, Device.Buffer from, Device.Buffer to, List<Integer> numbers) {
        int columns = numbers.get(3);
        int groups = Call.groups(columns, COLUMNS_PER_GROUP);
        return Call.of("column_sums", groups, parts, from, to, pass, numbers);
    }
}
