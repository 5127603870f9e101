package org.quern.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Names of classes.
 *
 * @hidden
 */
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
        Map<String, Integer> places = places(others);
        return classes.stream()
                .map(name -> places.getOrDefault(name, places.get(Decimal.canonical(name))))
                .mapToInt(number -> number == null ? -1 : number)
                .toArray();
    }

    /** The place of each name, by itself and by its number if one alone has that. */
    static Map<String, Integer> places(List<String> names) {
        Map<String, Integer> places = new HashMap<>();
        for (int i = 0; i < names.size(); i++) {
            places.merge(Decimal.canonical(names.get(i)), i, (one, more) -> -1);
        }
        places.values().removeIf(place -> place < 0);
        for (int i = 0; i < names.size(); i++) {
            places.put(names.get(i), i);
        }
        return places;
    }

    /** The rows with the classes that {@link #label(Dataset, int[], List)} makes of labels. */
    static Dataset label(Dataset set, List<String> labels) {
        Map<String, Integer> index = new LinkedHashMap<>();
        int[] indices =
                labels.stream()
                        .mapToInt(label -> index.computeIfAbsent(label, text -> index.size()))
                        .toArray();
        return label(set, indices, List.copyOf(index.keySet()));
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
     * else of the text. Where all are numbers, "1" and "1.0" are one class, and the code "01" is
     * another.
     *
     * @param labels the label of each row, as its index among the texts
     */
    static Dataset label(Dataset set, int[] labels, List<String> texts) {
        boolean numbers = texts.stream().allMatch(Decimal::isNumber);
        Comparator<String> order = Comparator.naturalOrder();
        if (numbers) {
            order = Comparator.<String>comparingDouble(Decimal::parse).thenComparing(order);
        }
        List<String> names = numbers ? texts.stream().map(Decimal::spelling).toList() : texts;
        List<String> classes = names.stream().distinct().sorted(order).toList();
        Map<String, Integer> index = new HashMap<>();
        classes.forEach(name -> index.put(name, index.size()));
        int[] classOf = names.stream().mapToInt(index::get).toArray();
        return set.withLabels(IntStream.of(labels).map(label -> classOf[label]).toArray(), classes);
    }
}
