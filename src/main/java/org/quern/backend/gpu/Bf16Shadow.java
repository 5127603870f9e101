package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import org.quern.model.Activation;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * What a library's products take and give beside the arena, on the device alone: values rounded to
 * bfloat16, each once for all products that take them, and the signs of ReLU as bits. Hidden
 * outputs of linear layers and ReLU, and the gradients of all hidden outputs, are written as
 * bfloat16 only: products are all that reads them.
 */
final class Bf16Shadow {
    private static final int ROW = 8;
    private static final int START = 128;
    private static final int BITS = 128;
    private static final int WORD = 32;

    private final Device.Buffer arena;
    private final Plan plan;
    private final Map<Long, Place> rounded = new HashMap<>();
    private final Map<Long, Place> bits = new HashMap<>();
    private final Set<Long> kept = new HashSet<>();
    private final Device.Buffer roundedBuffer;
    private final Device.Buffer bitsBuffer;

    /** Where a matrix starts, and values (or words of bits) from a row to the next. */
    private record Place(int at, int stride) {}

    /**
     * Lays out what the device's products need for a plan: often nothing.
     *
     * @param allocate gives memory of so many bytes for something
     */
    Bf16Shadow(
            Device device,
            Device.Buffer arena,
            Plan plan,
            BiFunction<Long, String, Device.Buffer> allocate) {
        this.arena = arena;
        this.plan = plan;
        long values = plan.parameters().size();
        long words = 0;
        List<Slice> slices = new ArrayList<>();
        for (Plan.DenseSlices dense : plan.dense()) {
            slices.add(dense.x());
            Activation activation = dense.layer().activation();
            long y = dense.y().offset();
            if (isOutput(dense.y())
                    || activation != Activation.RELU && activation != Activation.LINEAR) {
                kept.add(y);
            } else if (activation == Activation.RELU && device.hasEpilogues()) {
                int stride = up(dense.y().columns(), BITS) / WORD;
                bits.put(y, new Place(Math.toIntExact(words), stride));
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
            rounded.put(slice.offset(), new Place(Math.toIntExact(values), stride));
            values += (long) slice.rows() * stride;
        }
        roundedBuffer =
                device.roundsFactors() ? allocate.apply(2 * values, "values in bfloat16") : null;
        bitsBuffer = words > 0 ? allocate.apply(4 * words, "the signs of ReLU") : null;
    }

    private static int up(int value, int to) {
        return Math.toIntExact(((long) value + to - 1) / to * to);
    }

    /** Whether products take bfloat16. */
    boolean rounds() {
        return roundedBuffer != null;
    }

    /** Whether a layer's output is in the arena after its forward pass. */
    boolean keeps(Slice y) {
        return !rounds() || kept.contains(y.offset());
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
        return operand(slice, rounds());
    }

    /** A matrix in the arena, or beside it, where parameters lie as they lie in the arena. */
    Gemm.Operand operand(Slice slice, boolean bfloat16) {
        Place place = place(slice, bfloat16);
        return new Gemm.Operand(bfloat16 ? roundedBuffer : arena, place.at, place.stride, bfloat16);
    }

    private Place place(Slice slice, boolean bfloat16) {
        return bfloat16 && slice.end() > plan.parameters().end()
                ? rounded.get(slice.offset())
                : new Place(Math.toIntExact(slice.offset()), slice.columns());
    }

    /** The bits of ReLU's derivative at a layer's output. */
    Gemm.Operand bits(Slice y) {
        Place place = bits.get(y.offset());
        return Gemm.Operand.of(bitsBuffer, place.at, place.stride);
    }

    /** The buffer of bfloat16 as an argument, also of kernels that are told not to use it. */
    Device.Buffer roundedArgument() {
        return rounds() ? roundedBuffer : arena;
    }

    /** The same of bits. */
    Device.Buffer bitsArgument() {
        return bitsBuffer != null ? bitsBuffer : arena;
    }

    /** Where a kernel finds or writes a matrix in bfloat16, if it is asked to. */
    int roundedAt(Slice slice, boolean asked) {
        return asked ? place(slice, true).at : Call.NOWHERE;
    }

    /** Values from a row of it to the next. */
    int stride(Slice slice) {
        return rounds() ? place(slice, true).stride : 0;
    }

    /** Groups of kernels that take eight columns of a row a thread. */
    static int groups(int rows, int columns) {
        return Call.groups((long) rows * (up(columns, ROW) / ROW), Device.THREADS);
    }

    /** The same of kernels that write words of bits, too. */
    static int groupsOfWords(int rows, int columns) {
        return groups(rows, up(columns, WORD));
    }
}
