package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.quern.backend.PlanWords;
import org.quern.backend.Words;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * A network as {@code kernels/fused/fused.h} wants it described: numbers, and where in a block's
 * memory what lies. All sizes are 32-bit words.
 */
final class FusedLayout {
    static final int WIDEST = 128; // widest layer above the first: every block computes these whole
    static final int MOST_ROWS = 128; // most rows of a batch, all of which a block keeps
    static final int WARPS = Device.THREADS / 32;
    static final int SUMS = 16; // sums of a thread in a tile of the first layer's product
    static final int NET = 1000; // most words of a description: it is a kernel's parameter
    static final int LOG_STEPS = 64; // steps until the host is told of them
    static final double LEAST_EPSILON = 1e-12; // far above what a fast square root takes for 0
    static final int TENSOR_ROWS = 32; // rows and columns that tensor cores take at once
    static final int TENSOR_COLUMNS = 8;

    private final Plan plan;
    private final BlockTeam team;
    private final boolean pixels;
    private final int columns;
    private Words net = new Words();
    private List<Words> layers = List.of();
    private int end;

    /** Lays a network out, for data whose rows are bytes or floats. */
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
        FusedLayout words = new FusedLayout(plan, BlockTeam.ALONE, false);
        int most = (NET - words.net.size()) / words.layers.get(0).size();
        if (plan.dense().size() > most) {
            return "%d layers are more than %d".formatted(plan.dense().size(), most);
        }
        if (plan.optimizer() instanceof Optimizer.Adam adam && adam.epsilon() < LEAST_EPSILON) {
            return "Adam's epsilon %s is below %s".formatted(adam.epsilon(), LEAST_EPSILON);
        }
        for (Plan.DenseSlices dense : plan.dense().subList(1, plan.dense().size())) {
            if (dense.layer().units() > WIDEST) {
                return "above the first layer, %d units are more than %d"
                        .formatted(dense.layer().units(), WIDEST);
            }
        }
        return null;
    }

    /** Whether a block keeps rows as bytes, if the data's are. */
    static boolean keepsBytes(Plan plan, boolean pixels) {
        // bytes that are dropped out are zeros, which stand for 0 only without a shift
        Op.Gather gather = plan.gather();
        return pixels
                && (!gather.mask().drops() || (gather.shift() == 0 && plan.inputSize() % 4 == 0));
    }

    long bytes() {
        return team.shape() != null ? FusedShape.MEMORY : 4L * end;
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

    /**
     * Cycles of a step, for teams to be compared: fitted to the emulator's timeline of clusters in
     * bench/results/2026-11-28-teams.md.
     */
    double cycles() {
        long above = plan.dense().stream().skip(1).mapToLong(d -> d.weights().size()).sum();
        return 6600 + plan.batch() * (plan.inputSize() * (double) columns() / 19 + above / 8.0);
    }

    int[] words() {
        return Arrays.stream(net.followedBy(layers)).mapToInt(Math::toIntExact).toArray();
    }

    /** The same as a kernel takes them by value: with room for the most layers that it may have. */
    int[] description() {
        int layer = layers.get(0).names().size();
        return Arrays.copyOf(
                words(), team.shape() == null ? NET : words().length + (3 - layers.size()) * layer);
    }

    /** The names of the words of the network and of those of a layer. */
    List<List<String>> names() {
        return List.of(net.names(), layers.get(0).names());
    }

    /** Words of global memory in which a grid's blocks exchange what the first layer gives. */
    long exchange() {
        return 2L * plan.batch() * odd(plan.dense().get(0).layer().units());
    }

    /** A stride in words: rows begin at 16 bytes, and no two of eight in the same banks. */
    private static int odd(int count) {
        return four(count) / 4 % 2 == 0 ? four(count) + 4 : four(count);
    }

    private static int four(int count) {
        return multiple(count, 4);
    }

    /**
     * 2^16 / width, rounded up. For t < 2^8, {@code t * inverse >> 16} is t / width: what is too
     * much in the product is t times less than the width, below 2^16 where the quotient is not 0.
     */
    static int inverse(int width) {
        return ((1 << 16) + width - 1) / width;
    }

    private static int multiple(int count, int of) {
        return (count + of - 1) / of * of;
    }

    private int take(int count) {
        int at = end;
        end = Math.addExact(end, four(count));
        return at;
    }

    /** With one or two buffers for a batch's rows and for what the first layer gives. */
    private void describe(int inputBuffers, int outputBuffers) {
        int batch = plan.batch();
        int rows = four(batch);
        int inputs = plan.inputSize();
        int stride = pixels ? odd(multiple(inputs, 16) / 4) : four(inputs);
        boolean ahead = pixels && inputBuffers == 2;
        int h = odd(plan.dense().get(0).layer().units());
        Op.Gather gather = plan.gather();
        float kept = pixels && gather.mask().drops() ? gather.mask().scale() : 1;
        end = 0;
        net =
                PlanWords.net(plan, gather.scale() * kept)
                        .put("COLUMNS: of the first layer, of each block but the last", columns)
                        .put("PIXELS: 1: rows stay bytes", pixels ? 1 : 0)
                        .put(
                                "X: rows of the batch: bytes, 4 a word, then zeros; or floats",
                                take(rows * stride * (ahead ? 2 : 1)))
                        .put("X_STRIDE: words of a row", stride)
                        .put("X_NEXT: words to the other of two buffers", ahead ? rows * stride : 0)
                        .put(
                                "COPIES_INVERSE: FusedLayout.inverse of what a row's bytes are copied in",
                                inverse(inputs % 16 == 0 ? inputs / 16 : (inputs + 3) / 4))
                        .put(
                                "PIECES_INVERSE: of a row's inputs, by four if they can be",
                                inverse(inputs % 4 == 0 ? inputs / 4 : inputs))
                        .put("TILES_INVERSE: of a block's columns by four", inverse(columns() / 4))
                        .put("BIASES: of all layers by four, of the first a block's", biases())
                        .put("SHARE: rows of a warp, in all layers above the first", share())
                        .put("ORDER: [2][B] rows of the data set", take(2 * batch))
                        .put("TARGET: [2][B x targets]", take(2 * batch * plan.targetSize()))
                        .put("TARGETS_INVERSE", inverse(plan.targetSize()))
                        .put(
                                "H: [2 or 1][B x H_STRIDE] the first layer's output",
                                take(outputBuffers * batch * h))
                        .put("H_STRIDE", h)
                        .put("H_NEXT: words to the other", outputBuffers == 2 ? batch * h : 0)
                        .put("LOSSES: [B]", take(batch))
                        .put("HITS: [B]", take(batch))
                        .put(
                                "LOG: [LOG_STEPS][2] what the host has not been told yet",
                                take(2 * LOG_STEPS))
                        .put("PARTS: sums of threads or of warps", take(parts()))
                        .put(
                                "TOPS: largest weights; 0: no tensor cores",
                                team.tensor()
                                        ? take(WARPS * multiple(columns, TENSOR_COLUMNS))
                                        : 0);
        layers = new ArrayList<>();
        for (Plan.DenseSlices dense : plan.dense()) {
            layers.add(layer(dense, layers.size()));
        }
        net.put("MEMORY: words of all of a block's memory", end);
    }

    /** Words for sums of threads that cannot shuffle, or of warps with tensor cores. */
    private int parts() {
        if (team.tensor()) {
            return WARPS * multiple(plan.batch(), TENSOR_ROWS) * TENSOR_COLUMNS;
        }
        return team.blocks() == 1 ? SUMS * Device.THREADS : 0;
    }

    private int biases() {
        int above =
                plan.dense().stream().skip(1).mapToInt(d -> (d.weights().columns() + 3) / 4).sum();
        return columns() / 4 + above;
    }

    private int share() {
        return (plan.batch() + WARPS - 1) / WARPS;
    }

    /** As many as there are threads for, up to 8; one block alone may have none that shuffle. */
    private int doublings(int fours) {
        int spare = Device.THREADS / WARPS / Math.max(1, share() * fours);
        return team.blocks() == 1 || spare == 0
                ? 0
                : Math.min(3, 31 - Integer.numberOfLeadingZeros(spare));
    }

    private Words layer(Plan.DenseSlices dense, int index) {
        boolean first = index == 0;
        int in = dense.weights().rows();
        int out = dense.weights().columns();
        int batch = plan.batch();
        int copies = 1 + plan.optimizer().moments();
        int stride = first ? four(in) : odd(out);
        int size = first ? columns() * stride : four(in) * stride;
        int biases = first ? columns() : four(out);
        int values = first ? columns() : odd(out);
        int keptRow = (columns + 3) / 4 + 1;
        int kept = first ? batch * keptRow : (batch * out + 3) / 4 + 1; // pairs are read
        int fours = (out + 3) / 4;
        int below = index == 1 ? columns : in;
        return PlanWords.layer(dense)
                .put(
                        "W: [in, a multiple of 4][stride], the gaps hold zeros; the first layer's [C][stride]",
                        take(Math.multiplyExact(size, copies)))
                .put("W_STRIDE", stride)
                .put("W_SIZE: from W to its first moment, and from that to the second", size)
                .put("B", take(biases * copies))
                .put("B_SIZE", biases)
                .put(
                        "Y: [B][stride] the output; the first layer's is H",
                        first ? 0 : take(batch * values))
                .put(
                        "G: [B][stride] keep * act', then times it the gradient before the"
                                + " activation, zeros in the gaps; of the first layer, the own columns",
                        take(batch * values))
                .put("STRIDE", values)
                .put(
                        "KEPT: which positions dropout keeps, 4 bits a word, one block of Philox",
                        dense.mask().drops() ? take(kept) : 0)
                .put("KEPT_ROW: of the first layer, words of a row", keptRow)
                .put("FOURS: columns by four", fours)
                .put("FOURS_INVERSE", inverse(fours))
                .put("DOUBLINGS: threads that share a sum are 2^it", doublings(fours))
                .put("BELOW: columns of the layer below of which a block has the gradient", below)
                .put("BELOW_INVERSE", inverse(below));
    }
}
