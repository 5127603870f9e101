package org.quern.run;

import static org.quern.QuernException.data;
import static org.quern.QuernException.usage;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;

/**
 * Settings of a new run that only its data tells: input is divided by 255 only if it is pixels, and
 * the last layer of a model that nobody asked for is as wide as there are classes.
 */
public final class DataDefaults {
    private DataDefaults() {}

    /**
     * Completes settings.
     *
     * @param given names of the settings that were asked for, which stay
     * @throws org.quern.QuernException if there is only one class, or the model that was asked for
     *     has another number of outputs than the setting {@code outputs} says, or than the data has
     *     classes
     */
    public static RunSettings complete(RunSettings settings, Splits source, Set<String> given) {
        Dataset train = source.train();
        Map<String, String> told = new LinkedHashMap<>();
        if (source.label() != null) { // a name, where the column has one
            told.put("label", source.label());
        }
        if (!given.contains("scale") && !given.contains("recipe") && !train.isImage()) {
            told.put("scale", Float.toString(Scaling.NONE.scale()));
        }
        if (train.hasLabels()) {
            Model model = ModelText.parse(Model.input(1), settings.text("model"));
            int outputs = outputs(settings, train);
            if (model.outputSize() != outputs) {
                if (given.contains("model")) {
                    throw wrongOutputs(settings, model, train, outputs);
                }
                told.put("model", model.withOutputs(outputs).text());
            }
        }
        return settings.with(told);
    }

    private static int outputs(RunSettings settings, Dataset train) {
        int asked = Integer.parseInt(settings.text("outputs"));
        if (!settings.loss().classifies()) {
            if (asked > 1) {
                throw usage("outputs %d: %s predicts one number a row", asked, title(settings));
            }
            return 1;
        }
        if (train.classes().size() < 2) {
            throw data(
                    "%s has rows of one class only, \"%s\": there is nothing to tell apart",
                    train.name(), train.classes().get(0));
        }
        if (asked > 0 && asked < train.classes().size()) {
            throw usage(
                    "outputs %d: %s has %d classes, give at least as many",
                    asked, train.name(), train.classes().size());
        }
        return asked > 0 ? asked : train.classes().size();
    }

    private static String title(RunSettings settings) {
        return settings.loss().title();
    }

    private static RuntimeException wrongOutputs(
            RunSettings settings, Model model, Dataset train, int outputs) {
        boolean asked = !settings.text("outputs").equals("0");
        boolean classes = settings.loss().classifies();
        String but =
                asked
                        ? "--outputs is " + outputs
                        : classes
                                ? "%s has %d classes".formatted(train.name(), outputs)
                                : title(settings) + " predicts one number a row";
        String keep =
                !asked && classes && model.outputSize() > outputs
                        ? ", or keep outputs without a class by --outputs " + model.outputSize()
                        : "";
        return data(
                "model \"%s\" has %d outputs, but %s: make its last layer \"dense %d\"%s",
                model.text(), model.outputSize(), but, outputs, keep);
    }
}
