package org.quern.backend.kernel;

/**
 * Blocks of a device that can train a network together in one launch of a kernel of {@code
 * kernels/fused_train.h}.
 *
 * @param kernel the entry's name
 * @param unit the translation unit that it is in
 * @param kind as a sentence names it, for instance {@code a cluster}
 * @param blocks how many they are
 * @param threads of a block
 * @param memory bytes that a block may work on
 * @param automatic whether it is expected to be faster than a graph of launches
 */
public record Team(
        String kernel,
        String unit,
        String kind,
        int blocks,
        int threads,
        long memory,
        boolean automatic) {

    /** One block, which works on global memory: any device has it. */
    public static Team alone(boolean automatic) {
        return new Team(
                "fused_train_block",
                "fused_block",
                "one block",
                1,
                Device.THREADS,
                1L << 28,
                automatic);
    }

    /** For logs. */
    String description() {
        return blocks == 1 ? kind : "%s of %d blocks".formatted(kind, blocks);
    }
}
