package org.quern.backend.gpu;

import static org.quern.QuernException.either;

import java.util.List;
import java.util.Locale;

/**
 * Blocks of a device that can train a network together in one launch of a kernel of {@code
 * kernels/fused/fused_train.h}.
 *
 * @param blocks how many they are
 * @param memory bytes that a block may work on
 * @param tensor whether tensor cores compute the two products with the rows of the batch
 * @param shape of a kernel for one network, what follows in its name; null for any network's
 */
public record BlockTeam(Kind kind, int blocks, long memory, boolean tensor, String shape) {
    /** A team for any network. */
    public BlockTeam(Kind kind, int blocks, long memory, boolean tensor) {
        this(kind, blocks, memory, tensor, null);
    }

    /** How blocks exchange what they compute. */
    public enum Kind {
        /** One alone, on global memory: it leaves all but one multiprocessor idle. */
        BLOCK,
        /** By global memory. */
        GRID,
        /** By the shared memory of a cluster. */
        CLUSTER;

        private String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Any device has it. */
    public static final BlockTeam ALONE = new BlockTeam(Kind.BLOCK, 1, 1L << 28, false);

    /** That a device cannot have a team, though it may have another one; the message says why. */
    public static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        /** With the reason, to follow the team's name and a colon. */
        public Refused(String reason) {
            super(reason);
        }
    }

    /** The entry's name. */
    public String kernel() {
        return "fused_train_"
                + (shape != null ? shape : kind.text() + (isCluster() ? "_" + blocks : ""));
    }

    /** The translation unit that is the kernel's own: nothing else is loaded, or compiled. */
    public String unit() {
        return kernel().replace("_train", "");
    }

    /** Threads of a block. */
    public int threads() {
        return shape != null
                ? FusedShape.THREADS
                : Device.THREADS + (kind == Kind.BLOCK ? 0 : 64); // TEAM_HELPERS of the kernels
    }

    public boolean isCluster() {
        return kind == Kind.CLUSTER;
    }

    /**
     * Whether it is expected to be faster than a graph of launches, and no other team of the same
     * blocks to be faster yet.
     */
    boolean isAutomatic() {
        return kind != Kind.BLOCK && !tensor;
    }

    String description() {
        return description(List.of(this));
    }

    /** The same of several that differ in their number of blocks alone. */
    static String description(List<BlockTeam> alike) {
        BlockTeam first = alike.get(0);
        if (first.blocks == 1) {
            return "one block";
        }
        List<String> sizes = alike.stream().map(team -> Integer.toString(team.blocks)).toList();
        String way =
                first.shape != null
                        ? ", the kernel for " + first.shape.replace('_', '-')
                        : first.tensor ? " with tensor cores" : "";
        return "a %s of %s blocks%s".formatted(first.kind.text(), either(sizes), way);
    }
}
