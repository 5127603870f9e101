package org.quern.data;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.Set;

/** Numbers as people write them, and what they write where one is missing. */
final class Decimal {
    private static final Set<String> MISSING = Set.of("", "?", "na", "n/a", "nan", "null");

    private Decimal() {}

    /**
     * The value of a decimal number such as {@code -1.5e-3}.
     *
     * @return NaN if the text is none; what Java reads beside them ({@code 1f}, {@code 0x1p3},
     *     {@code NaN}) is none
     */
    static double parse(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if ((c < '0' || c > '9') && "+-.eE".indexOf(c) < 0) {
                return Double.NaN;
            }
        }
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }

    /** Whether a text is a number that a float32 can hold. */
    static boolean isNumber(String text) {
        return Float.isFinite((float) parse(text));
    }

    /** Whether a text stands for a missing value: empty, "?", NA, N/A, NaN or null. */
    static boolean isMissing(String text) {
        return text.length() <= 4 && MISSING.contains(text.toLowerCase(Locale.ROOT));
    }

    /** One spelling for equal numbers: "1", "01" and "1.0" are "1"; other text stays as it is. */
    static String canonical(String text) {
        return isNumber(text) ? new BigDecimal(text).stripTrailingZeros().toPlainString() : text;
    }
}
