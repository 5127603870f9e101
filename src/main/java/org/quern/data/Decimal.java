package org.quern.data;

import java.math.BigDecimal;
import java.util.Set;

/** Numbers as people write them, and what they write where one is missing. */
final class Decimal {
    /** What pandas' read_csv takes for a missing value by default, and R's and Weka's "?". */
    private static final Set<String> MISSING =
            Set.of(
                    ("|?|NA|N/A|n/a|NaN|nan|-NaN|-nan|NULL|null|None|<NA>|#N/A|#N/A N/A|#NA"
                                    + "|1.#IND|-1.#IND|1.#QNAN|-1.#QNAN")
                            .split("\\|"));

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

    /** Whether a text stands for a missing value. */
    static boolean isMissing(String text) {
        return MISSING.contains(text);
    }

    /** One spelling for equal numbers: "1", "01" and "1.0" are "1"; other text stays as it is. */
    static String canonical(String text) {
        if (!isNumber(text)) {
            return text;
        }
        // not of its text where it is 0: an exponent may be too large for it
        return parse(text) == 0 ? "0" : new BigDecimal(text).stripTrailingZeros().toPlainString();
    }
}
