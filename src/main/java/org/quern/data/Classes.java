package org.quern.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Names of classes. */
public final class Classes {
    private Classes() {}

    /**
     * A name for each output of a model. Outputs beyond the named classes are called "output 3",
     * and never like a class; where no class is named, outputs are called by their index.
     *
     * @param classes names of the first outputs; may be empty
     */
    public static List<String> ofOutputs(List<String> classes, int outputs) {
        List<String> names = new ArrayList<>(classes);
        for (int output = names.size(); output < outputs; output++) {
            String name = classes.isEmpty() ? Integer.toString(output) : "output " + output;
            while (classes.contains(name)) {
                name += "'";
            }
            names.add(name);
        }
        return names;
    }

    /** Where each class is among others: by its name, else by its number if one alone has that. */
    static int[] numbers(List<String> classes, List<String> others) {
        Map<String, Integer> byName = new HashMap<>();
        Map<String, Integer> byNumber = new HashMap<>();
        for (int other = 0; other < others.size(); other++) {
            byName.put(others.get(other), other);
            byNumber.merge(Decimal.canonical(others.get(other)), other, (one, more) -> -1);
        }
        return classes.stream()
                .map(name -> byName.getOrDefault(name, byNumber.get(Decimal.canonical(name))))
                .mapToInt(number -> number == null ? -1 : number)
                .toArray();
    }

    /** The rows with a class for each different number, in their order. */
    static Dataset label(Dataset set, long[] numbers) {
        long[] sorted = numbers.clone();
        Arrays.sort(sorted);
        long[] values =
                IntStream.range(0, sorted.length)
                        .filter(i -> i == 0 || sorted[i] != sorted[i - 1])
                        .mapToLong(i -> sorted[i])
                        .toArray();
        int[] labels = new int[numbers.length];
        for (int row = 0; row < labels.length; row++) {
            labels[row] = Arrays.binarySearch(values, numbers[row]);
        }
        return set.withLabels(labels, LongStream.of(values).mapToObj(Long::toString).toList());
    }

    /**
     * The rows with a class for each different label, in order: of their values if all are numbers,
     * else of the text. Where all are numbers, "1", "01" and "1.0" are one class.
     */
    static Dataset label(Dataset set, List<String> labels) {
        boolean numbers = labels.stream().allMatch(Decimal::isNumber);
        Comparator<String> order = Comparator.naturalOrder();
        if (numbers) {
            order = Comparator.comparingDouble(Decimal::parse).thenComparing(order);
        }
        Map<String, String> names = new HashMap<>();
        for (String label : labels) {
            names.computeIfAbsent(label, text -> numbers ? Decimal.canonical(text) : text);
        }
        List<String> classes = names.values().stream().distinct().sorted(order).toList();
        Map<String, Integer> index = new HashMap<>();
        classes.forEach(name -> index.put(name, index.size()));
        IntStream indices = labels.stream().mapToInt(label -> index.get(names.get(label)));
        return set.withLabels(indices.toArray(), classes);
    }
}
