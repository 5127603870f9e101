package org.quern.backend.gpu;

import java.util.Arrays;
import java.util.List;
import org.quern.model.Activation;
import org.quern.plan.Mask;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * A network as {@code kernels/fused.h} wants it described: numbers, and where in a block's memory
 * what lies. All sizes are 32-bit words.
 */
final class FusedLayout {
    /** Widest layer above the first: every block computes these whole. */
    static final int WIDEST = 128;

    /** Most rows of a batch, all of which a block keeps. */
    static final int MOST_ROWS = 128;

    private static final int HEADER = 32;
    private static final int LAYER = 19;

    // Places in the header and in a layer's part: the enums of kernels/fused.h.
    private static final int X = 18;
    private static final int WORDS = 29;
    private static final int TOPS = 30;
    private static final int WARPS = 8;

    private final Plan plan;
    private final BlockTeam team;
    private final boolean pixels;
    private final int columns;
    private int[] words;
    private int end;

    /**
     * Lays a network out.
     *
     * @param pixels whether the data's rows are bytes
     */
    FusedLayout(Plan plan, BlockTeam team, boolean pixels) {
        this.plan = plan;
        this.team = team;
        this.pixels = keepsBytes(plan, pixels);
        int units = plan.dense().get(0).layer().units();
        columns = (units + team.blocks() - 1) / team.blocks();
        // what is kept twice spares a wait; there may be no room for it
        describe(2, 2);
        if (!fits()) {
            describe(1, 2);
        }
        if (!fits()) {
            describe(1, 1);
        }
    }

    /** Why no team can train a network, or null. */
    static String refusal(Plan plan) {
        if (plan.batch() > MOST_ROWS) {
            return "batch %d is above %d".formatted(plan.batch(), MOST_ROWS);
        }
        for (Plan.DenseSlices dense : plan.dense().subList(1, plan.dense().size())) {
            if (dense.layer().units() > WIDEST) {
                return "above the first layer, %d units are more than %d"
                        .formatted(dense.layer().units(), WIDEST);
            }
        }
        return null;
    }

    /**
     * Whether a block keeps rows as bytes.
     *
     * @param pixels whether the data's rows are bytes
     */
    static boolean keepsBytes(Plan plan, boolean pixels) {
        // bytes that are dropped out are zeros, which stand for 0 only without a shift
        return pixels
                && (!gather(plan).mask().drops()
                        || (gather(plan).shift() == 0 && plan.inputSize() % 4 == 0));
    }

    /** Bytes of a block's memory. */
    long bytes() {
        return 4L * end;
    }

    boolean fits() {
        return bytes() <= team.memory();
    }

    BlockTeam team() {
        return team;
    }

    /** Columns of the first layer that a block computes, the gaps included. */
    int columns() {
        return four(columns);
    }

    /** The description, as a kernel reads it. */
    int[] words() {
        return words.clone();
    }

    /** Words of global memory in which a grid's blocks exchange what the first layer gives. */
    long exchange() {
        return 2L * plan.batch() * odd(plan.dense().get(0).layer().units());
    }

    static Op.Gather gather(Plan plan) {
        return (Op.Gather) plan.training().get(0);
    }

    private static int four(int count) {
        return (count + 3) / 4 * 4;
    }

    /** A stride in words: rows begin at 16 bytes, and no two of eight in the same banks. */
    private static int odd(int count) {
        return four(count) / 4 % 2 == 0 ? four(count) + 4 : four(count);
    }

    private int take(int count) {
        int at = end;
        end = Math.addExact(end, four(count));
        return at;
    }

    /**
     * Writes the description.
     *
     * @param inputBuffers for a batch's rows, 1 or 2
     * @param outputBuffers for what the first layer gives
     */
    private void describe(int inputBuffers, int outputBuffers) {
        int layers = plan.dense().size();
        int inputs = plan.inputSize();
        int batch = plan.batch();
        int rows = four(batch);
        words = new int[HEADER + layers * LAYER];
        end = four(words.length);
        int stride = pixels ? odd((inputs + 15) / 16 * 4) : four(inputs);
        int moments = plan.optimizer().moments();
        Op.Gather gather = gather(plan);
        Plan.DenseSlices first = plan.dense().get(0);
        List<Integer> header =
                List.of(
                        layers,
                        inputs,
                        batch,
                        columns,
                        pixels ? 1 : 0,
                        plan.loss().kind().ordinal(),
                        plan.targetSize());
        int at = 0;
        for (int word : header) {
            words[at++] = word;
        }
        at = optimizer(at);
        float kept = pixels && gather.mask().drops() ? gather.mask().scale() : 1;
        words[at++] = Float.floatToRawIntBits(gather.scale() * kept);
        words[at++] = Float.floatToRawIntBits(gather.shift());
        words[at++] = moments > 0 ? (int) plan.moment(0).offset() : 0;
        words[at++] = moments > 1 ? (int) plan.moment(1).offset() : 0;
        at = mask(at, gather.mask());
        assert at == X;
        boolean ahead = pixels && inputBuffers == 2;
        words[at++] = take(rows * stride * (ahead ? 2 : 1));
        words[at++] = stride;
        words[at++] = ahead ? rows * stride : 0;
        words[at++] = take(2 * batch);
        words[at++] = take(2 * batch * plan.targetSize());
        int h = odd(first.layer().units());
        words[at++] = take(outputBuffers * batch * h);
        words[at++] = h;
        words[at++] = outputBuffers == 2 ? batch * h : 0;
        words[at++] = take(batch);
        words[at++] = take(batch);
        words[at++] = take(parts());
        assert at == WORDS;
        int eights = (columns + 7) / 8 * 8;
        words[TOPS] = team.tensor() ? take(WARPS * eights) : 0;
        for (int i = 0; i < layers; i++) {
            layer(HEADER + i * LAYER, plan.dense().get(i), i == 0, moments + 1);
        }
        words[WORDS] = end;
    }

    /** Words for sums of threads that cannot shuffle, or of warps with tensor cores. */
    private int parts() {
        if (team.tensor()) {
            return WARPS * ((plan.batch() + 31) / 32 * 32) * 8;
        }
        return team.blocks() == 1 ? 16 * Device.THREADS : 0;
    }

    private int optimizer(int from) {
        Optimizer optimizer = plan.optimizer();
        float[] form = Arrays.copyOf(optimizer.constants(), 3);
        boolean sgd = optimizer.kind() == Optimizer.Kind.SGD;
        words[from] = optimizer.kind().ordinal() + (sgd ? optimizer.moments() : 0);
        for (int i = 0; i < form.length; i++) {
            words[from + 1 + i] = Float.floatToRawIntBits(form[i]);
        }
        return from + 1 + form.length;
    }

    private int mask(int from, Mask mask) {
        words[from] = mask.stream();
        words[from + 1] = mask.threshold();
        words[from + 2] = Float.floatToRawIntBits(mask.scale());
        return from + 3;
    }

    private void layer(int from, Plan.DenseSlices dense, boolean first, int copies) {
        int in = dense.weights().rows();
        int out = dense.weights().columns();
        int batch = plan.batch();
        Activation activation = dense.layer().activation();
        int at = from;
        words[at++] = in;
        words[at++] = out;
        words[at++] = activation.ordinal();
        at = mask(at, dense.mask());
        words[at++] = Math.toIntExact(dense.weights().offset());
        words[at++] = Math.toIntExact(dense.bias().offset());
        int stride = first ? four(in) : odd(out);
        int size = first ? columns() * stride : in * stride;
        words[at++] = take(Math.multiplyExact(size, copies));
        words[at++] = stride;
        words[at++] = size;
        int biases = first ? columns() : four(out);
        words[at++] = take(biases * copies);
        words[at++] = biases;
        int values = first ? columns() : odd(out);
        words[at++] = first ? 0 : take(batch * values);
        words[at++] = take(batch * values);
        words[at++] = values;
        int keptRow = (columns + 3) / 4 + 1;
        words[at++] =
                !dense.mask().drops() ? 0 : take(first ? batch * keptRow : (batch * out + 3) / 4);
        words[at] = keptRow;
    }

    @Override
    public String toString() {
        return Arrays.toString(words);
    }
}
