package org.quern.data;

/**
 * What a CSV file does not always say of itself.
 *
 * @param label name of the label's column, or its index from 0; null to find it by its name
 * @param header whether the first line names the columns; null to find out from the lines
 */
public record TableFormat(String label, Boolean header) {
    /** Nothing is said: all is found out, or refused. */
    public static final TableFormat UNKNOWN = new TableFormat(null, null);

    /** This format for another label; null to find it. */
    public TableFormat withLabel(String newLabel) {
        return new TableFormat(newLabel, header);
    }
}
