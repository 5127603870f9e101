package org.quern.data;

/**
 * What a source of data holds.
 *
 * @param train rows to train on
 * @param test rows to measure on, never trained on; null if the source has none
 * @param description one line on what it is and where it is from
 */
public record Splits(Dataset train, Dataset test, String description) {}
