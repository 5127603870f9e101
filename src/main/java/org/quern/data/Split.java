package org.quern.data;

import static org.quern.QuernException.usage;

import java.util.Arrays;
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
        int carved =
                (int) Math.max(1, Math.min(set.rows() - 1L, Math.round(set.rows() * fraction)));
        int[] order = order(set.rows(), seed);
        int[] part = Arrays.copyOf(order, carved);
        int[] rest = Arrays.copyOfRange(order, carved, order.length);
        Arrays.sort(part);
        Arrays.sort(rest);
        return new Split(set.select(rest), set.select(part).named(set.name() + " " + name));
    }

    /**
     * At most {@code rows} rows of a data set, drawn at random, in their old order.
     *
     * @param rows at least 1
     */
    public static Dataset limit(Dataset set, int rows, long seed) {
        if (rows < 1) {
            throw usage("limit %d: give at least 1 row", rows);
        }
        if (rows >= set.rows()) {
            return set;
        }
        int[] kept = Arrays.copyOf(order(set.rows(), seed), rows);
        Arrays.sort(kept);
        return set.select(kept);
    }

    private static int[] order(int rows, long seed) {
        int[] order = new int[rows];
        Arrays.setAll(order, i -> Permutation.apply(rows, seed, Streams.SPLIT.of(0), 0, i));
        return order;
    }
}
