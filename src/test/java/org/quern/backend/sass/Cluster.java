package org.quern.backend.sass;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;

/**
 * A cluster of blocks that execute a kernel, warp by warp: each goes on until it has to wait for
 * others. What is copied or sent asynchronously arrives as late as it may.
 */
final class Cluster {
    static final int POISON = 0x7fdeadbe; // a NaN
    private static final int RESERVED = 0x400; // bytes of shared memory before a block's own

    final Kernel kernel;
    final List<Block> blocks = new ArrayList<>();
    final List<Runnable> sent = new ArrayList<>(); // by st.async, not yet there
    int phases; // of mbarriers, of all blocks
    int x; // where its first block is in the grid
    int y;
    long wavefronts; // of shared memory
    private final ByteBuffer arguments;
    private final List<ByteBuffer> global;
    private final Random order;
    private int arrived;
    private int meetings;

    /**
     * A cluster before its first instruction.
     *
     * @param bytes of shared memory of a block
     * @param arguments bank 0 of constants
     * @param global memory: buffers 1, 2, ...
     * @param order in which warps have their turns; null: by number
     */
    Cluster(
            Kernel kernel,
            int count,
            int threads,
            int bytes,
            ByteBuffer arguments,
            List<ByteBuffer> global,
            Random order) {
        this.kernel = kernel;
        this.arguments = arguments;
        this.global = global;
        this.order = order;
        for (int rank = 0; rank < count; rank++) {
            blocks.add(new Block(rank, threads / Warp.LANES, bytes));
        }
    }

    /** Memory with what nobody wrote. */
    static ByteBuffer memory(int bytes) {
        ByteBuffer memory = ByteBuffer.allocate(bytes + 3 & ~3).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < memory.capacity(); i += 4) {
            memory.putInt(i, POISON);
        }
        return memory.limit(bytes);
    }

    /** Instructions that its warps have issued. */
    long instructions() {
        return warps().stream().mapToLong(warp -> warp.trace.instructions()).sum();
    }

    List<Warp> warps() {
        return blocks.stream().flatMap(block -> block.warps.stream()).toList();
    }

    /** Executes the kernel. */
    void run() {
        List<Warp> turns = new ArrayList<>(warps());
        for (boolean goesOn = true; goesOn; ) {
            goesOn = !sent.isEmpty();
            if (order != null) {
                Collections.shuffle(turns, order);
            }
            for (Warp warp : turns) {
                if (warp.alive != 0 && (warp.hold == null || warp.hold.getAsBoolean())) {
                    warp.hold = null;
                    warp.run();
                    goesOn = true;
                }
            }
            List<Runnable> now = List.copyOf(sent);
            sent.clear();
            now.forEach(Runnable::run);
        }
        turns.forEach(warp -> warp.check(warp.alive == 0, "waits for ever"));
    }

    ByteBuffer bank(int number) {
        return number == 0 ? arguments : kernel.banks()[number];
    }

    ByteBuffer global(int number) {
        return number > 0 && number <= global.size() ? global.get(number - 1) : null;
    }

    /** A warp arrives at the barrier of the cluster. */
    void arrive() {
        arrived++;
        settle();
    }

    /** Whether the barrier was passed so often. */
    BooleanSupplier met(int before) {
        return () -> meetings > before;
    }

    private void settle() {
        if (arrived > 0 && arrived >= warps().stream().filter(warp -> warp.alive != 0).count()) {
            arrived = 0;
            meetings++;
        }
    }

    /** A barrier in shared memory. */
    final class MBarrier {
        final List<Integer> ids = new ArrayList<>(List.of(phases++)); // of its phases
        private final int count;
        private int pending;
        private int bytes;

        MBarrier(int count) {
            this.count = count;
            pending = count;
        }

        /** So many arrive, and so many more bytes are expected, or fewer. */
        void arrive(int arrivals, int more) {
            pending -= arrivals;
            bytes += more;
            if (pending < 0) {
                throw new IllegalStateException(
                        "more than %d arrive at an mbarrier".formatted(count));
            }
            if (pending == 0 && bytes == 0) {
                pending = count;
                ids.add(phases++);
            }
        }

        int phase(int back) {
            return ids.get(ids.size() - 1 - back);
        }

        /** Whether the phase with this parity is over. */
        boolean isOver(int parity) {
            return (ids.size() - 1 & 1) != parity;
        }
    }

    /** A block: its shared memory, barriers and warps. */
    final class Block {
        final Cluster cluster = Cluster.this;
        final int rank;
        final ByteBuffer shared;
        final List<Warp> warps = new ArrayList<>();
        final Map<Integer, MBarrier> mbarriers = new HashMap<>(); // by address
        private final int[] come = new int[16];
        private final int[] needed = new int[16];
        private final int[] passed = new int[16];

        Block(int rank, int count, int bytes) {
            this.rank = rank;
            shared = memory(RESERVED + bytes);
            for (int i = 0; i < count; i++) {
                warps.add(new Warp(this, i));
            }
        }

        /**
         * A warp arrives at a barrier for so many warps, 0: all that are left; when it is passed.
         */
        BooleanSupplier arrive(int id, int count) {
            int before = passed[id];
            if (come[id] > 0 && needed[id] != count) {
                throw new IllegalStateException("two numbers of threads at barrier " + id);
            }
            come[id]++;
            needed[id] = count;
            settle(id);
            return () -> passed[id] > before;
        }

        private void settle(int id) {
            long alive = warps.stream().filter(warp -> warp.alive != 0).count();
            if (come[id] > 0 && come[id] >= (needed[id] == 0 ? alive : needed[id])) {
                come[id] = 0;
                passed[id]++;
            }
        }

        /** A warp has ended. */
        void ended() {
            for (int id = 0; id < come.length; id++) {
                settle(id);
            }
            Cluster.this.settle();
        }
    }
}
