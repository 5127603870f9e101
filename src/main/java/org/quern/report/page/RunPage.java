package org.quern.report.page;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.model.Model;
import org.quern.model.Summary;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.plan.Slice;
import org.quern.run.RunReport;
import org.quern.train.Calibration;
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

    private final Map<String, Object> data = new LinkedHashMap<>();
    private final Model model;

    /** A page of what {@code run.json} says, as anything that JSON can say. */
    public RunPage(String title, Object run, Model model, Loss loss) {
        this.model = model;
        data.put("title", title);
        data.put("run", run);
        data.put("classifies", loss.takesLogits());
        data.put("layers", Summary.rows(model));
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
            test.put("gallery", gallery(evaluation, rows));
        }
        data.put("test", test);
        return this;
    }

    private record Shown(
            int row, String actual, String predicted, float confidence, String image) {}

    private static List<Shown> gallery(Evaluation evaluation, Dataset rows) {
        List<String> classes = evaluation.confusion().classes();
        Pictures pictures = Pictures.of(rows);
        List<Shown> gallery = new ArrayList<>();
        for (Evaluation.Mistake mistake : evaluation.mistakes().stream().limit(GALLERY).toList()) {
            int row = mistake.row();
            String actual = classes.get(mistake.actual());
            String predicted = classes.get(mistake.predicted());
            String image = pictures == null ? null : Page.address(pictures, pictures.pixels(row));
            gallery.add(new Shown(row, actual, predicted, mistake.confidence(), image));
        }
        return gallery;
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
        for (int unit = 0; unit < Math.min(UNITS, weights.columns()); unit++) {
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
