package org.quern.data;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
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
 * @param leaked test rows that equal a training row: who trained on them measures memory, not
 *     skill; null without test rows
 * @hidden
 */
public record Exploration(
        Splits splits,
        Statistics train,
        Statistics test,
        int[] examples,
        int repeated,
        List<Duplicate> leaked) {
    private static final int EXAMPLES = 25;
    private static final int MANY_CLASSES = 30;
    private static final int ROWS_OF_A_CLASS = 10;

    /**
     * Two equal rows.
     *
     * @param first index of the first such row of one set
     * @param second its index in the other set
     * @param sameLabel whether both have the same label; true without labels
     */
    public record Duplicate(int first, int second, boolean sameLabel) {}

    /** Looks at data; {@code seed} draws the examples. */
    public static Exploration of(Splits splits, long seed) {
        Dataset train = splits.train();
        int rows = train.rows();
        int[] examples =
                IntStream.range(0, Math.min(EXAMPLES, rows))
                        .map(i -> Permutation.apply(rows, seed, Streams.EXAMPLES.of(0), 0, i))
                        .toArray();
        List<Duplicate> same = duplicates(train, train);
        int repeated = (int) same.stream().filter(pair -> pair.first != pair.second).count();
        Dataset test = splits.test();
        Statistics tested = test == null ? null : Statistics.of(test);
        List<Duplicate> leaked = test == null ? null : duplicates(train, test);
        return new Exploration(splits, Statistics.of(train), tested, examples, repeated, leaked);
    }

    /** The rows of {@code second} that are in {@code first} too, value for value. */
    static List<Duplicate> duplicates(Dataset first, Dataset second) {
        List<Duplicate> duplicates = new ArrayList<>();
        if (first.features() != second.features() || first.isPixels() != second.isPixels()) {
            return duplicates;
        }
        Map<ByteBuffer, Integer> rows = new HashMap<>();
        for (int row = 0; row < first.rows(); row++) {
            rows.putIfAbsent(bytes(first, row), row);
        }
        boolean labels = first.hasLabels() && second.hasLabels();
        for (int row = 0; row < second.rows(); row++) {
            Integer same = rows.get(bytes(second, row));
            if (same != null) {
                boolean alike = !labels || first.label(same).equals(second.label(row));
                duplicates.add(new Duplicate(same, row, alike));
            }
        }
        return duplicates;
    }

    private static ByteBuffer bytes(Dataset set, int row) {
        int width = set.features();
        if (set.isPixels()) {
            return ByteBuffer.wrap(set.pixels(), row * width, width);
        }
        ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * width);
        bytes.asFloatBuffer().put(set.values(), row * width, width);
        return bytes;
    }

    /** Numbers to predict; of classes, of which there {@link #isManyClasses are many}; or null. */
    public Statistics numbers() {
        Dataset train = splits.train();
        boolean many = isManyClasses(train) && train.classes().stream().allMatch(Decimal::isNumber);
        Dataset numbers = many ? train.withLabelsAsTargets() : train;
        if (numbers.targetWidth() != 1) {
            return null;
        }
        float[] targets = numbers.targetsWithOffsets();
        return Statistics.of(Dataset.ofValues("labels", new int[] {1}, targets));
    }

    /**
     * Whether there are more than 30 classes, of fewer than ten rows each on average, or more than
     * 10, of fewer than two.
     */
    public static boolean isManyClasses(Dataset set) {
        return isMany(set.classes().size(), set.rows());
    }

    /** Whether so many different values in so many rows are hardly names. */
    static boolean isMany(long different, int rows) {
        return different > MANY_CLASSES && different * ROWS_OF_A_CLASS > rows
                || different > ROWS_OF_A_CLASS && different * 2 > rows;
    }

    public int[] rowsOf(int label) {
        int[] labels = splits.train().labels();
        return IntStream.range(0, labels.length).filter(row -> labels[row] == label).toArray();
    }

    /** The parts of the data, and how many rows are there twice. */
    @Override
    public String toString() {
        String twice =
                leaked == null ? "" : ", %d of the test rows trained on".formatted(leaked.size());
        return "%s\n%d training rows twice".formatted(splits, repeated) + twice;
    }
}
