package org.quern.report.page;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.quern.data.Dataset;
import org.quern.data.Exploration;
import org.quern.data.Pictures;
import org.quern.data.Statistics;
import org.quern.report.DataText;

/** What data looks like, as a page and as pictures. */
public final class ExplorePage {
    private static final int COLUMNS = 5;

    private final Exploration exploration;
    private final Pictures pictures;
    private final List<String> classes;
    private final Map<String, byte[]> files = new LinkedHashMap<>();
    private final Map<String, Object> data = new LinkedHashMap<>();

    public ExplorePage(Exploration exploration) {
        this.exploration = exploration;
        Dataset train = exploration.splits().train();
        pictures = Pictures.of(train);
        classes = exploration.numbers() == null ? train.classes() : List.of();
    }

    /**
     * The files by name: {@code explore.html}, and where there is something to show, {@code
     * classes.svg} (rows of each class), {@code examples.svg} and {@code averages.svg} (the mean
     * image of each class), the last two also as PNG without the labels.
     */
    public Map<String, byte[]> files() {
        data.put("title", exploration.splits().description());
        List<Part> parts = new ArrayList<>();
        parts.add(part("training", exploration.splits().train(), exploration.train()));
        if (exploration.test() != null) {
            parts.add(part("test", exploration.splits().test(), exploration.test()));
        }
        data.put("splits", parts);
        data.put("columns", DataText.columnByColumn(exploration.splits().train()));
        data.put("duplicates", DataText.duplicates(exploration));
        data.put("numbers", DataText.numbers(exploration));
        if (!classes.isEmpty()) {
            data.put("bars", bars());
            files.put("classes.svg", utf8(bars()));
        }
        if (pictures != null) {
            data.put("shrunk", Page.shrunk(pictures));
            List<Integer> rows = IntStream.of(exploration.examples()).boxed().toList();
            List<byte[]> examples = rows.stream().map(pictures::pixels).toList();
            List<String> labels = rows.stream().map(exploration.splits().train()::label).toList();
            add("examples", "Examples", examples, labels);
            if (!classes.isEmpty()) {
                IntStream indices = IntStream.range(0, classes.size());
                List<byte[]> means =
                        indices.mapToObj(c -> pictures.mean(exploration.rowsOf(c))).toList();
                add("averages", "The mean image of each class", means, classes);
            }
        }
        files.put("explore.html", utf8(Page.html("Data", data, false, "explore.js")));
        return files;
    }

    private void add(String name, String title, List<byte[]> images, List<String> labels) {
        List<String> addresses =
                images.stream().map(image -> Page.address(pictures, image)).toList();
        // in the same order in each process, as Map.of is not
        data.put(name, new TreeMap<>(Map.of("images", addresses, "labels", labels)));
        files.put(name + ".svg", utf8(Svg.images(title, addresses, labels, COLUMNS)));
        files.put(name + ".png", Pictures.png(pictures.sheet(images, COLUMNS, 1)));
    }

    private String bars() {
        Map<String, double[]> counts = new LinkedHashMap<>();
        counts.put("training", counts(exploration.train()));
        if (exploration.test() != null) {
            counts.put("test", counts(exploration.test()));
        }
        return Svg.bars("Rows of each class", classes, counts, "%,.0f");
    }

    private double[] counts(Statistics numbers) {
        double[] counts = IntStream.of(numbers.perClass()).asDoubleStream().toArray();
        return Arrays.copyOf(counts, classes.size());
    }

    private record Part(String name, String shape, int classes, String range, Statistics numbers) {}

    private Part part(String name, Dataset set, Statistics numbers) {
        int count = classes.isEmpty() ? 0 : set.classes().size();
        String shape = DataText.shape(set.shape());
        return new Part(name, shape, count, DataText.range(numbers), numbers);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
