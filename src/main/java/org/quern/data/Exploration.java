package org.quern.data;

import java.util.stream.IntStream;
import org.quern.QuernException;
import org.quern.random.Permutation;
import org.quern.random.Streams;

/**
 * What one looks at before training.
 *
 * @param splits the data
 * @param train numbers of the training rows
 * @param test numbers of the test rows; null without
 * @param examples training rows drawn at random, in the order drawn
 * @param repeated training rows that equal an earlier training row
 * @param leaked test rows that equal a training row; null without test rows
 */
public record Exploration(
        Splits splits,
        Statistics train,
        Statistics test,
        int[] examples,
        int repeated,
        Duplicates leaked) {
    private static final int EXAMPLES = 25;
    private static final int MANY_CLASSES = 30;
    private static final int ROWS_OF_A_CLASS = 10;

    /**
     * Looks at data.
     *
     * @param seed of the examples
     */
    public static Exploration of(Splits splits, long seed) {
        Dataset train = splits.train();
        int[] examples =
                IntStream.range(0, Math.min(EXAMPLES, train.rows()))
                        .map(i -> Permutation.apply(train.rows(), seed, Streams.examples(0), 0, i))
                        .toArray();
        long repeated =
                Duplicates.of(train, train).pairs().stream()
                        .filter(pair -> pair.first() != pair.second())
                        .count();
        Dataset test = splits.test();
        return new Exploration(
                splits,
                Statistics.of(train),
                test == null ? null : Statistics.of(test),
                examples,
                Math.toIntExact(repeated),
                test == null ? null : Duplicates.of(train, test));
    }

    /**
     * The labels of the training rows as values, where they are rather numbers than classes: more
     * than 30 different ones, of fewer than ten rows each on average.
     *
     * @return null where they are classes, or there are none
     */
    public Statistics numbers() {
        Dataset train = splits.train();
        if (!isManyClasses(train)) {
            return null;
        }
        try {
            float[] numbers = train.withLabelsAsTargets().targets();
            return Statistics.of(Dataset.ofValues("labels", new int[] {1}, numbers));
        } catch (QuernException e) {
            return null; // names
        }
    }

    /**
     * Whether there are more than 30 classes, of fewer than ten rows each on average, or more than
     * 10, of fewer than two.
     */
    public static boolean isManyClasses(Dataset set) {
        long classes = set.classes().size();
        return classes > MANY_CLASSES && classes * ROWS_OF_A_CLASS > set.rows()
                || classes > ROWS_OF_A_CLASS && classes * 2 > set.rows();
    }

    /** The training rows of a class. */
    public int[] rowsOf(int label) {
        int[] labels = splits.train().labels();
        return IntStream.range(0, labels.length).filter(row -> labels[row] == label).toArray();
    }

    /** The name of an example's class; empty without labels. */
    public String label(int row) {
        Dataset train = splits.train();
        return train.hasLabels() ? train.classes().get(train.labels()[row]) : "";
    }
}
