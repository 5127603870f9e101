package org.quern.report.page;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.io.Json;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.report.RunWords;
import org.quern.run.RunReport;
import org.quern.train.Calibration;
import org.quern.train.EpochResult;
import org.quern.train.Evaluation;

/**
 * The page of a run: settings, curves and, once it was tested, what fits of scores, confusion
 * matrix, ROC and precision-recall curves, mistakes, reliability, predictions against their targets
 * and the weights of the first layer.
 */
public final class RunPage {
    /** The state of a run of which nothing has been heard. */
    public static final String WAITING = "waiting for the first steps";

    /** Seven rows of seven mistakes. */
    private static final int GALLERY = 49;

    /** Weights of more units would be many, and say no more. */
    private static final int UNITS = 64;

    /** Pixels of their images in all. */
    private static final int PIXELS = 150_000;

    /** The confusion matrix of more classes would be all that a page has room for. */
    private static final int MATRIX = 300;

    /** Rows that are shown with what the network says of them, evenly spaced. */
    private static final int SAMPLES = 12;

    /** Of a cell of the confusion matrix, rows that are shown. */
    private static final int OF_A_CELL = 8;

    /** Characters of the images of all cells, so that a page stays small. */
    private static final int MOST_OF_CELLS = 700_000;

    private final Map<String, Object> data = new LinkedHashMap<>();
    private final Model model;

    /** A page of what {@code run.json} says, as anything that JSON can say. */
    public RunPage(String title, Object run, Model model, Loss loss) {
        this.model = model;
        data.put("title", title);
        JsonObject json = JsonParser.parseString(Json.forPage(run)).getAsJsonObject();
        data.put("run", json);
        Map<String, String> settings = RunWords.of(json);
        settings.keySet().removeAll(List.of("columns", "model"));
        data.put("settings", settings);
        json.remove("test"); // see test()
        if (json.has("epochs")) {
            json.add(
                    "epochs",
                    new Gson()
                            .toJsonTree(
                                    Page.some(
                                            json.getAsJsonArray("epochs").asList(), Page.EPOCHS)));
        }
        data.put("classifies", loss.takesLogits());
        data.put("layers", model.rows());
    }

    /** Epochs to draw curves of: all, or of many some. */
    public static List<EpochResult> some(List<EpochResult> epochs) {
        return Page.some(epochs, Page.EPOCHS);
    }

    /** Puts a sentence at the top that the reader should know. */
    public RunPage note(String note) {
        data.put("note", note);
        return this;
    }

    /** Makes it the page of a run that goes on and is heard of as events. */
    public RunPage live() {
        data.put("live", true);
        data.put("state", WAITING);
        data.put("points", List.of());
        return this;
    }

    public RunPage test(Evaluation evaluation, Dataset rows) {
        Map<String, Object> test = RunReport.figures(evaluation);
        if (evaluation.confusion() != null && evaluation.confusion().classes().size() > MATRIX) {
            test.put("confusion", List.of());
        }
        if (!evaluation.numbers().isEmpty()) {
            test.put("predictions", Plots.predictions(evaluation, rows.targets()));
        }
        if (evaluation.ranking() != null && !Double.isNaN(evaluation.ranking().rocAuc())) {
            test.put("curves", Plots.curves(evaluation.ranking()));
        }
        if (evaluation.confusion() != null) {
            test.put("wrong", evaluation.mistakes().size());
            Calibration calibration = Calibration.of(evaluation);
            test.put("reliability", calibration.bins());
            test.put("calibrationError", calibration.error());
            test.put("histograms", Plots.histograms(evaluation, rows.labels()));
            new Examples(evaluation, rows).putInto(test);
        }
        data.put("test", test);
        return this;
    }

    /** Rows that are shown: each image is in the page once, whatever shows it. */
    private static final class Examples {
        /** A row and what was made of it: the likeliest classes with their probabilities. */
        private record Example(int actual, int predicted, List<double[]> likeliest, String image) {}

        private final Evaluation evaluation;
        private final Dataset rows;
        private final Pictures pictures;
        private final Map<Integer, Example> examples = new LinkedHashMap<>();
        private int size;

        Examples(Evaluation evaluation, Dataset rows) {
            this.evaluation = evaluation;
            this.rows = rows;
            pictures = Pictures.of(rows);
        }

        private int add(int row) {
            examples.computeIfAbsent(
                    row,
                    index -> {
                        double[] all = Plots.probabilities(evaluation, index);
                        List<double[]> likeliest =
                                IntStream.range(0, all.length)
                                        .boxed()
                                        .sorted(Comparator.comparingDouble(j -> -all[j]))
                                        .limit(3)
                                        .map(j -> new double[] {j, (float) all[j]})
                                        .toList();
                        String image =
                                pictures == null
                                        ? null
                                        : Page.address(pictures, pictures.pixels(index));
                        size += image == null ? 100 : image.length() + 100;
                        int predicted = evaluation.predicted()[index];
                        return new Example(rows.labels()[index], predicted, likeliest, image);
                    });
            return row;
        }

        void putInto(Map<String, Object> test) {
            test.put("shrunk", Page.shrunk(pictures));
            test.put("gallery", mistakes().limit(GALLERY).map(this::add).toList());
            int shown = Math.min(SAMPLES, evaluation.rows());
            IntStream samples =
                    IntStream.range(0, shown)
                            .map(i -> (int) ((long) i * evaluation.rows() / shown));
            test.put("samples", samples.map(this::add).boxed().toList());
            test.put("cells", cells());
            test.put("examples", examples);
        }

        private Stream<Integer> mistakes() {
            return evaluation.mistakes().stream().map(Evaluation.Mistake::row);
        }

        /** Rows by "true,predicted": the surest mistakes, and the first ones that are right. */
        private Map<String, List<Integer>> cells() {
            Map<String, List<Integer>> cells = new LinkedHashMap<>();
            IntStream right =
                    IntStream.range(0, evaluation.rows())
                            .filter(row -> evaluation.predicted()[row] == rows.labels()[row]);
            Stream.concat(mistakes(), right.boxed())
                    .forEach(
                            row -> {
                                String key = rows.labels()[row] + "," + evaluation.predicted()[row];
                                List<Integer> cell =
                                        cells.computeIfAbsent(key, of -> new ArrayList<>());
                                if (cell.size() < OF_A_CELL && size < MOST_OF_CELLS) {
                                    cell.add(add(row));
                                }
                            });
            return cells;
        }
    }

    /**
     * Adds the first layer's weights, if the input is an image.
     *
     * @param parameters in the layout of {@link Plan#parameters()}
     */
    public RunPage weights(float[] parameters) {
        if (model.inputShape().size() != 2) {
            return this;
        }
        Slice weights = Plan.forInference(model).dense().get(0).weights();
        List<String> images = new ArrayList<>();
        int most = Math.min(UNITS, Math.max(1, PIXELS / weights.rows()));
        for (int unit = 0; unit < Math.min(most, weights.columns()); unit++) {
            images.add(Page.address(image(parameters, weights, unit)));
        }
        data.put("weights", new TreeMap<>(Map.of("units", weights.columns(), "images", images)));
        return this;
    }

    /** A unit's weights: blue positive, orange negative, the largest of them in full colour. */
    private byte[] image(float[] parameters, Slice weights, int unit) {
        int from = Math.toIntExact(weights.offset()) + unit;
        float largest = Float.MIN_NORMAL;
        for (int i = 0; i < weights.rows(); i++) {
            largest = Math.max(largest, Math.abs(parameters[from + i * weights.columns()]));
        }
        int[] rgb = new int[weights.rows()];
        for (int i = 0; i < rgb.length; i++) {
            float weight = parameters[from + i * weights.columns()] / largest;
            int pale = Math.round(255 * (1 - Math.abs(weight)));
            int half = Math.round(255 - 127 * Math.abs(weight));
            rgb[i] = weight >= 0 ? pale << 16 | half << 8 | 255 : 255 << 16 | half << 8 | pale;
        }
        return Pictures.png(rgb, model.inputShape().get(1), model.inputShape().get(0));
    }

    public Map<String, Object> data() {
        return data;
    }

    public String html() {
        return Page.html(data.get("title").toString(), data, true, "run.js");
    }
}
