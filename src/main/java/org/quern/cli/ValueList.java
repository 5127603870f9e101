package org.quern.cli;

import static org.quern.QuernException.usage;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Values of a setting as a sweep is given them: {@code 1,2,5}; {@code 1..16}, each whole number;
 * {@code 1e-4..1e-2:5}, so many from end to end, by equal ratios if they span a factor of ten or
 * more, else by equal steps.
 */
final class ValueList {
    private static final int POINTS = 5;
    private static final int MOST = 10_000;

    /** Few, so that the table can be read and the value given again. */
    private static final MathContext DIGITS = new MathContext(6);

    private final String name;
    private final String text;

    private ValueList(String name, String text) {
        this.name = name;
        this.text = text;
    }

    /** Reads values with a separator between them; the option's name is for messages. */
    static List<String> parse(String name, String text, String separator) {
        List<String> values = new ArrayList<>();
        for (String part : text.split(Pattern.quote(separator), -1)) {
            String value = part.strip();
            if (value.isEmpty()) {
                throw usage("%s \"%s\": a value is missing", name, text);
            }
            int dots = value.indexOf("..");
            if (dots < 0 || separator.equals("|")) {
                values.add(value);
            } else {
                values.addAll(new ValueList(name, value).range(dots));
            }
        }
        return List.copyOf(values);
    }

    private List<String> range(int dots) {
        String from = text.substring(0, dots);
        String rest = text.substring(dots + 2);
        int colon = rest.indexOf(':');
        String to = colon < 0 ? rest : rest.substring(0, colon);
        if (colon < 0 && from.matches("-?\\d+") && to.matches("-?\\d+")) {
            long first = number(from).longValue();
            long last = number(to).longValue();
            check(first <= last && last - first < MOST);
            return LongStream.rangeClosed(first, last).mapToObj(Long::toString).toList();
        }
        int points = colon < 0 ? POINTS : number(rest.substring(colon + 1)).intValue();
        double first = number(from).doubleValue();
        double last = number(to).doubleValue();
        check(first < last && points >= 2 && points <= MOST);
        boolean ratios = first > 0 && last / first >= 10;
        return IntStream.range(0, points)
                .mapToDouble(i -> (double) i / (points - 1))
                .map(
                        at ->
                                ratios
                                        ? first * Math.pow(last / first, at)
                                        : first + (last - first) * at)
                .mapToObj(value -> new BigDecimal(value).round(DIGITS).stripTrailingZeros())
                .map(BigDecimal::toString)
                .toList();
    }

    private BigDecimal number(String part) {
        try {
            return new BigDecimal(part.strip());
        } catch (NumberFormatException e) {
            throw usage("%s \"%s\": \"%s\" is not a number", name, text, part);
        }
    }

    private void check(boolean holds) {
        if (!holds) {
            throw usage(
                    "%s \"%s\": write FROM..TO or FROM..TO:POINTS with FROM below TO, 2 to %,d"
                            + " points",
                    name, text, MOST);
        }
    }
}
