package org.quern.data;

import static org.quern.QuernException.usage;

import java.util.stream.IntStream;
import org.quern.random.Permutation;
import org.quern.random.Streams;

/**
 * Carves rows out of a data set, the same ones every time. Rows are drawn by a permutation keyed by
 * the seed, not taken from one end, so a file sorted by class splits evenly.
 *
 * @param rest the rows that stay
 * @param part the rows carved out
 */
public record Split(Dataset rest, Dataset part) {

    /**
     * Carves a fraction of the rows out.
     *
     * @param fraction of all rows, above 0 and below 1; both parts get at least one row
     * @param name what the part is called, for instance "validation"
     */
    public static Split carve(Dataset set, double fraction, long seed, String name) {
        if (!(fraction > 0 && fraction < 1)) {
            throw usage("%s %s: give a fraction above 0 and below 1", name, fraction);
        }
        if (set.rows() < 2) {
            throw usage("%s has one row, which cannot be split", set.name());
        }
        int rows = set.rows();
        int carved = (int) Math.max(1, Math.min(rows - 1L, Math.round(rows * fraction)));
        Dataset part = drawn(set, 0, carved, seed).named(set.name() + " " + name);
        return new Split(drawn(set, carved, rows, seed), part);
    }

    /** At most so many rows, at least 1, drawn at random, in their old order. */
    public static Dataset limit(Dataset set, int rows, long seed) {
        if (rows < 1) {
            throw usage("limit %d: give at least 1 row", rows);
        }
        return rows < set.rows() ? drawn(set, 0, rows, seed) : set;
    }

    /** The rows at places [from, to) of the seed's permutation, in their old order. */
    private static Dataset drawn(Dataset set, int from, int to, long seed) {
        int rows = set.rows();
        return set.select(
                IntStream.range(from, to)
                        .map(i -> Permutation.apply(rows, seed, Streams.split(0), 0, i))
                        .sorted()
                        .toArray());
    }
}
