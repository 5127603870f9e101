package org.quern.backend.sass;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What instructions do; an opcode or a modifier that is not known is an error. Written after what
 * ptxas makes of PTX, whose ISA says what must come out; where the hardware only approximates,
 * results are rounded to nearest.
 */
final class Opcodes {
    /**
     * Opcodes and the modifiers that they may have. Those of the uniform datapath begin with U and
     * are not in it.
     */
    private static final String TABLE =
            """
            FADD FMUL: FTZ RZ RM RP
            FFMA: FTZ SAT RZ RM RP
            FMNMX: FTZ
            FSET: BF GT LT GE LE EQ NE AND
            FSETP: GT LT GE LE EQ NE GTU LTU GEU LEU EQU NEU NUM NAN FTZ AND OR XOR
            MUFU: RCP RSQ SQRT EX2 LG2
            F2FP: F16 F32 PACK_AB
            F2I: FTZ U32 TRUNC NTZ
            I2F: U8 S8 U16 S16 U32 RP
            I2FP: F32 S32 U32
            HADD2: F32
            HFMA2: MMA
            IADD3: X
            IMAD: MOV SHL IADD U32 X WIDE HI
            LEA: HI X SX32
            LOP3 PLOP3: LUT
            SHF: L R U32 S32 U64 S64 HI W
            SGXT VIMNMX VIMNMX3 VIADDMNMX: U32
            ISETP: GT LT GE LE EQ NE U32 AND OR XOR EX
            CS2R: 32
            LDC: U8 64
            SHFL: IDX UP DOWN BFLY
            VOTE VOTEU: ALL ANY
            REDUX: SUM MAX MIN OR AND XOR S32
            HMMA: 16816 1688 F32 TF32
            IMMA: 16832 U8 S8
            LDS LDG LD LDL: LU E U8 S8 U16 S16 64 128 CONSTANT STRONG SYS GPU
            STS STG ST STL: E U8 U16 64 128 STRONG SYS GPU
            LDGSTS: E BYPASS 64 128
            DEPBAR: LE
            STAS: 64 128
            SYNCS: EXCH 64 ARRIVE TRANS64 A1T0 ART0 A0TR RED PHASECHK TRYWAIT
            BRA: U DIV
            CALL: REL NOINC
            RET: REL NODEC
            WARPSYNC: ALL COLLECTIVE
            BAR: SYNC ARV DEFER_BLOCKING
            MEMBAR: ALL SC CTA GPU SYS
            FENCE: VIEW ASYNC S
            CCTL: IVALL
            FSEL FCHK VIADD PRMT SEL P2R R2P MOV R2UR S2R S2UR LDGDEPBAR BRX BRXU BSSY BSYNC BREAK EXIT: -
            UCGABAR_ARV UCGABAR_WAIT ENDCOLLECTIVE ERRBAR CGAERRBAR YIELD NOP: -
            """;

    static final Map<String, Set<String>> KNOWN = new TreeMap<>();

    static {
        for (String line : TABLE.lines().toList()) {
            String[] sides = line.split(": ");
            for (String name : sides[0].split(" ")) {
                KNOWN.put(name, Set.of(sides[1].split(" ")));
            }
        }
    }

    private Opcodes() {}

    /** That an instruction is known. */
    static void check(Instruction i) {
        Set<String> known = KNOWN.get(i.name());
        if (known == null) {
            throw i.error("unknown opcode " + i.name());
        }
        for (String modifier : i.modifiers()) {
            if (!known.contains(modifier)) {
                throw i.error("unknown modifier " + modifier);
            }
        }
    }

    /** Executes the current instruction for some lanes, a bit each. */
    static void execute(Warp w, int lanes) {
        w.lane = Integer.numberOfTrailingZeros(lanes);
        if (!Together.execute(w, lanes)) {
            boolean one =
                    w.now.uniform()
                            || w.operand(0).kind() == Instruction.Kind.UNIFORM
                                    && !w.now.name().equals("BRXU");
            int some = one ? Integer.lowestOneBit(lanes) : lanes;
            for (; w.lane < Warp.LANES; w.lane++) {
                if (Warp.has(some, w.lane)) {
                    lane(w, w.now.name());
                }
            }
        }
    }

    private static void lane(Warp w, String name) {
        switch (name) {
            case "FADD" -> w.set(0, fma(w, w.f(1), 1, w.f(2)));
            case "FMUL" -> w.set(0, fma(w, w.f(1), w.f(2), -0f));
            case "FFMA" -> w.set(0, fma(w, w.f(1), w.f(2), w.f(3)));
            case "FMNMX" -> w.set(0, extreme(w.f(1), w.f(2), w.is(3)));
            case "FSEL" -> w.set(0, w.is(3) ? w.raw(1) : w.raw(2));
            case "FSET" -> w.set(0, with(w, w.is(3), floats(w, w.f(1), w.f(2))) ? 1f : 0f);
            case "FSETP" -> predicate(w, with(w, w.is(4), floats(w, w.f(2), w.f(3))));
            case "FCHK" -> w.set(0, !divides(w.f(1), w.f(2)));
            case "MUFU" -> w.set(0, Warp.flush(function(w, Warp.flush(w.f(1)))));
            case "F2FP" -> w.set(0, toHalf(w.f(1)) << 16 | toHalf(w.f(2)));
            case "HADD2" -> w.set(0, half(w, 1) + half(w, 2));
            case "HFMA2" -> { // ptxas makes constants with it
                w.check(w.i(1) == 0 && w.i(2) == 0, "more than a constant");
                w.set(0, toHalf(w.f(3)) << 16 | toHalf(w.f(4)));
            }
            case "F2I" -> w.set(0, integer(w.f(1), w.now.has("TRUNC"), w.now.has("U32")));
            case "I2F", "I2FP" -> w.set(0, toFloat(w));
            case "MOV", "R2UR" -> w.set(0, w.i(1));
            case "VIADD" -> w.set(0, w.i(1) + w.i(2));
            case "IADD3" -> add(w);
            case "IMAD" -> multiply(w);
            case "LEA" -> shiftAdd(w);
            case "LOP3" -> {
                int to = w.isPredicate(0) ? 1 : 0;
                int v = lookup(w.i(to + 4), w.i(to + 1), w.i(to + 2), w.i(to + 3));
                w.check(!w.is(to + 5), "a predicate that is combined");
                w.set(to, v);
                if (to == 1) {
                    w.set(0, v != 0);
                }
            }
            case "SHF" -> shift(w);
            case "PRMT" -> w.set(0, permute(w.u(1) | (long) w.i(3) << 32, w.i(2)));
            case "SGXT" -> w.set(0, extend(w.i(1), w.i(2), w.now.has("U32")));
            case "SEL" -> w.set(0, w.is(3) ? w.i(1) : w.i(2));
            case "VIMNMX" -> w.set(0, extreme(w, w.i(1), w.i(2), w.is(3)));
            case "VIMNMX3" ->
                    w.set(0, extreme(w, extreme(w, w.i(1), w.i(2), w.is(4)), w.i(3), w.is(4)));
            case "VIADDMNMX" -> w.set(0, extreme(w, w.i(1) + w.i(2), w.i(3), w.is(4)));
            case "ISETP" -> {
                long a = w.now.has("U32") ? w.u(2) : w.i(2);
                long b = w.now.has("U32") ? w.u(3) : w.i(3);
                // EX: of the high words of 64 bits, where the low ones were compared before
                boolean v = w.now.has("EX") && a == b ? w.is(5) : order(w, Long.compare(a, b));
                predicate(w, with(w, w.is(4), v));
            }
            case "PLOP3" -> {
                w.check(w.i(6) == 0, "a second table");
                predicate(
                        w,
                        lookup(w.i(5), w.is(2) ? 1 : 0, w.is(3) ? 1 : 0, w.is(4) ? 1 : 0) % 2 != 0);
            }
            case "P2R" -> {
                int v = 0;
                for (int n = 0; n < 7; n++) {
                    v |= (w.predicates[n] >> w.lane & 1) << n;
                }
                w.set(0, v & w.i(3) | w.i(2) & ~w.i(3));
            }
            case "R2P" -> {
                for (int n = 0; n < 7; n++) {
                    if (Warp.has(w.i(2), n)) {
                        int bit = 1 << w.lane;
                        w.predicates[n] = w.predicates[n] & ~bit | (Warp.has(w.i(1), n) ? bit : 0);
                    }
                }
            }
            case "S2R", "S2UR" -> w.set(0, w.special(w.operand(1).text()));
            case "CS2R" -> {
                w.set(0, w.special(w.operand(1).text()));
                w.set(0, w.now.has("32") ? 0 : 1, 0);
            }
            case "LDC" -> load(w, w.constant(1));
            case "LDL" -> load(w, w.local((int) w.address(1)));
            case "STL" -> store(w, w.local((int) w.address(0)));
            case "LDS" -> load(w, w.own((int) w.address(1), w.now.bytes()));
            case "LDG" -> load(w, w.global(w.address(1), w.now.bytes()));
            case "LD" -> load(w, w.generic(w.address(1), w.now.bytes()));
            case "STS" -> store(w, w.own((int) w.address(0), w.now.bytes()));
            case "STG" -> store(w, w.global(w.address(0), w.now.bytes()));
            case "ST" -> store(w, w.generic(w.address(0), w.now.bytes()));
            case "LDGSTS" -> {
                int size = w.now.bytes();
                ByteBuffer to = w.own((int) w.address(0), size);
                int there = to.position();
                ByteBuffer from = w.global(w.address(1), size);
                int here = from.position();
                w.copies.getLast().add(() -> to.put(there, from, here, size));
            }
            case "BRA" -> {
                if (w.now.operands().length == 1 || w.is(0)) {
                    w.jump(w.i(w.now.operands().length - 1));
                }
            }
            case "BRX", "BRXU" -> w.jump(w.i(0) + w.now.at() + Instruction.BYTES);
            case "CALL", "RET" -> w.jump(w.i(0));
            default -> throw w.error("an opcode without a meaning");
        }
    }

    // ---- floats

    /** x y + z, rounded once as the modifiers say. */
    private static float fma(Warp w, float x, float y, float z) {
        float nearest = Math.fma(x, y, z);
        if (w.now.modifiers().length == 0) {
            return nearest;
        }
        if (w.now.has("SAT")) {
            return nearest > 0 ? Math.min(nearest, 1) : 0;
        }
        String way = w.now.one("RZ", "RM", "RP");
        if (way.isEmpty() || !Float.isFinite(x) || !Float.isFinite(y) || !Float.isFinite(z)) {
            return nearest;
        }
        BigDecimal exact = new BigDecimal(x).multiply(new BigDecimal(y)).add(new BigDecimal(z));
        boolean down = way.equals("RM") || way.equals("RZ") && exact.signum() > 0;
        if (Float.isInfinite(nearest)) {
            return nearest > 0 == down ? Math.copySign(Float.MAX_VALUE, nearest) : nearest;
        }
        int order = new BigDecimal(nearest).compareTo(exact);
        return down && order > 0
                ? Math.nextDown(nearest)
                : !down && order < 0 ? Math.nextUp(nearest) : nearest;
    }

    private static float extreme(float a, float b, boolean least) {
        return Float.isNaN(a) ? b : Float.isNaN(b) ? a : least ? Math.min(a, b) : Math.max(a, b);
    }

    private static float function(Warp w, double x) {
        return (float)
                switch (w.now.modifiers()[0]) {
                    case "RCP" -> 1 / x;
                    case "RSQ" -> 1 / Math.sqrt(x);
                    case "SQRT" -> Math.sqrt(x);
                    case "EX2" -> Math.pow(2, x);
                    default -> Math.log(x) / Math.log(2);
                };
    }

    /** Whether a quotient needs no care: an estimate of FCHK. */
    private static boolean divides(float a, float b) {
        int x = Math.getExponent(a);
        int y = Math.getExponent(b);
        boolean normal = y >= -126 && y <= 125 && x <= 127;
        return normal && (a == 0 || x >= -102 && Math.abs(x - y) <= 125);
    }

    private static boolean floats(Warp w, float a, float b) {
        boolean nan = Float.isNaN(a) || Float.isNaN(b);
        String test = test(w);
        return switch (test) {
            case "NAN" -> nan;
            case "NUM" -> !nan;
            default -> nan ? test.length() == 3 : order(w, a < b ? -1 : a > b ? 1 : 0);
        };
    }

    private static String test(Warp w) {
        return w.now.modifiers()[w.now.has("BF") ? 1 : 0];
    }

    /** What a comparison says of the order of two numbers. */
    private static boolean order(Warp w, int order) {
        return switch (test(w)) {
            case "GT", "GTU" -> order > 0;
            case "LT", "LTU" -> order < 0;
            case "GE", "GEU" -> order >= 0;
            case "LE", "LEU" -> order <= 0;
            case "EQ", "EQU" -> order == 0;
            default -> order != 0;
        };
    }

    private static boolean with(Warp w, boolean a, boolean b) {
        return w.now.has("OR") ? a || b : w.now.has("XOR") ? a != b : a && b;
    }

    /** The second predicate would take the opposite, which nothing asks for. */
    private static void predicate(Warp w, boolean value) {
        w.check(w.operand(1).number() == 7, "a second predicate");
        w.set(0, value);
    }

    private static int integer(float x, boolean cut, boolean unsigned) {
        double whole = cut ? (long) x : Math.rint(x);
        double most = unsigned ? 0xffffffffL : Integer.MAX_VALUE;
        double least = unsigned ? 0 : Integer.MIN_VALUE;
        return Float.isNaN(x) ? 0 : (int) (long) Math.max(least, Math.min(most, whole));
    }

    private static float toFloat(Warp w) {
        int width = 8 * w.now.bytes();
        String part = w.operand(1).suffix(); // B0 to B3, H0 or H1
        int at = part == null ? 0 : width * (part.charAt(1) - '0');
        boolean unsigned = w.now.has("U8") || w.now.has("U16") || w.now.has("U32");
        long v = width == 32 && unsigned ? w.u(1) : extend(w.i(1) >>> at, width, unsigned);
        return w.now.has("RP") && (double) (float) v < v ? Math.nextUp((float) v) : v;
    }

    // ---- halves: 10 bits of fraction

    /** The bits of the nearest half, the even one of two. */
    static int toHalf(float x) {
        int exponent = Math.max(Math.getExponent(x), -14);
        double steps = Math.rint(Math.abs(x) / Math.scalb(1.0, exponent - 10));
        double bits = steps < 1024 ? steps : (exponent + 14 << 10) + steps;
        int sign = Float.floatToRawIntBits(x) >>> 16 & 0x8000;
        return Float.isNaN(x) ? 0x7fff : sign | (int) Math.min(bits, 0x7c00);
    }

    /** The number that the low 16 bits are. */
    static float fromHalf(int bits) {
        int exponent = bits >> 10 & 31;
        float fraction = bits & 1023;
        float v =
                exponent == 0
                        ? Math.scalb(fraction, -24)
                        : Math.scalb(1024 + fraction, exponent - 25);
        v = exponent < 31 ? v : fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
        return (bits & 0x8000) != 0 ? -v : v;
    }

    private static float half(Warp w, int k) {
        boolean upper = "H1_H1".equals(w.operand(k).suffix());
        float v = fromHalf(w.register(k) >>> (upper ? 16 : 0));
        return w.operand(k).sign() == '-' ? -v : v;
    }

    // ---- integers

    /** Carries go to the predicates before the addends, and come from those after them. */
    private static void add(Warp w) {
        int from = w.isPredicate(1) ? w.isPredicate(2) ? 3 : 2 : 1;
        long sum = 0;
        for (int k = from; k < from + 3; k++) { // -x is ~x + 1
            sum += w.operand(k).sign() == '-' ? (~-w.i(k) & 0xffffffffL) + 1 : w.u(k);
        }
        for (int k = from + 3; k < w.now.operands().length; k++) {
            w.check(w.now.has("X"), "a carry without X");
            sum += w.is(k) ? 1 : 0;
        }
        w.set(0, (int) sum);
        for (int k = 1; k < from; k++) {
            w.set(k, sum >> 32 >= k);
        }
    }

    private static void multiply(Warp w) {
        boolean x = w.now.has("X");
        w.check(w.now.operands().length == (x ? 5 : 4), "operands");
        if (!w.now.has("WIDE") && !w.now.has("HI")) {
            w.set(0, w.i(1) * w.i(2) + w.i(3) + (x && w.is(4) ? 1 : 0));
            return;
        }
        w.check(!x, "64 bits with X");
        boolean unsigned = w.now.has("U32");
        long v = (unsigned ? w.u(1) * w.u(2) : (long) w.i(1) * w.i(2)) + w.pair(3);
        if (w.now.has("WIDE")) {
            w.setPair(0, v);
        } else {
            w.set(0, (int) (v >> 32));
        }
    }

    /** (a << s) + b, or with HI the upper word of the first and b. */
    private static void shiftAdd(Warp w) {
        int k = w.isPredicate(1) ? 2 : 1;
        boolean high = w.now.has("HI");
        boolean extends_ = !high || w.now.has("SX32");
        long above = extends_ ? w.i(k) >> 31 : w.i(k + 2);
        int next = k + (extends_ ? 2 : 3);
        long shifted = (above << 32 | w.u(k)) << w.i(next);
        long sum = (high ? shifted >>> 32 : shifted & 0xffffffffL) + w.u(k + 1);
        w.check(w.now.operands().length == next + (w.now.has("X") ? 2 : 1), "operands");
        sum += w.now.has("X") && w.is(next + 1) ? 1 : 0;
        w.set(0, (int) sum);
        if (k == 2) {
            w.set(1, sum >> 32 != 0);
        }
    }

    private static int extreme(Warp w, int a, int b, boolean least) {
        boolean less = w.now.has("U32") ? Integer.compareUnsigned(a, b) < 0 : a < b;
        return less == least ? a : b;
    }

    private static int lookup(int table, int a, int b, int c) {
        int v = 0;
        for (int n = 0; n < 8; n++) {
            if (Warp.has(table, n)) {
                v |= ((n & 4) != 0 ? a : ~a) & ((n & 2) != 0 ? b : ~b) & ((n & 1) != 0 ? c : ~c);
            }
        }
        return v;
    }

    /** One word of two, shifted. */
    private static void shift(Warp w) {
        long x = (long) w.i(3) << 32 | w.u(1);
        boolean wide = w.now.has("U64") || w.now.has("S64");
        int most = wide ? 63 : 32;
        int by = w.now.has("W") ? w.i(2) & (wide ? 63 : 31) : (int) Math.min(w.u(2), most);
        boolean signed = w.now.has("S32") || w.now.has("S64");
        long v = w.now.has("L") ? x << by : signed ? x >> by : x >>> by;
        w.set(0, (int) (w.now.has("HI") ? v >> 32 : v));
    }

    /** Four of eight bytes, or their signs. */
    private static int permute(long bytes, int selector) {
        int v = 0;
        for (int n = 0; n < 4; n++) {
            int which = selector >> 4 * n & 15;
            byte piece = (byte) (bytes >> 8 * (which & 7));
            v |= ((which & 8) != 0 ? piece >> 7 & 255 : piece & 255) << 8 * n;
        }
        return v;
    }

    private static int extend(int v, int width, boolean unsigned) {
        int by = 32 - Math.min(width, 32);
        return width == 0 ? 0 : unsigned ? v << by >>> by : v << by >> by;
    }

    // ---- memory

    private static void load(Warp w, ByteBuffer from) {
        int size = w.now.bytes();
        boolean unsigned = w.now.has("U8") || w.now.has("U16");
        if (size < 4) {
            w.set(0, extend(size == 1 ? from.get() : from.getShort(), 8 * size, unsigned));
        }
        for (int k = 0; k < size / 4; k++) {
            w.set(0, k, from.getInt());
        }
    }

    /** Puts the last operand's registers there. */
    static void store(Warp w, ByteBuffer to) {
        int size = w.now.bytes();
        if (size == 1) {
            to.put((byte) w.register(1));
        } else if (size == 2) {
            to.putShort((short) w.register(1));
        }
        for (int k = 0; k < size / 4; k++) {
            to.putInt(w.register(1, k, w.lane));
        }
    }
}
