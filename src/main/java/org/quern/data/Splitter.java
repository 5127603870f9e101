package org.quern.data;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.stream.IntStream;
import org.quern.random.Permutation;
import org.quern.random.Streams;

/**
 * Draws rows out of data sets, the same ones every time, by a permutation keyed by the seed: not
 * from one end, so that a file sorted by class splits evenly. They stay in their old order.
 *
 * @param seed which rows
 * @param stratified whether each class has its share of the rows that are drawn, where rows have
 *     classes: to the row, by largest remainders
 */
public record Splitter(long seed, boolean stratified) {

    /**
     * Two parts of a data set.
     *
     * @param rest the rows that stay
     * @param part the rows carved out
     */
    public record Split(Dataset rest, Dataset part) {
        private Split(Dataset set, boolean[] drawn, String name) {
            this(select(set, drawn, false), select(set, drawn, true).named(set.name() + name));
        }
    }

    /**
     * Carves a fraction of the rows out. Of a class of two rows or more, both parts have some where
     * they are large enough; a single row of a class stays.
     *
     * @param fraction of all rows, above 0 and below 1; both parts get at least one row
     * @param name what the part is called, for instance "validation"
     */
    public Split carve(Dataset set, double fraction, String name) {
        String text = "%s %s: give a fraction above 0 and below 1";
        expect(fraction > 0 && fraction < 1, text, name, fraction);
        int rows = given(set, "rows").rows();
        expect(rows > 1, "%s has one row, which cannot be split", set.name());
        int carved = (int) Math.max(1, Math.min(rows - 1L, Math.round(rows * fraction)));
        return new Split(set, drawn(set, carved, 1), " " + name);
    }

    /**
     * Carves out one of several parts of the same size, or one row more, which together are all
     * rows. A class has as many rows in each, or one more, as in scikit-learn's StratifiedKFold.
     *
     * @param number of the part, from 1
     * @param folds how many there are, at least 2
     */
    public Split fold(Dataset set, int number, int folds) {
        int rows = given(set, "rows").rows();
        if (folds < 2 || folds > rows) {
            String text = "folds %d: %s has %,d rows: give at least 2 folds, at most one a row";
            throw usage(text, folds, set.name(), rows);
        }
        expect(number > 0 && number <= folds, "fold %d of %d", number, folds);
        // dealt out like cards, class by class
        int[] labels = strata(set);
        int[] next = counts(labels);
        for (int c = 0, before = 0; c < next.length; c++) {
            int own = next[c];
            next[c] = before;
            before += own;
        }
        boolean[] part = new boolean[rows];
        for (int place = 0; place < rows; place++) {
            int row = row(place, rows);
            part[row] = next[labels[row]]++ % folds == number - 1;
        }
        return new Split(set, part, " fold " + number);
    }

    /**
     * At most so many rows, at least 1. Each class has some, where there are enough; but of pixels
     * any rows are drawn, as ever, so that runs on images are still what they were.
     */
    public Dataset limit(Dataset set, int rows) {
        expect(rows > 0, "limit %d: give at least 1 row", rows);
        if (rows >= given(set, "rows").rows()) {
            return set;
        }
        Splitter by = set.isPixels() ? new Splitter(seed, false) : this;
        return select(set, by.drawn(set, rows, 0), true);
    }

    /** Marks rows, each class's first ones of the permutation, until it has its share. */
    private boolean[] drawn(Dataset set, int count, int kept) {
        int[] labels = strata(set);
        int[] left = shares(counts(labels), count, kept);
        boolean[] drawn = new boolean[set.rows()];
        for (int place = 0, found = 0; found < count; place++) {
            int row = row(place, drawn.length);
            if (left[labels[row]]-- > 0) {
                drawn[row] = true;
                found++;
            }
        }
        return drawn;
    }

    /**
     * How many of some rows are to be of each class: one at a time goes to the class that lacks
     * most of its exact share, which comes to the method of largest remainders (Hamilton's); but
     * first each class gets one, and last those that have no more than {@code kept} left.
     *
     * @param rows of each class
     */
    static int[] shares(int[] rows, int count, int kept) {
        long all = IntStream.of(rows).asLongStream().sum();
        int[] share = new int[rows.length];
        Comparator<Integer> order =
                Comparator.comparingInt(c -> share[c] >= rows[c] - kept ? 2 : share[c] > 0 ? 1 : 0);
        Comparator<Integer> least =
                Comparator.comparingLong(c -> share[c] * all - (long) rows[c] * count);
        PriorityQueue<Integer> classes =
                new PriorityQueue<>(order.thenComparing(least).thenComparing(c -> c));
        IntStream.range(0, rows.length).filter(c -> rows[c] > 0).forEach(classes::add);
        for (int i = 0; i < count; i++) {
            int c = classes.remove();
            if (++share[c] < rows[c]) {
                classes.add(c);
            }
        }
        return share;
    }

    /** The class of each row; where classes have no say, the same one. */
    private int[] strata(Dataset set) {
        return stratified && set.hasLabels() ? set.labels() : new int[set.rows()];
    }

    private static int[] counts(int[] labels) {
        int[] counts = new int[IntStream.of(labels).max().orElse(0) + 1];
        IntStream.of(labels).forEach(label -> counts[label]++);
        return counts;
    }

    private int row(int place, int rows) {
        return Permutation.apply(rows, seed, Streams.SPLIT.of(0), 0, place);
    }

    private static Dataset select(Dataset set, boolean[] drawn, boolean which) {
        return set.select(
                IntStream.range(0, drawn.length).filter(i -> drawn[i] == which).toArray());
    }
}
