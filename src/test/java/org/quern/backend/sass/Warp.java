package org.quern.backend.sass;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.quern.backend.sass.Instruction.Kind;
import org.quern.backend.sass.Instruction.Operand;

/**
 * A warp: its registers, where its lanes are, and what it did. While an instruction is executed,
 * {@link #now}, operands are those of one lane, {@link #lane}.
 */
final class Warp {
    static final int LANES = 32;
    static final int STACK = 256; // bytes of local memory
    private static final int NAN = 0x7fffffff;
    private static final int WINDOW = 0x7f; // the high word of a generic address in shared memory

    final Cluster.Block block;
    final int number;
    final Trace trace = new Trace();
    final Deque<List<Runnable>> copies = new ArrayDeque<>(); // by cp.async, not yet there, by group
    final int[] predicates = new int[8]; // a bit a lane; 7: true
    private final int[] registers = new int[256 * LANES]; // 255: zero
    private final int[] uniform = new int[64]; // 63: zero
    private final boolean[] uniformPredicates = new boolean[8];
    private final ByteBuffer local = Cluster.memory(STACK * LANES);
    private final int[] pc = new int[LANES];
    private final int[][] groups = new int[17][LANES]; // of convergence barriers; 16: WARPSYNC
    private final int[] parked = new int[17]; // the lanes that wait at each
    Instruction now;
    int lane;
    int active; // the lanes that are at the instruction
    int alive = -1;
    int meetings; // of the cluster
    BooleanSupplier hold; // when to go on

    Warp(Cluster.Block block, int number) {
        this.block = block;
        this.number = number;
        Arrays.fill(registers, 0, 255 * LANES, Cluster.POISON);
        Arrays.fill(uniform, 0, 63, Cluster.POISON);
        predicates[7] = -1;
        uniformPredicates[7] = true;
        copies.add(new ArrayList<>());
    }

    static boolean has(int lanes, int lane) {
        return (lanes >> lane & 1) != 0;
    }

    IllegalStateException error(String what) {
        return now.error(
                "block %d, warp %d, lane %d: %s".formatted(block.rank, number, lane, what));
    }

    void check(boolean right, String what) {
        if (!right) {
            throw error(what);
        }
    }

    // ---- where it is

    /**
     * Goes on until it waits or ends; of lanes that are apart, those that are farthest back first.
     */
    void run() {
        while (alive != 0 && hold == null) {
            int ready = alive;
            for (int lanes : parked) {
                ready &= ~lanes;
            }
            check(ready != 0, "lanes wait for each other");
            int at = Integer.MAX_VALUE;
            for (int left = ready; left != 0; left &= left - 1) {
                int l = Integer.numberOfTrailingZeros(left);
                active = pc[l] < at ? 1 << l : pc[l] == at ? active | 1 << l : active;
                at = Math.min(at, pc[l]);
            }
            int index = at / Instruction.BYTES;
            now = block.cluster.kernel.code().get(index);
            for (int left = active; left != 0; left &= left - 1) {
                pc[Integer.numberOfTrailingZeros(left)] += Instruction.BYTES;
            }
            int lanes = active & (now.guard() == null ? -1 : mask(now.guard()));
            trace.add(2 * index + (lanes != 0 ? 1 : 0));
            if (lanes != 0) {
                try {
                    if (now.name().equals("LDS") || now.name().equals("STS")) {
                        block.cluster.wavefronts += wavefronts(lanes);
                    }
                    Opcodes.execute(this, lanes);
                } catch (IndexOutOfBoundsException e) {
                    throw (IllegalStateException) error("other operands").initCause(e);
                }
            }
        }
    }

    /**
     * Of as many lanes as fill the banks, the most words that lie in one; of all these, the sum.
     */
    private int wavefronts(int lanes) {
        int words = Math.max(1, now.bytes() / 4);
        int address = now.name().equals("LDS") ? 1 : 0;
        int sum = 0;
        for (lane = 0; lane < LANES; ) {
            int[] banks = new int[LANES];
            Set<Integer> different = new HashSet<>();
            for (int end = lane + LANES / words; lane < end; lane++) {
                int first = has(lanes, lane) ? (int) address(address) / 4 : 0;
                for (int word = first; has(lanes, lane) && word < first + words; word++) {
                    banks[word % LANES] += different.add(word) ? 1 : 0;
                }
            }
            sum += Arrays.stream(banks).max().getAsInt();
        }
        return sum;
    }

    void jump(int to) {
        pc[lane] = to;
    }

    /** Undoes the instruction and has it executed again once others have come far enough. */
    void again(BooleanSupplier until) {
        for (int l = 0; l < LANES; l++) {
            pc[l] = has(active, l) ? now.at() : pc[l];
        }
        trace.removeLast();
        hold = until;
    }

    /** Which lanes will meet at a convergence barrier. */
    void meet(int barrier, int lanes, int whom) {
        for (int l = 0; l < LANES; l++) {
            groups[barrier][l] = has(lanes, l) ? whom : groups[barrier][l];
        }
    }

    /** The lanes wait there for the rest, or will not come. */
    void park(int barrier, int come, int leave) {
        parked[barrier] |= come;
        for (int l = 0; l < LANES; l++) {
            groups[barrier][l] &= ~leave;
        }
        for (int l = 0; l < LANES; l++) {
            int group = groups[barrier][l] & alive | 1 << l;
            if (has(parked[barrier], l) && (group & ~parked[barrier]) == 0) {
                parked[barrier] &= ~group;
            }
        }
    }

    void exit(int lanes) {
        alive &= ~lanes;
        for (int barrier = 0; barrier < parked.length; barrier++) {
            park(barrier, 0, lanes);
        }
        if (alive == 0) {
            block.ended();
        }
    }

    // ---- sources

    Operand operand(int k) {
        return now.operands()[k];
    }

    private int bits(Operand o) {
        if (o.kind() == Kind.REGISTER) {
            return registers[LANES * o.number() + lane];
        }
        return switch (o.kind()) {
            case UNIFORM -> uniform[o.number()];
            case NUMBER -> o.number();
            case CONSTANT -> constant(o, 4).getInt();
            default -> throw error(o.text() + " is no number");
        };
    }

    /** An integer. */
    int i(int k) {
        Operand o = operand(k);
        check(!o.magnitude(), "a magnitude");
        int v = bits(o) + o.offset() * (o.kind() == Kind.CONSTANT ? 0 : 1);
        return o.sign() == '-' ? -v : o.sign() == '~' ? ~v : v;
    }

    /** 32 bits without a sign. */
    long u(int k) {
        return i(k) & 0xffffffffL;
    }

    /** The bits of a float. */
    int raw(int k) {
        Operand o = operand(k);
        int v = bits(o) & (o.magnitude() ? Integer.MAX_VALUE : -1);
        return o.sign() == '-' ? v ^ 1 << 31 : v;
    }

    float f(int k) {
        float v = Float.intBitsToFloat(raw(k));
        return now.flushes() ? flush(v) : v;
    }

    static float flush(float v) {
        return Math.abs(v) < Float.MIN_NORMAL ? Math.copySign(0, v) : v;
    }

    /** Two registers or constants, the lower first. */
    long pair(int k) {
        check(operand(k).sign() == ' ', "a sign of 64 bits");
        return pair(operand(k));
    }

    private long pair(Operand o) {
        if (o.kind() == Kind.CONSTANT) {
            return constant(o, 8).getLong();
        }
        boolean register = o.kind() == Kind.REGISTER;
        check(register || o.kind() == Kind.UNIFORM, "an operand is no pair");
        int next = o.number() + (o.isZero() ? 0 : 1);
        int high = register ? registers[LANES * next + lane] : uniform[next];
        return (long) high << 32 | bits(o) & 0xffffffffL;
    }

    /** A predicate, a bit a lane. */
    int mask(Operand o) {
        int v =
                switch (o.kind()) {
                    case PREDICATE -> predicates[o.number()];
                    case UNIFORM_PREDICATE -> uniformPredicates[o.number()] ? -1 : 0;
                    default -> throw error(o.text() + " is no predicate");
                };
        return o.sign() == '!' ? ~v : v;
    }

    boolean is(int k) {
        return has(mask(operand(k)), lane);
    }

    boolean isPredicate(int k) {
        Kind kind = operand(k).kind();
        return kind == Kind.PREDICATE || kind == Kind.UNIFORM_PREDICATE;
    }

    /** What is in an operand's register, whatever its sign. */
    int register(int k) {
        return register(k, 0, lane);
    }

    /** The same some registers further, of any lane. */
    int register(int k, int further, int of) {
        Operand o = operand(k);
        check(o.kind() == Kind.REGISTER, "an operand is no register");
        return registers[LANES * (o.number() == 255 ? 255 : o.number() + further) + of];
    }

    // ---- destinations

    void set(int k, int value) {
        set(k, 0, value);
    }

    /** The register that comes some registers after an operand's. */
    void set(int k, int further, int value) {
        Operand o = operand(k);
        if (o.kind() == Kind.UNIFORM && o.number() != 63) {
            uniform[o.number() + further] = value;
        } else if (o.kind() == Kind.REGISTER && o.number() != 255) {
            registers[LANES * (o.number() + further) + lane] = value;
        } else {
            check(o.isZero(), "an operand is no register");
        }
    }

    void set(int k, float value) {
        float v = now.flushes() ? flush(value) : value;
        set(k, Float.isNaN(v) ? NAN : Float.floatToRawIntBits(v));
    }

    void setPair(int k, long value) {
        set(k, 0, (int) value);
        set(k, 1, (int) (value >> 32));
    }

    void set(int k, boolean value) {
        Operand o = operand(k);
        check(isPredicate(k) && o.sign() == ' ', "an operand is no predicate");
        if (o.number() != 7 && o.kind() == Kind.UNIFORM_PREDICATE) {
            uniformPredicates[o.number()] = value;
        } else if (o.number() != 7) {
            predicates[o.number()] =
                    predicates[o.number()] & ~(1 << lane) | (value ? 1 << lane : 0);
        }
    }

    // ---- memory

    /** Memory of the lane alone, below where the stack begins. */
    ByteBuffer local(int at) {
        return place(local.slice(STACK * lane, STACK).order(local.order()), at, now.bytes());
    }

    ByteBuffer constant(int k) {
        check(operand(k).kind() == Kind.CONSTANT, "an operand is no constant");
        return constant(operand(k), now.bytes());
    }

    private ByteBuffer constant(Operand o, int bytes) {
        int at = o.offset();
        for (Operand part : o.parts()) {
            at += bits(part);
        }
        return place(block.cluster.bank(o.number()), at & 0xffffffffL, bytes);
    }

    /** A sum of registers and a number. */
    long address(int k) {
        Operand o = operand(k);
        check(o.kind() == Kind.ADDRESS, "an operand is no address");
        long at = o.offset();
        for (Operand part : o.parts()) {
            at += "64".equals(part.suffix()) ? pair(part) : bits(part) & 0xffffffffL;
        }
        return at;
    }

    /** Global memory: the high word of an address says of which buffer. */
    ByteBuffer global(long at, int bytes) {
        return place(block.cluster.global((int) (at >>> 32)), at & 0xffffffffL, bytes);
    }

    /** Shared memory of a block of the cluster: the highest byte of an address says of which. */
    ByteBuffer shared(int at, int bytes) {
        return place(block(at).shared, at & 0xffffff, bytes);
    }

    Cluster.Block block(int at) {
        check(at >>> 24 < block.cluster.blocks.size(), "reaches a block that there is not");
        return block.cluster.blocks.get(at >>> 24);
    }

    /** The own shared memory. */
    ByteBuffer own(int at, int bytes) {
        check(at >>> 24 == block.rank, "reaches shared memory of another block");
        return shared(at, bytes);
    }

    ByteBuffer generic(long at, int bytes) {
        return at >>> 32 == WINDOW ? shared((int) at, bytes) : global(at, bytes);
    }

    int special(String name) {
        return switch (name) {
            case "SRZ", "SR_SWINLO" -> 0;
            case "SR_TID.X" -> LANES * number + lane;
            case "SR_LANEID" -> lane;
            case "SR_CTAID.X" -> block.cluster.x + block.rank;
            case "SR_CTAID.Y" -> block.cluster.y;
            case "SR_CgaCtaId" -> block.rank;
            case "SR_SWINHI" -> WINDOW;
            default -> throw error("a special register that is not known");
        };
    }

    private ByteBuffer place(ByteBuffer memory, long at, int bytes) {
        if (memory == null || at + bytes > memory.limit() || at % bytes != 0) {
            throw error(
                    "0x%x is %s"
                            .formatted(at, at % bytes == 0 ? "outside of memory" : "not aligned"));
        }
        return memory.position((int) at);
    }
}
