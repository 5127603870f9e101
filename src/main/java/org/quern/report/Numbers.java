package org.quern.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/**
 * Numbers as people read them, the same in every locale.
 *
 * @hidden
 */
public final class Numbers {
    private static final String[] UNITS = {"bytes", "KiB", "MiB", "GiB", "TiB"};

    /** What stands in a table where there is no number. */
    static final String NONE = "-";

    private Numbers() {}

    /** {@link String#formatted} with points and commas as in English. */
    public static String format(String format, Object... arguments) {
        return String.format(Locale.ROOT, format, arguments);
    }

    /**
     * A number of any size in five significant digits: {@code 52,873}, {@code 0.78612}, {@code
     * 2.3000e-9}; "-" for NaN.
     */
    public static String digits(double value) {
        double size = Math.abs(value);
        if (Double.isNaN(value) || value == 0) {
            return value == 0 ? "0" : NONE;
        }
        if (size >= 1e9 || size < 1e-4) {
            return format("%.4e", value).replaceFirst("e\\+?(-?)0*", "e$1");
        }
        BigDecimal rounded = new BigDecimal(value).round(new MathContext(5));
        int whole = rounded.precision() - rounded.scale();
        return format("%,." + Math.max(0, 5 - whole) + "f", rounded);
    }

    /** A share, R² or a loss in four decimals, if it is not huge; "-" for NaN. */
    public static String four(double value) {
        return Math.abs(value) < 1e5 ? format("%.4f", value) : digits(value);
    }

    /**
     * As {@link Float#toString(float)}, but for very small and very large ones without exponent.
     */
    static String plain(float value) {
        float size = Math.abs(value);
        return size >= 1e-9 && size < 1e15
                ? new BigDecimal(Float.toString(value)).toPlainString()
                : Float.toString(value);
    }

    /** Bytes in the largest unit that leaves at least 1: {@code 150.7 KiB}. */
    public static String bytes(long bytes) {
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit < UNITS.length - 1) {
            value /= 1024;
            unit++;
        }
        return unit == 0 ? bytes + " bytes" : format("%.1f %s", value, UNITS[unit]);
    }

    /** A number a second, short: {@code 641k}, {@code 1.20M}. */
    public static String rate(double perSecond) {
        if (perSecond >= 1e6) {
            return format("%.2fM", perSecond / 1e6);
        }
        return perSecond >= 1e4
                ? format("%.0fk", perSecond / 1e3)
                : format(perSecond >= 100 ? "%.0f" : "%.1f", perSecond);
    }

    /** A duration: {@code 0:07}, {@code 1:02:03}; {@code -:--} if it is unknown or of days. */
    public static String clock(double seconds) {
        if (!(seconds < 360_000)) {
            return "-:--";
        }
        long s = Math.round(seconds);
        return s < 3600
                ? format("%d:%02d", s / 60, s % 60)
                : format("%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    }
}
