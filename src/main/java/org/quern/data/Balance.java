package org.quern.data;

import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.util.stream.IntStream;
import org.quern.random.Permutation;
import org.quern.random.Streams;

/** Rows to train on of which each class has as many. */
public final class Balance {
    private Balance() {}

    /**
     * The same rows, those of rarer classes several times over, until each class that has rows has
     * as many as the largest: all of its rows as often as that goes, and once more some that are
     * drawn. A row that is repeated is copied.
     *
     * @param seed decides which are drawn
     * @throws org.quern.QuernException if rows have no classes, or would be too many
     */
    public static Dataset of(Dataset set, long seed) {
        require(given(set, "set").hasLabels(), "%s has no classes to balance", set.name());
        int[] counts = Statistics.perClass(set);
        int most = IntStream.of(counts).max().orElseThrow();
        long rows = IntStream.of(counts).filter(count -> count > 0).count() * most;
        String many = "%s would be %,d rows with its classes balanced, too many to hold";
        require(rows * set.features() < Integer.MAX_VALUE, many, set.name(), rows);
        int[] seen = new int[counts.length];
        int[] repeated = new int[(int) rows];
        int at = 0;
        for (int row = 0; row < set.rows(); row++) {
            int c = set.labels()[row];
            int place = Permutation.apply(counts[c], seed, Streams.BALANCE.of(0), c, seen[c]++);
            int times = most / counts[c] + (place < most % counts[c] ? 1 : 0);
            for (int i = 0; i < times; i++) {
                repeated[at++] = row;
            }
        }
        return set.select(repeated);
    }
}
