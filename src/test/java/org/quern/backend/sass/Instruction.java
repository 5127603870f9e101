package org.quern.backend.sass;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An instruction as nvdisasm writes it.
 *
 * @param at its address in the kernel
 * @param guard the predicate without which a lane leaves it out; null: none
 * @param uniform whether it is of the uniform datapath, whose opcodes begin with U; the name is
 *     without it
 * @param operands destinations first
 * @param bytes that a lane loads, stores or takes, by the modifiers
 * @param flushes whether it takes subnormal floats as zeros
 * @param control 21 bits for the scheduler, the highest of the instruction's 128
 */
record Instruction(
        int at,
        Operand guard,
        boolean uniform,
        String name,
        String[] modifiers,
        Operand[] operands,
        int bytes,
        boolean flushes,
        int control,
        String text) {
    static final int BYTES = 16;
    private static final Pattern TEXT = Pattern.compile("(?:@(\\S+) +)?(\\S+) *(.*)");

    enum Kind {
        REGISTER,
        UNIFORM,
        PREDICATE,
        UNIFORM_PREDICATE,
        NUMBER,
        CONSTANT,
        ADDRESS,
        NAME
    }

    /**
     * A register, predicate, number (a float's bits, where it has no 0x), constant, address or
     * name.
     *
     * @param sign of -, ! or ~, or a space
     * @param number of the register, predicate or bank; or the number itself
     * @param offset what is added to the register, or to the parts of the address or of the place
     *     in the bank
     * @param parts of these; registers with .64 are pairs
     * @param suffix after a register's point
     */
    record Operand(
            Kind kind,
            char sign,
            boolean magnitude,
            int number,
            int offset,
            List<Operand> parts,
            String suffix,
            String text) {
        private static final Pattern REGISTER =
                Pattern.compile(
                        "([-!~]?)(\\|?)(U?[RP])(\\d+|[ZT])\\|?(?:\\.(\\w+))?(?: ([-+]?0x\\w+))?");
        private static final Pattern NUMBER =
                Pattern.compile("([-+]?)(?:0x(\\w+)|([\\d.]+(?:e.*)?|INF|Q?NAN))");
        private static final Pattern PLACE =
                Pattern.compile("(?:c\\[0x(\\w+)]|desc\\[\\w+])?\\[(.*)]");

        static Operand parse(String text) {
            Matcher m = REGISTER.matcher(text);
            if (m.matches()) {
                boolean predicate = m.group(3).endsWith("P");
                Kind kind =
                        Kind.values()[(predicate ? 2 : 0) + (m.group(3).startsWith("U") ? 1 : 0)];
                int last = predicate ? 7 : kind == Kind.UNIFORM ? 63 : 255;
                boolean fixed = m.group(4).matches("[ZT]");
                int number = fixed ? last : Integer.parseInt(m.group(4));
                char sign = (m.group(1) + " ").charAt(0);
                int offset = m.group(6) == null ? 0 : Integer.decode(m.group(6));
                boolean magnitude = !m.group(2).isEmpty();
                return new Operand(
                        kind, sign, magnitude, number, offset, List.of(), m.group(5), text);
            }
            m = NUMBER.matcher(text);
            if (m.matches()) {
                boolean hex = m.group(2) != null;
                String words =
                        hex
                                ? null
                                : m.group(3)
                                        .replace("INF", "Infinity")
                                        .replaceFirst("Q?NAN", "NaN");
                int bits =
                        hex
                                ? Integer.parseUnsignedInt(m.group(2), 16)
                                : Float.floatToRawIntBits(Float.parseFloat(words));
                boolean minus = m.group(1).equals("-");
                return of(
                        Kind.NUMBER,
                        !minus ? bits : hex ? -bits : bits ^ 1 << 31,
                        0,
                        List.of(),
                        text);
            }
            m = PLACE.matcher(text);
            if (m.matches()) {
                int offset = 0;
                List<Operand> parts = new java.util.ArrayList<>();
                for (String part : m.group(2).split("\\+")) {
                    Operand one = parse(part);
                    offset += one.kind == Kind.NUMBER ? one.number : 0;
                    if (one.kind != Kind.NUMBER) {
                        parts.add(one);
                    }
                }
                boolean constant = m.group(1) != null;
                int bank = constant ? Integer.parseInt(m.group(1), 16) : 0;
                return of(constant ? Kind.CONSTANT : Kind.ADDRESS, bank, offset, parts, text);
            }
            return of(Kind.NAME, 0, 0, List.of(), text);
        }

        /** Whether it is RZ or URZ. */
        boolean isZero() {
            return kind == Kind.REGISTER && number == 255 || kind == Kind.UNIFORM && number == 63;
        }

        private static Operand of(
                Kind kind, int number, int offset, List<Operand> parts, String text) {
            return new Operand(kind, ' ', false, number, offset, parts, null, text);
        }
    }

    static Instruction parse(int at, String text, long high) {
        Matcher m = TEXT.matcher(text.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException("no instruction: " + text);
        }
        boolean uniform =
                m.group(2).startsWith("U")
                        && !Opcodes.KNOWN.containsKey(m.group(2).split("\\.")[0]);
        List<String> op =
                Arrays.stream(m.group(2).substring(uniform ? 1 : 0).split("\\."))
                        .map(String::intern)
                        .toList();
        int bits =
                op.stream()
                        .filter(modifier -> modifier.matches("[US](8|16)|64|128"))
                        .mapToInt(modifier -> Integer.parseInt(modifier.replaceFirst("[US]", "")))
                        .findFirst()
                        .orElse(32);
        String operands = m.group(3).replace(".reuse", "").strip();
        return new Instruction(
                at,
                m.group(1) == null ? null : Operand.parse(m.group(1)),
                uniform,
                op.get(0),
                op.subList(1, op.size()).toArray(String[]::new),
                Arrays.stream(operands.split(" *, *"))
                        .filter(operand -> !operand.isEmpty())
                        .map(Operand::parse)
                        .toArray(Operand[]::new),
                bits / 8,
                op.contains("FTZ"),
                (int) (high >>> 41),
                text.strip());
    }

    /** Cycles before the warp's next one. */
    int stall() {
        return Math.max(1, control & 15);
    }

    /** The scoreboard that is set until its result is there; 7: none. */
    int sets() {
        return control >> 5 & 7;
    }

    /** The scoreboard that is set until its sources are read; 7: none. */
    int reads() {
        return control >> 8 & 7;
    }

    /** A bit for each scoreboard that must not be set. */
    int waits() {
        return control >> 11 & 63;
    }

    boolean has(String modifier) {
        for (String one : modifiers) {
            if (one == modifier) { // both are interned
                return true;
            }
        }
        return false;
    }

    /** Which it has of modifiers that exclude each other; "" for none. */
    String one(String... some) {
        for (String modifier : some) {
            if (has(modifier)) {
                return modifier;
            }
        }
        return "";
    }

    /** An error that names it. */
    IllegalStateException error(String what) {
        return new IllegalStateException("%s: \"%s\" at 0x%x".formatted(what, text, at));
    }
}
