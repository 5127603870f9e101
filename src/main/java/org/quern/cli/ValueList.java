package org.quern.cli;

import static org.quern.QuernException.usage;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Values of a setting as a sweep is given them: {@code 1,2,5}; {@code 1..16}, each whole number;
 * {@code 1e-4..1e-2:5}, so many from end to end, by equal ratios if they span a factor of ten or
 * more, else by equal steps.
 */
final class ValueList {
    private static final int POINTS = 5;
    private static final int MOST = 10_000;
    private static final int DIGITS = 6;

    private ValueList() {}

    /**
     * Reads values.
     *
     * @param name of the option, for messages
     * @param separator between values
     */
    static List<String> parse(String name, String text, String separator) {
        List<String> values = new ArrayList<>();
        for (String part : text.split(java.util.regex.Pattern.quote(separator), -1)) {
            String value = part.strip();
            if (value.isEmpty()) {
                throw usage("%s \"%s\": a value is missing", name, text);
            }
            int dots = value.indexOf("..");
            if (dots < 0 || separator.equals("|")) {
                values.add(value);
            } else {
                values.addAll(range(name, value, dots));
            }
        }
        return List.copyOf(values);
    }

    private static List<String> range(String name, String text, int dots) {
        String from = text.substring(0, dots);
        String rest = text.substring(dots + 2);
        int colon = rest.indexOf(':');
        String to = colon < 0 ? rest : rest.substring(0, colon);
        if (colon < 0 && from.matches("-?\\d+") && to.matches("-?\\d+")) {
            long first = number(name, text, from).longValue();
            long last = number(name, text, to).longValue();
            check(name, text, first <= last && last - first < MOST);
            return LongStream.rangeClosed(first, last).mapToObj(Long::toString).toList();
        }
        int points = colon < 0 ? POINTS : number(name, text, rest.substring(colon + 1)).intValue();
        double first = number(name, text, from).doubleValue();
        double last = number(name, text, to).doubleValue();
        check(name, text, first < last && points >= 2 && points <= MOST);
        boolean ratios = first > 0 && last / first >= 10;
        String[] values = new String[points];
        for (int i = 0; i < points; i++) {
            double part = (double) i / (points - 1);
            double value =
                    ratios ? first * Math.pow(last / first, part) : first + (last - first) * part;
            // few digits, so that the table can be read and the value given again
            values[i] =
                    new BigDecimal(value)
                            .round(new java.math.MathContext(DIGITS))
                            .stripTrailingZeros()
                            .toString();
        }
        return Arrays.asList(values);
    }

    private static BigDecimal number(String name, String text, String part) {
        try {
            return new BigDecimal(part.strip());
        } catch (NumberFormatException e) {
            throw usage("%s \"%s\": \"%s\" is not a number", name, text, part);
        }
    }

    private static void check(String name, String text, boolean holds) {
        if (!holds) {
            throw usage(
                    "%s \"%s\": write FROM..TO or FROM..TO:POINTS with FROM below TO, 2 to %,d"
                            + " points",
                    name, text, MOST);
        }
    }
}
