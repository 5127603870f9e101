package org.quern.data;

import java.math.BigDecimal;
import java.util.Set;
import java.util.regex.Pattern;

/** Numbers as people write them, and what they write where one is missing. */
final class Decimal {
    /** What pandas' read_csv takes for a missing value by default, and R's and Weka's "?". */
    private static final Set<String> MISSING =
            Set.of(
                    ("|?|NA|N/A|n/a|NaN|nan|-NaN|-nan|NULL|null|None|<NA>|#N/A|#N/A N/A|#NA"
                                    + "|1.#IND|-1.#IND|1.#QNAN|-1.#QNAN")
                            .split("\\|"));

    /** A number for people: with a unit of money, thousands in groups, a decimal comma, a "%". */
    private static final Pattern DRESSED =
            Pattern.compile(
                    "([-+]?\\p{Sc}? ?|\\p{Sc}[-+])\\d+([,.'’_ \u00a0\u202f]\\d{3})*([.,]\\d*)?[ \u00a0]?[%\\p{Sc}]?");

    /** Digits that a double holds, whatever they are, and that a long does. */
    private static final int SURE_DIGITS = 15;

    private static final int MOST_DIGITS = 18;

    /** Whole numbers up to this one are doubles. */
    private static final long EXACT = 1L << 53;

    /** Powers of ten that are doubles. */
    private static final double[] TENS = new double[23];

    static {
        for (int i = 0; i < TENS.length; i++) {
            TENS[i] = Double.parseDouble("1e" + i);
        }
    }

    private Decimal() {}

    /**
     * The value of a decimal number such as {@code -1.5e-3}.
     *
     * @return NaN if the text is none; what Java reads beside them ({@code 1f}, {@code 0x1p3},
     *     {@code NaN}) is none
     */
    static double parse(String text) {
        return parse(text.toCharArray(), 0, text.length(), '.');
    }

    /**
     * The same of a part of a text. Of up to 15 digits it is the nearest double; of more, at most 2
     * units in the last place from that, and narrows to the same float.
     *
     * @param point the decimal point, or comma
     */
    static double parse(char[] text, int from, int length, char point) {
        int end = from + length;
        boolean negative = length > 0 && text[from] == '-';
        int start = negative || length > 0 && text[from] == '+' ? from + 1 : from;
        long digits = 0;
        int at = start;
        while (at < end && text[at] >= '0' && text[at] <= '9') {
            digits = digits * 10 + (text[at++] - '0');
        }
        int count = at - start;
        int fraction = 0;
        if (at < end && text[at] == point) {
            int mark = ++at;
            while (at < end && text[at] >= '0' && text[at] <= '9') {
                digits = digits * 10 + (text[at++] - '0');
            }
            fraction = at - mark;
            count += fraction;
        }
        if (at < end || count == 0 || count > SURE_DIGITS) {
            return parseLong(text, from, length, point);
        }
        double size = digits / TENS[fraction];
        return negative ? -size : size;
    }

    /**
     * The same of any length, and with an exponent. (A whole number and a power of ten that are
     * both doubles need one operation, which rounds once: Clinger, "How to read floating point
     * numbers accurately", 1990.)
     */
    private static double parseLong(char[] text, int from, int length, char point) {
        int end = from + length;
        int at = from;
        boolean negative = length > 0 && text[at] == '-';
        if (length > 0 && (negative || text[at] == '+')) {
            at++;
        }
        long digits = 0;
        int kept = 0; // digits in it, from the first that is not 0
        int power = 0;
        boolean any = false;
        boolean fraction = false;
        for (; at < end; at++) {
            char c = text[at];
            if (c >= '0' && c <= '9') {
                any = true;
                if (kept < MOST_DIGITS) {
                    digits = digits * 10 + (c - '0');
                    kept += digits == 0 ? 0 : 1;
                    power -= fraction ? 1 : 0;
                } else {
                    power += fraction ? 0 : 1;
                }
            } else if (c == point && !fraction) {
                fraction = true;
            } else {
                break;
            }
        }
        int exponent = at == end ? 0 : exponent(text, at, end);
        if (!any || exponent == NONE) {
            return Double.NaN;
        }
        power += exponent;
        if (power <= -TENS.length || power >= TENS.length) {
            return slowly(text, from, length, point);
        }
        double size = power < 0 ? digits / TENS[-power] : digits * TENS[power];
        if (digits > EXACT) {
            double error = size * 0x1p-51;
            if ((float) (size - error) != (float) (size + error)) {
                return slowly(text, from, length, point);
            }
        }
        return negative ? -size : size;
    }

    private static final int NONE = Integer.MIN_VALUE;

    /** The number behind an "e", within ±1,000,000; NONE if it is something else. */
    private static int exponent(char[] text, int from, int end) {
        int at = from + 1;
        boolean negative = at < end && text[at] == '-';
        at += at < end && (negative || text[at] == '+') ? 1 : 0;
        if (text[from] != 'e' && text[from] != 'E' || at == end) {
            return NONE;
        }
        int exponent = 0;
        for (; at < end; at++) {
            if (text[at] < '0' || text[at] > '9') {
                return NONE;
            }
            exponent = Math.min(1_000_000, exponent * 10 + (text[at] - '0'));
        }
        return negative ? -exponent : exponent;
    }

    private static double slowly(char[] text, int from, int length, char point) {
        return Double.parseDouble(new String(text, from, length).replace(point, '.'));
    }

    /** Whether a text is a number that a float32 can hold. */
    static boolean isNumber(String text) {
        return Float.isFinite((float) parse(text));
    }

    /** Whether a text is a number as people print one: "1,000", "12 %", "€5" or a plain one. */
    static boolean isDressed(String text) {
        return DRESSED.matcher(text).matches();
    }

    /** Whether a text stands for a missing value. */
    static boolean isMissing(String text) {
        return MISSING.contains(text);
    }

    /** Whether a text is a number with leading zeros, as codes have them: "01", but not "0.1". */
    static boolean isCode(char[] text, int from, int length) {
        return length > 1 && text[from] == '0' && Character.isDigit(text[from + 1]);
    }

    /**
     * One spelling for equal numbers: "1.0" is "1"; a code such as "01" and text stay as they are.
     */
    static String spelling(String text) {
        return isCode(text.toCharArray(), 0, text.length()) ? text : canonical(text);
    }

    /** One spelling for equal numbers and codes: "01" is "1", too; other text stays as it is. */
    static String canonical(String text) {
        if (!isNumber(text)) {
            return text;
        }
        // not of its text where it is 0: an exponent may be too large for it
        return parse(text) == 0 ? "0" : new BigDecimal(text).stripTrailingZeros().toPlainString();
    }
}
