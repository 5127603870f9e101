package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import org.quern.model.Activation;
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
    final boolean rounds; // whether products take bfloat16

    /** Bfloat16, and the bits; the arena, where there are none and kernels are told so. */
    final Device.Buffer values;

    final Device.Buffer signs;

    /** Where a matrix starts, and values (or words of bits) from a row to the next. */
    private record Place(int at, int stride) {}

    /** Lays out what the device's products need for a plan: often nothing. */
    Bf16Shadow(
            Device device,
            Device.Buffer arena,
            Plan plan,
            BiFunction<Long, String, Device.Buffer> allocate) {
        this.arena = arena;
        this.plan = plan;
        Device.Library library = device.library();
        boolean epilogues = library != null && library.hasEpilogues();
        rounds = library != null && library.roundsFactors();
        long end = plan.parameters().size();
        long words = 0;
        List<Slice> slices = new ArrayList<>();
        for (Plan.DenseSlices dense : plan.dense()) {
            slices.add(dense.x());
            Activation activation = dense.layer().activation();
            long y = dense.y().offset();
            if (isOutput(dense.y())
                    || activation != Activation.RELU && activation != Activation.LINEAR) {
                kept.add(y);
            } else if (activation == Activation.RELU && epilogues) {
                int stride = up(dense.y().columns(), BITS) / WORD;
                bits.put(y, new Place(Math.toIntExact(words), stride));
                words += (long) plan.batch() * stride;
            }
        }
        plan.dense().forEach(dense -> slices.add(dense.dy()));
        for (Slice slice : slices) {
            int stride = up(slice.columns(), ROW);
            end = up(Math.toIntExact(end), START);
            rounded.put(slice.offset(), new Place(Math.toIntExact(end), stride));
            end += (long) slice.rows() * stride;
        }
        values = rounds ? allocate.apply(2 * end, "values in bfloat16") : arena;
        signs = words > 0 ? allocate.apply(4 * words, "the signs of ReLU") : arena;
    }

    private static int up(int value, int to) {
        return Math.toIntExact(((long) value + to - 1) / to * to);
    }

    /** Whether a layer's output is in the arena after its forward pass. */
    boolean keeps(Slice y) {
        return !rounds || kept.contains(y.offset());
    }

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
        return operand(slice, rounds);
    }

    /** A matrix in the arena, or beside it, where parameters lie as they lie in the arena. */
    Gemm.Operand operand(Slice slice, boolean bfloat16) {
        Place place = place(slice, bfloat16);
        return new Gemm.Operand(bfloat16 ? values : arena, place.at, place.stride, bfloat16, false);
    }

    private Place place(Slice slice, boolean bfloat16) {
        return bfloat16 && slice.end() > plan.parameters().end()
                ? rounded.get(slice.offset())
                : new Place(Math.toIntExact(slice.offset()), slice.columns());
    }

    /** The bits of ReLU's derivative at a layer's output. */
    Gemm.Operand bits(Slice y) {
        Place place = bits.get(y.offset());
        return new Gemm.Operand(signs, place.at, place.stride, false, false);
    }

    /** Where a kernel finds or writes a matrix in bfloat16, if it is asked to. */
    int roundedAt(Slice slice, boolean asked) {
        return asked ? place(slice, true).at : Call.NOWHERE;
    }

    int stride(Slice slice) {
        return rounds ? place(slice, true).stride : 0;
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
