package org.quern.data;

/**
 * What a source of data holds.
 *
 * @param train rows to train on
 * @param test rows to measure on, never trained on; null if the source has none. Its classes are
 *     numbered as those of the training rows, whatever the source does; classes that these lack
 *     follow behind
 * @param description one line on what it is and where it is from
 * @param label of a table, the label's column, as {@link TableFormat#label} takes it; null for none
 * @param reading of a table, how it was taken: whether it has a header, which column is the label;
 *     empty where there is nothing to tell
 */
public record Splits(
        Dataset train, Dataset test, String description, String label, String reading) {

    /** Numbers the classes of the test rows as those of the training rows. */
    public Splits {
        if (test != null && train.hasLabels()) {
            test = test.inClassesOf(train.classes());
        }
    }

    /** Data that is no table. */
    public Splits(Dataset train, Dataset test, String description) {
        this(train, test, description, null, "");
    }

    /**
     * The same with labels as numbers to predict, where there are labels.
     *
     * @throws org.quern.QuernException if a label is not a finite number
     */
    public Splits withLabelsAsTargets() {
        return new Splits(
                numbers(train), test == null ? null : numbers(test), description, label, reading);
    }

    private static Dataset numbers(Dataset set) {
        return set.hasLabels() ? set.withLabelsAsTargets() : set;
    }
}
