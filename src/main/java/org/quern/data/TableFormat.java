package org.quern.data;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a table in a file does not always say of itself.
 *
 * @param label names of the label's column or columns, separated by commas, or their indices from 0
 *     ("#0" where a column may be called "0"); null to find it by its name
 * @param labels what the labels are
 * @param header whether the first line names the columns; null to find out from the lines
 * @param separator what stands between two fields; null to find out from the lines
 * @param missing texts that count as gaps, beside the usual ones
 * @param categories columns, by name or index, whose values are categories though they may be
 *     numbers
 * @param known the columns of a table that was read before: the rows are to be given in these,
 *     found by name. Null where nothing is known
 */
public record TableFormat(
        String label,
        Labels labels,
        Boolean header,
        Character separator,
        Set<String> missing,
        List<String> categories,
        Header known) {
    /** Nothing is said: all is found out, or refused. */
    public static final TableFormat UNKNOWN =
            new TableFormat(null, Labels.AUTO, null, null, Set.of(), List.of(), null);

    private static final String SEPARATORS =
            "unknown separator \"%s\": use auto, comma, semicolon, tab or another character";

    /** What the labels of rows are. */
    public enum Labels {
        /** The classes that their texts name. */
        CLASSES,
        /** Numbers to predict. */
        NUMBERS,
        /**
         * Numbers to predict if all of them are numbers, and one has a fraction or {@linkplain
         * Exploration#isManyClasses there are too many for classes}; else classes.
         */
        AUTO
    }

    public TableFormat {
        missing = Set.copyOf(given(missing, "missing"));
        categories = copied(categories, "categories");
    }

    /**
     * The format that texts tell of.
     *
     * @param label as the component; empty to find it
     * @param header auto, yes or no
     * @param separator auto, comma, semicolon, tab or a character
     * @param missing texts, separated by commas
     * @param categories names or indices, separated by commas
     */
    public static TableFormat of(
            String label, String header, String separator, String missing, String categories) {
        Boolean named =
                switch (given(header, "header")) {
                    case "auto" -> null;
                    case "yes" -> true;
                    case "no" -> false;
                    default -> throw usage("unknown header \"%s\": use auto, yes or no", header);
                };
        Character between =
                switch (given(separator, "separator").toLowerCase(Locale.ROOT)) {
                    case "auto" -> null;
                    case "comma" -> ',';
                    case "semicolon" -> ';';
                    case "tab", "\\t" -> '\t';
                    default -> {
                        expect(isSeparator(separator), SEPARATORS, separator);
                        yield separator.charAt(0);
                    }
                };
        return new TableFormat(
                label.isEmpty() ? null : label,
                Labels.AUTO,
                named,
                between,
                Set.copyOf(list(given(missing, "missing"))),
                list(given(categories, "categories")),
                null);
    }

    /** Whether it is one character that may stand between fields. */
    static boolean isSeparator(String text) {
        return text.matches("[^\\w\"\\r\\n.+-]");
    }

    /** Whether a field stands for a value that is missing. */
    boolean isGap(String field) {
        return Decimal.isMissing(field)
                || missing.contains(field)
                || !missing.isEmpty()
                        && Arrays.stream(gaps()).anyMatch(gap -> gap == Decimal.parse(field));
    }

    /** The numbers that stand for a value that is missing, however they are written. */
    double[] gaps() {
        return missing.stream()
                .mapToDouble(Decimal::parse)
                .filter(number -> !Double.isNaN(number))
                .toArray();
    }

    /** The parts of a text between commas, without blanks around them. */
    static List<String> list(String text) {
        return Stream.of(text.split(",")).map(String::strip).filter(s -> !s.isEmpty()).toList();
    }

    /** The same with other columns for labels; null to find them. */
    public TableFormat withLabel(String columns) {
        return new TableFormat(columns, labels, header, separator, missing, categories, known);
    }

    /** The same where it is known what labels are. */
    public TableFormat withLabels(Labels kind) {
        return new TableFormat(label, kind, header, separator, missing, categories, known);
    }

    /** The same for rows that are to be given in known columns. */
    public TableFormat withKnown(Header columns) {
        return new TableFormat(label, labels, header, separator, missing, categories, columns);
    }
}
