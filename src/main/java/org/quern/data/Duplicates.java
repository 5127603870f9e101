package org.quern.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Rows of one data set that are in another too, value for value: a test row that was trained on
 * measures memory, not skill.
 *
 * @param pairs each row of the second set that the first has, with the first such row of the first
 */
public record Duplicates(List<Pair> pairs) {

    /**
     * Two equal rows.
     *
     * @param first its index in the first set
     * @param second its index in the second set
     * @param sameLabel whether both have the same label; true without labels
     */
    public record Pair(int first, int second, boolean sameLabel) {}

    /** Looks for rows of {@code second} in {@code first}; none if the rows are of another kind. */
    public static Duplicates of(Dataset first, Dataset second) {
        if (first.features() != second.features() || first.isPixels() != second.isPixels()) {
            return new Duplicates(List.of());
        }
        Map<Integer, List<Integer>> byHash = new HashMap<>();
        for (int row = 0; row < first.rows(); row++) {
            byHash.computeIfAbsent(hash(first, row), h -> new ArrayList<>(1)).add(row);
        }
        List<Pair> pairs = new ArrayList<>();
        for (int row = 0; row < second.rows(); row++) {
            for (int candidate : byHash.getOrDefault(hash(second, row), List.of())) {
                if (equal(first, candidate, second, row)) {
                    pairs.add(new Pair(candidate, row, sameLabel(first, candidate, second, row)));
                    break;
                }
            }
        }
        return new Duplicates(List.copyOf(pairs));
    }

    private static boolean sameLabel(Dataset first, int a, Dataset second, int b) {
        return !first.hasLabels()
                || !second.hasLabels()
                || first.classes()
                        .get(first.labels()[a])
                        .equals(second.classes().get(second.labels()[b]));
    }

    private static int hash(Dataset set, int row) {
        return set.isPixels()
                ? Arrays.hashCode(pixels(set, row))
                : Arrays.hashCode(values(set, row));
    }

    private static boolean equal(Dataset first, int a, Dataset second, int b) {
        return first.isPixels()
                ? Arrays.equals(pixels(first, a), pixels(second, b))
                : Arrays.equals(values(first, a), values(second, b));
    }

    private static byte[] pixels(Dataset set, int row) {
        int width = set.features();
        return Arrays.copyOfRange(set.pixels(), row * width, (row + 1) * width);
    }

    private static float[] values(Dataset set, int row) {
        int width = set.features();
        return Arrays.copyOfRange(set.values(), row * width, (row + 1) * width);
    }
}
