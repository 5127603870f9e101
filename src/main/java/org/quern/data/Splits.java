package org.quern.data;

/**
 * What a source of data holds.
 *
 * @param train rows to train on
 * @param test rows to measure on, never trained on; null if the source has none
 * @param description one line on what it is and where it is from
 */
public record Splits(Dataset train, Dataset test, String description) {

    /**
     * The same with labels as numbers to predict, where there are labels.
     *
     * @throws org.quern.QuernException if a label is not a finite number
     */
    public Splits withLabelsAsTargets() {
        return new Splits(numbers(train), test == null ? null : numbers(test), description);
    }

    private static Dataset numbers(Dataset set) {
        return set.hasLabels() ? set.withLabelsAsTargets() : set;
    }
}
