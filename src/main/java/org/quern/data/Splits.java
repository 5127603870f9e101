package org.quern.data;

import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * What a source of data holds, or what a run takes of it.
 *
 * @param train rows to train on
 * @param validation rows to measure on after each epoch; null for none. Its classes and those of
 *     the test rows are numbered as those of the training rows, whatever the source does; classes
 *     that these lack follow behind
 * @param test rows to measure on at the end, never trained on; null if a source has none
 * @param description one line on what it is and where it is from
 * @param label of a table, the label's column, as {@link TableFormat#label} takes it; null for none
 * @param reading how it was taken: what was guessed, and what was not read; of a table whether it
 *     has a header, and which column is the label; empty where there is nothing to tell
 * @param columns of a run on a table, what is known of its columns: train and validation are
 *     {@linkplain Columns#standardized standardized} by them, test is {@linkplain Columns#encoded
 *     encoded}; null where rows are as they were read
 */
public record Splits(
        Dataset train,
        Dataset validation,
        Dataset test,
        String description,
        String label,
        String reading,
        Columns columns)
        implements Serializable {

    /** Numbers the classes of the other rows as those of the training rows. */
    public Splits {
        given(train, "training rows");
        if (validation != null && train.hasLabels()) {
            validation = validation.inClassesOf(train.classes());
        }
        if (test != null && train.hasLabels()) {
            test = test.inClassesOf(train.classes());
        }
    }

    /** Rows of which none are set aside yet. */
    public static Splits of(Dataset rows) {
        return new Splits(rows, null, given(rows, "rows").name());
    }

    /** Data that is no table, or rows of a program's. */
    public Splits(Dataset train, Dataset test, String description) {
        this(
                train,
                null,
                test,
                description,
                label(given(train, "training rows").header()),
                "",
                null);
    }

    /** Data that is no table, and how it was read. */
    Splits(
            Dataset train,
            Dataset validation,
            Dataset test,
            String description,
            List<String> reading) {
        this(train, validation, test, description, null, String.join("; ", reading), null);
    }

    private static String label(Header header) {
        String names = header == null ? "" : header.targetNames();
        return names.isEmpty() ? null : names;
    }

    private Splits with(Dataset newTrain, Dataset newValidation, Dataset newTest) {
        return new Splits(newTrain, newValidation, newTest, description, label, reading, columns);
    }

    /** Rows of a table as a run takes them: see {@link #columns}; says how test rows differ. */
    public Splits in(Columns fitted) {
        List<String> notes = new ArrayList<>();
        Splits encoded =
                new Splits(
                        given(fitted, "columns").standardized(train),
                        validation == null ? null : fitted.standardized(validation),
                        test == null ? null : fitted.encoded(test, notes),
                        description,
                        label,
                        reading,
                        fitted);
        return notes.isEmpty() ? encoded : encoded.saying("test rows: " + String.join("; ", notes));
    }

    /**
     * The same with labels as numbers to predict, where there are labels.
     *
     * @throws org.quern.QuernException if a label is not a finite number
     */
    public Splits withLabelsAsTargets() {
        return each(set -> set.hasLabels() ? set.withLabelsAsTargets() : set);
    }

    /**
     * The same images turned: rows of pixels become columns.
     *
     * @throws org.quern.QuernException if rows are no images
     */
    public Splits transposed() {
        return each(Dataset::transposed).saying("images transposed");
    }

    private Splits each(UnaryOperator<Dataset> change) {
        return with(
                change.apply(train),
                validation == null ? null : change.apply(validation),
                test == null ? null : change.apply(test));
    }

    /** The same with one thing more to say of how it was read. */
    Splits saying(String how) {
        String all = reading.isEmpty() ? how : reading + "; " + how;
        return new Splits(train, validation, test, description, label, all, columns);
    }

    /** The same with rows of floats that are no images as tables, whose columns have no names. */
    public Splits withTables() {
        return each(Dataset::asTable);
    }

    /**
     * The same with rows to test on, carved out of those to train on where the source has none.
     *
     * @throws org.quern.QuernException if a test or validation row has a class that no training row
     *     has
     */
    public Splits withTest(double fraction, Splitter splitter) {
        requireAlike(validation);
        requireAlike(test);
        if (test != null) {
            return this;
        }
        Splitter.Split tested = given(splitter, "splitter").carve(train, fraction, "test");
        return with(tested.rest(), validation, tested.part());
    }

    /** Of the training rows, one of several folds to test on, and the others to train on. */
    public Splits withFold(int number, int folds, Splitter splitter) {
        requireAlike(validation);
        Splitter.Split tested = given(splitter, "splitter").fold(train, number, folds);
        return with(tested.rest(), validation, tested.part());
    }

    /** The same with at most so many rows to train on. */
    public Splits limited(int rows, Splitter splitter) {
        return with(given(splitter, "splitter").limit(train, rows), validation, test);
    }

    /** The same with a fraction of the training rows to validate on, where there are none yet. */
    public Splits withValidation(double fraction, Splitter splitter) {
        if (validation != null) {
            return this;
        }
        Splitter.Split validated = given(splitter, "splitter").carve(train, fraction, "validation");
        return with(validated.rest(), validated.part(), test);
    }

    /** So many of the training rows, to train and to test on: to be learned by heart. */
    public Splits byHeart(int rows, Splitter splitter) {
        Dataset few = given(splitter, "splitter").limit(train, rows);
        return with(few, null, few);
    }

    private void requireAlike(Dataset set) {
        if (set == null) {
            return;
        }
        int values = train.features();
        int others = set.features();
        String text = "%s has %d values a row, but %s has %d: they do not belong together";
        require(values == others, text, train.name(), values, set.name(), others);
        if (set.hasLabels()) {
            IntStream seen = IntStream.of(train.labels()).distinct().sorted();
            set.inClassesKnownTo("training", seen.mapToObj(train.classes()::get).toList());
        }
    }

    /** A line for what it is, and one for each part. */
    @Override
    public String toString() {
        String text = description + "\ntrain       " + train;
        text += validation == null ? "" : "\nvalidation  " + validation;
        return text + (test == null ? "" : "\ntest        " + test);
    }
}
