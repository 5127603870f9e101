package org.quern.data;

import static org.quern.QuernException.usage;

/**
 * What a CSV file does not always say of itself.
 *
 * @param label name of the label's column, or its index from 0 ("#0" where a column may be called
 *     "0"); null to find it by its name
 * @param header whether the first line names the columns; null to find out from the lines
 */
public record TableFormat(String label, Boolean header) {
    /** Nothing is said: all is found out, or refused. */
    public static final TableFormat UNKNOWN = new TableFormat(null, null);

    /** The format that two texts tell of: a label, empty to find it; a header's auto, yes or no. */
    public static TableFormat of(String label, String header) {
        Boolean named =
                switch (header) {
                    case "auto" -> null;
                    case "yes" -> true;
                    case "no" -> false;
                    default -> throw usage("unknown header \"%s\": use auto, yes or no", header);
                };
        return new TableFormat(label.isEmpty() ? null : label, named);
    }
}
