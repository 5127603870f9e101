package org.quern.backend.gpu;

import static org.quern.QuernException.either;

import java.util.List;

/**
 * Blocks of a device that can train a network together in one launch of a kernel of {@code
 * kernels/fused/fused_train.h}.
 *
 * @param kernel the entry's name
 * @param unit the translation unit that it is in
 * @param kind as a sentence names it, for instance {@code a cluster}
 * @param blocks how many they are
 * @param threads of a block
 * @param memory bytes that a block may work on
 * @param tensor whether tensor cores compute the two products with the rows of the batch
 * @param automatic whether it is expected to be faster than a graph of launches, and no other team
 *     of the same blocks to be faster yet
 */
public record BlockTeam(
        String kernel,
        String unit,
        String kind,
        int blocks,
        int threads,
        long memory,
        boolean tensor,
        boolean automatic) {

    /**
     * One block, which works on global memory: any device has it, and it leaves all but one of the
     * device's multiprocessors idle.
     */
    public static final BlockTeam ALONE =
            new BlockTeam(
                    "fused_train_block",
                    "fused_block",
                    "one block",
                    1,
                    Device.THREADS,
                    1L << 28,
                    false,
                    false);

    /** That a device cannot have a team, though it may have another one; the message says why. */
    public static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        /** With the reason, to follow the team's name and a colon. */
        public Refused(String reason) {
            super(reason);
        }
    }

    /** Whether it is a cluster; else its blocks exchange by global memory. */
    public boolean isCluster() {
        return kernel.startsWith("fused_train_cluster");
    }

    String description() {
        return description(List.of(this));
    }

    /** The same of several that differ in their number of blocks alone. */
    static String description(List<BlockTeam> alike) {
        BlockTeam first = alike.get(0);
        if (first.blocks == 1) {
            return first.kind;
        }
        List<String> sizes = alike.stream().map(team -> Integer.toString(team.blocks)).toList();
        return "%s of %s blocks%s"
                .formatted(first.kind, either(sizes), first.tensor ? " with tensor cores" : "");
    }
}
