package org.quern.run;

import static org.quern.QuernException.data;

import com.google.gson.Gson;
import java.util.LinkedHashMap;
import java.util.Map;
import org.quern.QuernException;
import org.quern.data.Distortion;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.train.EarlyStopping;
import org.quern.train.Schedule;
import org.quern.train.TrainingConfig;

/**
 * A {@link TrainingConfig} as text, for run folders: written exactly and read back to an equal one.
 */
public final class ConfigText {
    private ConfigText() {}

    /** The configuration as names and values, in a fixed order. */
    public static Map<String, String> write(TrainingConfig config) {
        Map<String, String> text = new LinkedHashMap<>();
        Model model = config.model();
        text.put("model", model.text());
        text.put("input", new Gson().toJson(model.inputShape()));
        text.put("scale", Float.toString(model.scaling().scale()));
        text.put("shift", Float.toString(model.scaling().shift()));
        text.put("loss", config.loss().text());
        text.put("optimizer", config.optimizer().text());
        text.put("learningRate", Double.toString(rate(config.schedule())));
        text.put("schedule", config.schedule().text());
        text.put("batch", Integer.toString(config.batch()));
        text.put("seed", Long.toString(config.seed()));
        EarlyStopping stopping = config.earlyStopping();
        text.put(
                "earlyStopping",
                stopping == null ? "none" : stopping.patience() + " " + stopping.minDelta());
        text.put("distortion", config.distortion().text());
        return text;
    }

    /**
     * Reads a configuration back.
     *
     * @param where the file, for messages
     * @throws org.quern.QuernException if a value is missing or not understood
     */
    public static TrainingConfig read(Map<String, String> text, String where) {
        try {
            int[] shape = new Gson().fromJson(text.get("input"), int[].class);
            Scaling scaling =
                    new Scaling(
                            Float.parseFloat(text.get("scale")),
                            Float.parseFloat(text.get("shift")));
            Model model = ModelText.parse(Model.input(shape).scaled(scaling), text.get("model"));
            return new TrainingConfig(
                    model,
                    Loss.parse(text.get("loss")),
                    Optimizer.parse(text.get("optimizer")),
                    Schedule.parse(
                            text.get("schedule"), Double.parseDouble(text.get("learningRate"))),
                    Integer.parseInt(text.get("batch")),
                    Long.parseLong(text.get("seed")),
                    stopping(text.get("earlyStopping")),
                    Distortion.parse(text.getOrDefault("distortion", "none")));
        } catch (RuntimeException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    "%s: its configuration is damaged (%s)".formatted(where, e.getMessage()),
                    e);
        }
    }

    /**
     * Checks that a run is resumed as what it was.
     *
     * @throws org.quern.QuernException naming the first difference
     */
    public static void requireEqual(
            Map<String, String> saved, Map<String, String> given, String where) {
        for (Map.Entry<String, String> entry : given.entrySet()) {
            String was = saved.get(entry.getKey());
            if (was == null && entry.getKey().equals("distortion")) {
                was = Distortion.NONE.text(); // runs from before there was any
            }
            if (!entry.getValue().equals(was)) {
                throw data(
                        "%s is of a run with %s \"%s\", not \"%s\": resume it as it was, or start a"
                                + " new run",
                        where, entry.getKey(), was, entry.getValue());
            }
        }
    }

    private static EarlyStopping stopping(String text) {
        if (text.equals("none")) {
            return null;
        }
        String[] words = text.split(" ");
        return new EarlyStopping(Integer.parseInt(words[0]), Double.parseDouble(words[1]));
    }

    private static double rate(Schedule schedule) {
        if (schedule instanceof Schedule.Constant s) {
            return s.rate();
        } else if (schedule instanceof Schedule.Step s) {
            return s.rate();
        } else if (schedule instanceof Schedule.Cosine s) {
            return s.rate();
        }
        return rate(((Schedule.Warmup) schedule).then());
    }
}
