package org.quern.backend.sass;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.function.BooleanSupplier;
import org.quern.backend.sass.Cluster.MBarrier;

/** What lanes of a warp do together, and how warps wait for each other. */
final class Together {
    /** An mbarrier for n arrivals begins as 2 (this - n), which is also in its high word. */
    private static final int MOST = 0x100000;

    private Together() {}

    /** Executes the current instruction, if it is of this kind; the current lane is the first. */
    static boolean execute(Warp w, int lanes) {
        Instruction i = w.now;
        switch (i.name()) {
            case "SHFL" -> shuffle(w, lanes);
            case "VOTE", "VOTEU" -> {
                int yes = w.mask(w.operand(1));
                boolean vote = i.has("ANY") ? (yes & lanes) != 0 : (~yes & lanes) == 0;
                if (i.operands().length == 2) {
                    each(w, lanes, () -> w.set(0, vote));
                } else {
                    w.check(w.operand(1).number() == 7, "a ballot with a vote");
                    each(w, lanes, () -> w.set(0, w.mask(w.operand(2)) & lanes));
                }
            }
            case "REDUX" -> reduce(w, lanes);
            case "HMMA", "IMMA" -> product(w, lanes);
            case "LDGDEPBAR" -> w.copies.add(new ArrayList<>());
            case "DEPBAR" -> {
                while (w.copies.size() - 1 > w.i(1)) {
                    w.copies.remove().forEach(Runnable::run);
                }
            }
            case "STAS" -> each(w, lanes, () -> send(w));
            case "SYNCS" -> mbarrier(w, lanes);
            case "BSSY" -> w.meet(barrier(w), lanes, lanes);
            case "BSYNC" -> w.park(barrier(w), lanes, 0);
            case "BREAK" -> w.park(barrier(w), 0, lanes);
            case "WARPSYNC" -> {
                w.check(!i.has("COLLECTIVE"), "the slow way of a collective, which is not known");
                w.meet(16, lanes, i.has("ALL") ? w.alive : w.i(0));
                w.park(16, lanes, 0);
            }
            case "ENDCOLLECTIVE" -> w.check(false, "the slow way of a collective");
            case "EXIT" -> w.exit(lanes);
            case "BAR" -> {
                int id = w.i(0);
                int count = i.operands().length > 1 ? w.i(1) / Warp.LANES : 0;
                all(w, lanes);
                w.trace.event(i.has("SYNC") ? Trace.BARRIER : Trace.ARRIVE, Trace.IDS * id + count);
                BooleanSupplier passed = w.block.arrive(id, count);
                w.hold = i.has("SYNC") ? passed : null;
            }
            case "UCGABAR_ARV" -> {
                all(w, lanes);
                w.trace.event(Trace.CLUSTER_ARRIVE, 0);
                w.block.cluster.arrive();
            }
            case "UCGABAR_WAIT" -> {
                all(w, lanes);
                w.trace.event(Trace.CLUSTER_WAIT, 0);
                w.hold = w.block.cluster.met(w.meetings++);
            }
            // one warp at a time executes here, and sees what others wrote
            case "MEMBAR", "FENCE", "CCTL", "ERRBAR", "CGAERRBAR", "YIELD", "NOP" -> {}
            default -> {
                boolean apart = i.name().equals("BRA") && i.has("DIV");
                w.check(!apart || lanes == w.i(0), "lanes are apart");
                return apart;
            }
        }
        return true;
    }

    private static void each(Warp w, int lanes, Runnable action) {
        for (w.lane = 0; w.lane < Warp.LANES; w.lane++) {
            if (Warp.has(lanes, w.lane)) {
                action.run();
            }
        }
    }

    private static void all(Warp w, int lanes) {
        w.check(lanes == w.alive, "some lanes do not come to a barrier");
    }

    private static int barrier(Warp w) {
        return Integer.parseInt(w.operand(0).text().substring(1));
    }

    private static void shuffle(Warp w, int lanes) {
        int[] before = new int[Warp.LANES];
        each(w, -1, () -> before[w.lane] = w.i(2));
        each(
                w,
                lanes,
                () -> {
                    int l = w.lane;
                    int segment = w.i(4) >> 8 & 31;
                    int limit = l & segment | w.i(4) & 31 & ~segment;
                    int by = w.i(3) & 31;
                    int from =
                            switch (w.now.modifiers()[0]) {
                                case "UP" -> l - by;
                                case "DOWN" -> l + by;
                                case "BFLY" -> l ^ by;
                                default -> l & segment | by & ~segment;
                            };
                    boolean inside = w.now.has("UP") ? from >= limit : from <= limit;
                    w.check(
                            !inside || Warp.has(lanes, from),
                            "takes from a lane that is not there");
                    w.set(0, inside);
                    w.set(1, before[inside ? from : l]);
                });
    }

    private static void reduce(Warp w, int lanes) {
        boolean signed = w.now.has("S32");
        int[] sum = {w.i(1)};
        each(
                w,
                lanes & lanes - 1,
                () -> {
                    int v = w.i(1);
                    boolean less = signed ? v < sum[0] : Integer.compareUnsigned(v, sum[0]) < 0;
                    sum[0] =
                            switch (w.now.modifiers()[0]) {
                                case "SUM" -> sum[0] + v;
                                case "MAX" -> less ? sum[0] : v;
                                case "MIN" -> less ? v : sum[0];
                                case "OR" -> sum[0] | v;
                                case "AND" -> sum[0] & v;
                                default -> sum[0] ^ v;
                            };
                });
        each(w, lanes, () -> w.set(0, sum[0]));
    }

    // ---- products: D [16][8] = A [16][K] B [K][8] + C, over the lanes as PTX's mma has them

    private static void product(Warp w, int lanes) {
        w.check(lanes == -1, "some lanes do not take part");
        boolean integers = w.now.name().equals("IMMA");
        w.check(integers || w.now.has("F32") && w.now.has("1688") == w.now.has("TF32"), "types");
        double[][] a = factor(w, 1, 4, 16);
        double[][] b = factor(w, 2, 2, 8);
        each(
                w,
                lanes,
                () -> {
                    for (int k = 0; k < 4; k++) {
                        int before = w.register(3, k, w.lane);
                        double[] row = a[w.lane / 4 + 8 * (k / 2)];
                        double[] column = b[2 * (w.lane % 4) + k % 2];
                        // in place: no other lane reads this of C
                        w.set(
                                0,
                                k,
                                integers
                                        ? (int) (long) cut(before, row, column, 0)
                                        : Float.floatToRawIntBits(
                                                (float)
                                                        cut(
                                                                Float.intBitsToFloat(before),
                                                                row,
                                                                column,
                                                                24)));
                    }
                });
    }

    /** Rows of A, or columns of B: an operand of so many registers. */
    private static double[][] factor(Warp w, int k, int registers, int lines) {
        int each = w.now.has("TF32") ? 1 : w.now.has("16816") ? 2 : 4; // values in a register
        boolean signed = each == 4 && w.now.modifiers()[k].equals("S8");
        double[][] factor = new double[lines][8 * each];
        for (int lane = 0; lane < Warp.LANES; lane++) {
            for (int i = 0; i < registers; i++) {
                int word = w.register(k, i, lane);
                int line = lane / 4 + (registers == 4 ? 8 * (i % 2) : 0);
                int first = each * (lane % 4 + 4 * (registers == 4 ? i / 2 : i));
                for (int n = 0; n < each; n++) {
                    factor[line][first + n] =
                            switch (each) {
                                case 1 -> Float.intBitsToFloat(word & 0xffffe000);
                                case 2 -> Opcodes.fromHalf(word >>> 16 * n);
                                default -> signed ? (byte) (word >> 8 * n) : word >> 8 * n & 255;
                            };
                }
            }
        }
        return factor;
    }

    /**
     * The sum of products and what was there; with {@code bits} each cut to 2^-bits of the largest
     * and the sum to a float: an estimate of what tensor cores do, after Fasi et al., Numerical
     * behavior of NVIDIA tensor cores, 2021.
     */
    private static double cut(double before, double[] a, double[] b, int bits) {
        double largest = Math.abs(before);
        double sum = before;
        for (int k = 0; k < a.length; k++) {
            largest = Math.max(largest, Math.abs(a[k] * b[k]));
            sum += a[k] * b[k];
        }
        if (bits == 0 || largest == 0 || !Double.isFinite(largest)) {
            return sum;
        }
        double unit = Math.scalb(1.0, Math.getExponent(largest) - bits);
        sum = (long) (before / unit);
        for (int k = 0; k < a.length; k++) {
            sum += (long) (a[k] * b[k] / unit);
        }
        float nearest = (float) (sum * unit);
        boolean far = Math.abs((double) nearest) > Math.abs(sum * unit);
        return !far ? nearest : nearest > 0 ? Math.nextDown(nearest) : Math.nextUp(nearest);
    }

    // ---- mbarriers

    private static MBarrier at(Warp w, int at) {
        MBarrier barrier = w.block(at).mbarriers.get(at & 0xffffff);
        w.check(barrier != null, "no mbarrier was initialised there");
        return barrier;
    }

    private static void mbarrier(Warp w, int lanes) {
        Instruction i = w.now;
        int first = (int) w.address(1);
        w.shared(first, 8);
        if (i.has("EXCH")) {
            int count = MOST - (w.i(2) >>> 1);
            w.check(w.pair(2) >> 32 == MOST - count << 11, "no state of an mbarrier");
            w.block(first).mbarriers.put(first & 0xffffff, w.block.cluster.new MBarrier(count));
        } else if (i.has("PHASECHK")) {
            MBarrier barrier = at(w, first);
            int parity = w.i(2) >>> 31;
            if (!barrier.isOver(parity)) {
                w.again(() -> barrier.isOver(parity));
                return;
            }
            each(w, lanes, () -> w.set(0, true));
            if (barrier.ids.size() > 1) {
                w.trace.event(Trace.WAIT, barrier.phase(1));
            }
        } else {
            boolean counts = i.has("ART0");
            boolean expects = !counts && !i.has("A1T0");
            boolean arrives = !i.has("A0TR");
            each(
                    w,
                    lanes,
                    () -> {
                        int at = (int) w.address(1);
                        if (arrives) {
                            boolean own = at >>> 24 == w.block.rank;
                            w.trace.event(own ? Trace.POST : Trace.SEND, at(w, at).phase(0));
                        }
                        at(w, at).arrive(counts ? w.i(2) : arrives ? 1 : 0, expects ? w.i(2) : 0);
                    });
        }
    }

    /** Stores into a block's memory, and tells an mbarrier there so many bytes. */
    private static void send(Warp w) {
        long addresses = w.address(0);
        int to = (int) addresses;
        int barrier = (int) (addresses >> 32);
        ByteBuffer data = ByteBuffer.allocate(w.now.bytes()).order(w.block.shared.order());
        Opcodes.store(w, data);
        w.shared(to, data.capacity());
        w.trace.event(Trace.SEND, 0);
        int noted = w.trace.size() - 1;
        w.block.cluster.sent.add(
                () -> {
                    w.trace.set(noted, at(w, barrier).phase(0));
                    w.shared(to, data.capacity()).put(data.array());
                    at(w, barrier).arrive(0, -data.capacity());
                });
    }
}
