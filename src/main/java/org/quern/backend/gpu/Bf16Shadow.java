package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * What a library's products take and give beside the arena, on the device alone: values rounded to
 * bfloat16, each once for all products that take them, and the signs of ReLU as bits. Hidden
 * outputs of linear layers and ReLU, and the gradients of all hidden outputs, are written as
 * bfloat16 only: products are all that reads them.
 */
final class Bf16Shadow implements AutoCloseable {
    /** What kernels take for "not there". */
    static final int NOWHERE = -1;

    private static final int ROW = 8;
    private static final int START = 128;
    private static final int BITS = 128;
    private static final int WORD = 32;

    private final Device device;
    private final Device.Buffer arena;
    private final Plan plan;
    private final Map<Long, Slot> rounded = new HashMap<>();
    private final Map<Long, Slot> bits = new HashMap<>();
    private final Set<Long> kept = new HashSet<>();
    private final Device.Buffer roundedBuffer;
    private final Device.Buffer bitsBuffer;

    /** Where a matrix starts, and values (or words of bits) from a row to the next. */
    private record Slot(int at, int stride) {}

    /** Allocates what the device's products need for a plan: often nothing. */
    Bf16Shadow(Device device, Device.Buffer arena, Plan plan) {
        this.device = device;
        this.arena = arena;
        this.plan = plan;
        long values = plan.parameters().size();
        long words = 0;
        List<Slice> slices = new ArrayList<>();
        for (Plan.DenseSlices dense : plan.dense()) {
            slices.add(dense.x());
            Activation activation = dense.layer().activation();
            boolean isOutput = dense.y().offset() == plan.output().offset();
            if (isOutput || activation != Activation.RELU && activation != Activation.LINEAR) {
                kept.add(dense.y().offset());
            }
            if (!isOutput && activation == Activation.RELU && device.hasEpilogues()) {
                int stride = up(dense.y().columns(), BITS) / WORD;
                bits.put(dense.y().offset(), new Slot(Math.toIntExact(words), stride));
                words += (long) plan.batch() * stride;
            }
        }
        for (Op op : plan.training()) {
            if (op instanceof Op.DenseBackwardWeights o) {
                slices.add(o.dy());
            }
        }
        for (Slice slice : slices) {
            int stride = up(slice.columns(), ROW);
            values = up(Math.toIntExact(values), START);
            rounded.put(slice.offset(), new Slot(Math.toIntExact(values), stride));
            values += (long) slice.rows() * stride;
        }
        boolean rounds = device.roundsFactors();
        roundedBuffer = rounds ? device.allocate(2 * values, "values in bfloat16") : null;
        try {
            bitsBuffer = words > 0 ? device.allocate(4 * words, "the signs of ReLU") : null;
        } catch (RuntimeException e) {
            if (rounds) {
                device.release(roundedBuffer);
            }
            throw e;
        }
    }

    private static int up(int value, int to) {
        return Math.toIntExact(((long) value + to - 1) / to * to);
    }

    /** Whether products take bfloat16. */
    boolean round() {
        return roundedBuffer != null;
    }

    /** Whether a layer's output is in the arena after its forward pass. */
    boolean keeps(Slice y) {
        return !round() || kept.contains(y.offset());
    }

    /** Whether a layer's output is what the last layer gives. */
    boolean isOutput(Slice y) {
        return y.offset() == plan.output().offset();
    }

    /** Whether this is the first layer's input, which Gather writes. */
    boolean isInput(Slice x) {
        return x.offset() == plan.dense().get(0).x().offset();
    }

    /** Whether ReLU's derivative at a layer's output is wanted as bits. */
    boolean hasBits(Slice y) {
        return bits.containsKey(y.offset());
    }

    /** A matrix as products take it: rounded, where they round. */
    Gemm.Operand factor(Slice slice) {
        return round() ? inBfloat16(slice) : inArena(slice);
    }

    /** A matrix in the arena. */
    Gemm.Operand inArena(Slice slice) {
        return Gemm.Operand.of(arena, DenseLaunches.at(slice), slice.columns());
    }

    /** A matrix beside the arena; parameters lie there as they lie in the arena. */
    Gemm.Operand inBfloat16(Slice slice) {
        Slot slot = slot(slice);
        return new Gemm.Operand(roundedBuffer, slot.at, slot.stride, true);
    }

    /** The bits of ReLU's derivative at a layer's output. */
    Gemm.Operand bits(Slice y) {
        Slot slot = bits.get(y.offset());
        return Gemm.Operand.of(bitsBuffer, slot.at, slot.stride);
    }

    private Slot slot(Slice slice) {
        return slice.end() <= plan.parameters().end()
                ? new Slot(DenseLaunches.at(slice), slice.columns())
                : rounded.get(slice.offset());
    }

    /** The buffer of bfloat16 as an argument, also of kernels that are told not to use it. */
    Device.Buffer roundedArgument() {
        return round() ? roundedBuffer : arena;
    }

    /** The same of bits. */
    Device.Buffer bitsArgument() {
        return bitsBuffer != null ? bitsBuffer : arena;
    }

    /** Where a kernel finds or writes a matrix in bfloat16, if it is asked to. */
    int roundedAt(Slice slice, boolean asked) {
        return asked ? slot(slice).at : NOWHERE;
    }

    /** Values from a row of it to the next. */
    int stride(Slice slice) {
        return round() ? slot(slice).stride : 0;
    }

    /** Rounds up to {@code most} rows, those of the pass. */
    Call convert(Device.Buffer pass, Slice slice, int most) {
        return Call.of(
                "bfloat16_convert",
                groups(most, slice.columns(), ROW),
                1,
                List.of(arena, roundedBuffer, pass),
                List.of(DenseLaunches.at(slice), slot(slice).at, 0),
                List.of(slice.columns(), slot(slice).stride));
    }

    /** The inverse: to the arena, for who looks there. */
    Call expand(Device.Buffer pass, Slice slice, int most) {
        return Call.of(
                "bfloat16_expand",
                groups(most, slice.columns(), ROW),
                1,
                List.of(arena, roundedBuffer, pass),
                List.of(DenseLaunches.at(slice), slot(slice).at),
                List.of(slice.columns(), slot(slice).stride));
    }

    /** The bits of a layer's output, from wherever that is. */
    Call pack(Device.Buffer pass, Slice y, Mask mask, int most) {
        Slot to = bits.get(y.offset());
        return Call.of(
                "relu_bits",
                groupsOfWords(most, y.columns()),
                1,
                List.of(arena, roundedArgument(), bitsBuffer, pass),
                List.of(DenseLaunches.at(y), roundedAt(y, !keeps(y)), to.at),
                List.of(y.columns(), stride(y), to.stride),
                List.of(mask.stream(), mask.threshold()));
    }

    /** Groups of kernels that take eight columns of a row a thread, and write words of bits. */
    static int groupsOfWords(int rows, int columns) {
        return Call.groups((long) rows * (up(columns, WORD) / ROW), Device.THREADS);
    }

    private static int groups(int rows, int columns, int each) {
        return Call.groups((long) rows * (up(columns, each) / each), Device.THREADS);
    }

    /** Rounds all parameters anew: the host, or an op by itself, may have changed them. */
    void refresh() {
        if (round()) {
            int count = plan.parameters().columns();
            Call call =
                    Call.of(
                            "bfloat16_convert",
                            groups(1, count, ROW),
                            1,
                            // the rows are given, so no pass is read
                            List.of(arena, roundedBuffer, arena),
                            List.of(DenseLaunches.at(plan.parameters()), 0, 1, count, count));
            try (Device.Launch launch = device.prepare(call)) {
                device.run(launch);
            }
        }
    }

    @Override
    public void close() {
        if (round()) {
            device.release(roundedBuffer);
        }
        if (bitsBuffer != null) {
            device.release(bitsBuffer);
        }
    }
}
