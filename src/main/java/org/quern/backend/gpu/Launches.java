package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.quern.backend.gpu.DeviceData.Kept;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Turns ops into launches, once for a plan: all but Gather's stay the same whatever the data, and
 * all but those of a library's products whatever the rows of a pass.
 *
 * <p>There are up to three ways to each product of a dense layer: one kernel of ours; a library's
 * product and what comes after; a library's product whose epilogue does that.
 */
final class Launches implements AutoCloseable {
    static final int GATHER_ROWS = 32;
    private static final int MOST_LANES = 256;
    private static final int COLUMNS_PER_GROUP = 32;
    private static final int ROWS_PER_GROUP = 512;

    private final Device device;
    private final TileChoice tiles;
    private final Bf16Shadow shadow;
    private final Device.Buffer arena;
    private final Device.Buffer pass;
    private final Device.Buffer log;
    private final Device.Buffer partialSums;
    private final Gradients gradients;
    private final Map<Key, List<Device.Launch>> prepared = new HashMap<>();

    /** The outputs whose forward pass, for so many rows, leaves the bits of ReLU's derivative. */
    private final Set<List<Long>> bitsLeft = new HashSet<>();

    /**
     * What launches are made for.
     *
     * @param rows of the pass: launches that a library makes are for exactly so many
     * @param most rows that any pass of this kind has: our own launches are for up to so many
     * @param alone whether the op runs by itself: what it takes is in the arena and nowhere else,
     *     and what it gives is wanted there
     */
    record Extent(int rows, int most, boolean training, boolean alone) {
        boolean drops(Mask mask) {
            return training && mask.drops();
        }
    }

    private record Key(Op op, Extent extent) {}

    Launches(
            Device device,
            Tiling.Choice tiling,
            Bf16Shadow shadow,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log,
            Device.Buffer partialSums,
            Device.Buffer layers,
            Plan plan) {
        this.device = device;
        tiles = new TileChoice(device, tiling);
        this.shadow = shadow;
        this.arena = arena;
        this.pass = pass;
        this.log = log;
        this.partialSums = partialSums;
        gradients = new Gradients(device, tiles, arena, pass, log, layers, plan);
    }

    /** Values of partial sums that a plan needs room for. */
    static long partialSums(Plan plan) {
        long groups = rowGroups(plan.batch());
        return plan.dense().stream().mapToLong(d -> groups * d.layer().units()).max().orElse(1);
    }

    private static int rowGroups(int rows) {
        return Call.groups(rows, ROWS_PER_GROUP);
    }

    /** The launches of an op, prepared when they are first asked for. */
    List<Device.Launch> of(Op op, DeviceData data, Extent extent) {
        if (op instanceof Op.Gather gather) {
            boolean training = extent.training();
            Kept kept = training ? Kept.TRAINING_ROWS : Kept.INFERENCE_ROWS;
            if (data.kept(kept) == null) {
                data.keep(kept, device.prepare(gather(gather, data, extent.most())));
            }
            return List.of(data.kept(kept));
        }
        return prepared.computeIfAbsent(new Key(op, extent), key -> prepare(op, extent));
    }

    /**
     * The launches of a whole step. Where the device has no library, the last ones take all
     * gradients of parameters, those in tiles of one size together, update with them and end the
     * step.
     */
    List<Device.Launch> ofStep(List<Op> ops, DeviceData data, Extent extent) {
        List<Device.Launch> all = new ArrayList<>();
        boolean merged = device.library() == null;
        for (Op op : ops) {
            boolean isLast =
                    op instanceof Op.DenseBackwardWeights
                            || op instanceof Op.Update
                            || op instanceof Op.Metrics;
            if (!merged || !isLast) {
                all.addAll(of(op, data, extent));
            }
        }
        if (merged) {
            all.addAll(gradients.ofStep(ops));
        }
        return all;
    }

    private List<Device.Launch> prepare(Op op, Extent extent) {
        List<Device.Launch> to = new ArrayList<>();
        if (op instanceof Op.DenseForward o) {
            forward(to, o, extent);
        } else if (op instanceof Op.DenseBackwardInput o) {
            backwardInput(to, o, extent);
        } else if (op instanceof Op.DenseBackwardWeights o) {
            backwardWeights(to, o, extent);
        } else if (op instanceof Op.CrossEntropy o) {
            to.add(device.prepare(crossEntropy(o, extent.most())));
            round(to, o.gradient(), extent, true);
        } else if (op instanceof Op.ElementwiseLoss o) {
            to.add(device.prepare(elementwiseLoss(o, extent.most())));
            round(to, o.gradient(), extent, true);
        } else if (op instanceof Op.Update o) {
            to.add(device.prepare(update(o)));
        } else if (op instanceof Op.Metrics o) {
            to.add(device.prepare(call("metrics_forward", 1).with(log, o.loss(), o.hits())));
        }
        return to;
    }

    /** A call of a kernel that takes the arena and the pass first. */
    private Call call(String kernel, int groups) {
        return Call.of(kernel, groups).with(arena, pass);
    }

    private Call gather(Op.Gather o, DeviceData data, int most) {
        int perGroup =
                Math.max(1, Math.min(GATHER_ROWS, Call.groups(most, 2 * device.computeUnits())));
        return call("gather_forward", Call.groups(most, perGroup))
                .with(data.raw(), data.targets(), o.x(), o.targets())
                .with(o.x().columns(), o.targets().columns(), data.set().isPixels(), perGroup)
                .with(o.scale(), o.shift(), o.mask());
    }

    private Call crossEntropy(Op.CrossEntropy o, int most) {
        int lanes = lanes(o.logits().columns());
        return call("cross_entropy_forward", Call.groups(most, Device.THREADS / lanes))
                .with(o.logits(), o.targets(), o.gradient(), o.loss(), o.hits())
                .with(o.logits().columns(), o.targets().columns(), lanes);
    }

    private Call elementwiseLoss(Op.ElementwiseLoss o, int most) {
        int lanes = lanes(o.y().columns());
        return call("elementwise_loss_forward", Call.groups(most, Device.THREADS / lanes))
                .with(o.y(), o.z(), o.targets(), o.gradient(), o.loss(), o.hits())
                .with(o.y().columns(), o.activation(), lanes)
                .with(o.form().kind(), o.form().constant());
    }

    private Call update(Op.Update o) {
        int groups = Call.groups(o.parameters().columns(), 4 * Device.THREADS);
        Call call =
                shadow.rounds
                        ? call("optimizer_update_bfloat16", groups).with(shadow.values)
                        : call("optimizer_update", groups);
        return Gradients.rule(Gradients.parameters(call, o).with(o.parameters().columns()), o);
    }

    /** Threads for a row of some columns: a power of two, each thread with about four columns. */
    private static int lanes(int columns) {
        int lanes = 4;
        while (lanes < MOST_LANES && lanes * 4 < columns) {
            lanes *= 2;
        }
        return lanes;
    }

    /** Rounds what products take, if they round, and nothing else has. */
    private void round(List<Device.Launch> to, Slice slice, Extent extent, boolean wanted) {
        if (shadow.rounds && wanted) {
            Call call =
                    bfloat16("bfloat16_convert", slice, extent.most())
                            .with(0, slice.columns(), shadow.stride(slice));
            to.add(device.prepare(call));
        }
    }

    /** Rounds all parameters anew: the host, or an op by itself, may have changed them. */
    void refresh(Slice parameters) {
        if (shadow.rounds) {
            int count = parameters.columns();
            // the rows are given, so no pass is read
            Call call = bfloat16("bfloat16_convert", parameters, 1).with(1, count, count);
            try (Device.Launch launch = device.prepare(call)) {
                launch.run();
            }
        }
    }

    /** Brings to the arena what an op that runs by itself gives as bfloat16 alone. */
    private void expand(List<Device.Launch> to, Slice slice, Extent extent) {
        if (shadow.rounds && extent.alone()) {
            Call call =
                    bfloat16("bfloat16_expand", slice, extent.most())
                            .with(slice.columns(), shadow.stride(slice));
            to.add(device.prepare(call));
        }
    }

    private Call bfloat16(String kernel, Slice slice, int rows) {
        return Call.of(kernel, Bf16Shadow.groups(rows, slice.columns()))
                .with(arena, shadow.values, pass, slice, shadow.roundedAt(slice, true));
    }

    /**
     * Adds the launches of the way to a product that the device takes, and tells its name: our own
     * kernel, a library's plain product and what comes after, or the whole with what comes before.
     */
    private String product(
            List<Device.Launch> to,
            Call own,
            Gemm plain,
            List<Call> after,
            List<Call> before,
            Gemm whole) {
        List<Device.GemmVariant> ways = new ArrayList<>();
        if (!shadow.rounds) {
            ways.add(new Device.GemmVariant(Device.OWN, List.of(device.prepare(own))));
        }
        Device.Library library = device.library();
        if (library != null) {
            add(ways, Device.LIBRARY, List.of(), library.product(plain), after);
            if (whole != null && library.hasEpilogues()) {
                add(ways, Device.EPILOGUE, before, library.product(whole), List.of());
            }
        }
        Device.GemmVariant taken = ways.size() == 1 ? ways.get(0) : library.choose(plain, ways);
        to.addAll(taken.launches());
        ways.remove(taken);
        ways.forEach(way -> way.launches().forEach(Device.Launch::close));
        return taken.name();
    }

    private void add(
            List<Device.GemmVariant> ways,
            String name,
            List<Call> before,
            Device.Launch product,
            List<Call> after) {
        if (product != null) {
            List<Device.Launch> all = new ArrayList<>();
            before.forEach(call -> all.add(device.prepare(call)));
            all.add(product);
            after.forEach(call -> all.add(device.prepare(call)));
            ways.add(new Device.GemmVariant(name, all));
        }
    }

    private Call tiled(String kernel, Tiling tile, int m, int n) {
        return new Call(tile.kernel(kernel), tile.groups(n), tile.groups(m), List.of(arena, pass));
    }

    private Call elements(String kernel, int rows, int columns) {
        return call(kernel, Call.groups((long) rows * columns, 4 * Device.THREADS));
    }

    /** What a product and all that is done to it is called where it is measured. */
    private static String name(String kernel, Activation activation, boolean drops) {
        return kernel + "_" + activation.text() + (drops ? "_dropout" : "");
    }

    private static List<Long> key(Slice y, Extent extent) {
        return List.of(y.offset(), (long) extent.rows());
    }

    private void forward(List<Device.Launch> to, Op.DenseForward o, Extent extent) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        boolean drops = extent.drops(o.mask());
        boolean narrow = shadow.rounds && !shadow.isOutput(o.y());
        boolean bits = extent.training() && shadow.hasBits(o.y());
        String name = name("dense_forward", o.activation(), drops);
        Function<Tiling, Call> own =
                tile ->
                        tiled("dense_forward", tile, extent.most(), out)
                                .with(o.x(), o.weights(), o.bias(), o.z(), o.y())
                                .with(in, out, o.activation(), o.mask());
        Call after =
                narrow || bits
                        ? finish(o, extent.most(), bits)
                        : elements("dense_forward_after", extent.most(), out)
                                .with(o.bias(), o.z(), o.y(), out, o.activation(), o.mask());
        Gemm.Operand x = shadow.factor(o.x());
        Gemm.Operand w = shadow.factor(o.weights());
        Gemm.Operand y = shadow.operand(o.y(), false);
        Gemm plain = new Gemm(name, extent.rows(), out, in, x, w, y);
        Gemm whole = null;
        boolean relu = o.activation() == Activation.RELU;
        if (!drops && (relu || o.activation() == Activation.LINEAR)) {
            Gemm.Kind kind = relu ? bits ? Gemm.Kind.RELU_BITS : Gemm.Kind.RELU : Gemm.Kind.BIAS;
            Gemm.Operand bias = shadow.operand(o.bias(), narrow);
            Gemm.Operand signs = bits ? shadow.bits(o.y()) : null;
            whole = plain.with(kind, bias, signs, 1, shadow.operand(o.y(), narrow));
        }
        round(to, o.x(), extent, extent.alone() || shadow.isInput(o.x()));
        Tiling tile = tiles.of(name, extent.most(), out, in, own);
        String taken = product(to, own.apply(tile), plain, List.of(after), List.of(), whole);
        if (bits && !extent.alone() && !taken.equals(Device.OWN)) {
            bitsLeft.add(key(o.y(), extent));
        }
        if (!shadow.keeps(o.y())) {
            expand(to, o.y(), extent);
        }
    }

    private Call finish(Op.DenseForward o, int most, boolean bits) {
        Slice y = o.y();
        return call("dense_forward_finish", Bf16Shadow.groupsOfWords(most, y.columns()))
                .with(shadow.values, shadow.signs)
                .with(o.bias(), o.z(), y, shadow.keeps(y))
                .with(shadow.roundedAt(y, shadow.rounds), bits ? shadow.bits(y).at() : null)
                .with(y.columns(), shadow.stride(y), bits ? shadow.bits(y).stride() : 0)
                .with(o.activation(), o.mask());
    }

    private void backwardInput(List<Device.Launch> to, Op.DenseBackwardInput o, Extent extent) {
        int in = o.weights().rows();
        int out = o.weights().columns();
        boolean drops = extent.drops(o.mask());
        boolean done = o.activation() == Activation.LINEAR && !drops;
        String name = name("dense_backward_input", o.activation(), drops);
        Function<Tiling, Call> own =
                tile ->
                        tiled("dense_backward_input", tile, extent.most(), in)
                                .with(o.dy(), o.weights(), o.x(), o.z(), o.dx())
                                .with(in, out, o.activation(), o.mask());
        Call after =
                shadow.rounds
                        ? finish(o, extent.most())
                        : elements("dense_backward_input_after", extent.most(), in)
                                .with(o.x(), o.z(), o.dx(), in, o.activation(), o.mask());
        Gemm.Operand dy = shadow.factor(o.dy());
        Gemm.Operand w = shadow.factor(o.weights());
        Gemm.Operand last = shadow.factor(o.dx());
        Gemm.Operand dx = done ? last : shadow.operand(o.dx(), false);
        Gemm plain = new Gemm(name, extent.rows(), in, out, dy, w.transpose(), dx);
        Gemm whole = null;
        List<Call> before = List.of();
        if (o.activation() == Activation.RELU && shadow.hasBits(o.x())) {
            float scale = drops ? o.mask().scale() : 1;
            whole = plain.with(Gemm.Kind.RELU_GRADIENT, null, shadow.bits(o.x()), scale, last);
            if (extent.alone() || !bitsLeft.contains(key(o.x(), extent))) {
                before = List.of(signs(o.x(), o.mask(), extent.most()));
            }
        }
        round(to, o.dy(), extent, extent.alone());
        round(to, o.x(), extent, extent.alone() && !shadow.keeps(o.x()));
        Tiling tile = tiles.of(name, extent.most(), in, out, own);
        List<Call> then = done ? List.of() : List.of(after);
        product(to, own.apply(tile), plain, then, before, whole);
        expand(to, o.dx(), extent);
    }

    private Call finish(Op.DenseBackwardInput o, int most) {
        Slice x = o.x();
        return call("dense_backward_input_finish", Bf16Shadow.groupsOfWords(most, x.columns()))
                .with(shadow.values)
                .with(x, shadow.roundedAt(x, !shadow.keeps(x)), o.z())
                .with(o.dx(), shadow.roundedAt(o.dx(), true), x.columns(), shadow.stride(x))
                .with(o.activation(), o.mask());
    }

    /** The bits of a layer's output, from wherever that is. */
    private Call signs(Slice y, Mask mask, int most) {
        return Call.of("relu_bits", Bf16Shadow.groupsOfWords(most, y.columns()))
                .with(arena, shadow.values, shadow.signs, pass)
                .with(y, shadow.roundedAt(y, !shadow.keeps(y)), shadow.bits(y).at())
                .with(y.columns(), shadow.stride(y), shadow.bits(y).stride())
                .with(mask.stream(), mask.threshold());
    }

    private void backwardWeights(List<Device.Launch> to, Op.DenseBackwardWeights o, Extent extent) {
        int in = o.dw().rows();
        int out = o.dw().columns();
        Call own = gradients.of(o);
        Gemm.Operand x = shadow.factor(o.x());
        Gemm.Operand dy = shadow.factor(o.dy());
        Gemm.Operand dw = shadow.operand(o.dw(), false);
        Gemm.Operand db = shadow.operand(o.db(), false);
        Gemm plain =
                new Gemm("dense_backward_weights", in, out, extent.rows(), x.transpose(), dy, dw);
        Gemm whole = plain.with(Gemm.Kind.BIAS_GRADIENT, db, null, 1, dw);
        round(to, o.x(), extent, extent.alone());
        round(to, o.dy(), extent, extent.alone());
        product(to, own, plain, biasGradient(o, extent.most()), List.of(), whole);
    }

    /** db as sums over columns: in one launch, or in parts of the rows and then over the parts. */
    private List<Call> biasGradient(Op.DenseBackwardWeights o, int most) {
        Slice dy = o.dy();
        int columns = dy.columns();
        int parts = rowGroups(most);
        if (parts == 1) {
            return List.of(columnSums(dy, 1, arena, o.db()));
        }
        Call last =
                Call.of("column_sums", Call.groups(columns, COLUMNS_PER_GROUP))
                        .with(partialSums, arena, pass)
                        .with(0, o.db(), parts, columns, Integer.MAX_VALUE);
        return List.of(columnSums(dy, parts, partialSums, 0), last);
    }

    private Call columnSums(Slice dy, int parts, Device.Buffer to, Object at) {
        int columns = dy.columns();
        int each = parts == 1 ? Integer.MAX_VALUE : ROWS_PER_GROUP;
        int groups = Call.groups(columns, COLUMNS_PER_GROUP);
        return shadow.rounds
                ? new Call("column_sums_bfloat16", groups, parts, List.of())
                        .with(shadow.values, to, pass)
                        .with(shadow.roundedAt(dy, true), at, columns, shadow.stride(dy), each)
                : new Call("column_sums", groups, parts, List.of())
                        .with(arena, to, pass)
                        .with(dy, at, 0, columns, each);
    }

    @Override
    public void close() {
        prepared.values().forEach(all -> all.forEach(Device.Launch::close));
        prepared.clear();
        gradients.close();
    }
}
