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
        int width = set.features();
        byte[] pixels = set.pixels();
        float[] values = set.values();
        int hash = 1;
        for (int i = row * width; i < (row + 1) * width; i++) {
            hash = 31 * hash + (pixels != null ? pixels[i] : Float.floatToIntBits(values[i]));
        }
        return hash;
    }

    private static boolean equal(Dataset first, int a, Dataset second, int b) {
        int width = first.features();
        int i = a * width;
        int j = b * width;
        return first.isPixels()
                ? Arrays.equals(first.pixels(), i, i + width, second.pixels(), j, j + width)
                : Arrays.equals(first.values(), i, i + width, second.values(), j, j + width);
    }
}
