package org.quern.run;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.data.Parts;
import org.quern.io.Json;
import org.quern.train.EpochResult;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/**
 * What {@code run.json} says: the settings, each epoch, the result on the test rows and where the
 * time went.
 */
public final class RunReport {
    private final Map<String, Object> report = new LinkedHashMap<>();

    /**
     * Begins a report.
     *
     * @param backend name of the backend
     * @param data one line on the data
     * @param epochs epochs asked for
     */
    public RunReport(Trainer trainer, String backend, String data, int epochs) {
        TrainingConfig config = trainer.config();
        report.put("quern", 1);
        report.put("backend", backend);
        report.put("device", trainer.executor().device());
        report.put("java", System.getProperty("java.version"));
        report.put("data", data);
        report.put("parameters", config.model().parameters());
        report.putAll(config.texts());
        report.put("seed", config.seed());
        report.put("batch", config.batch());
        report.put("epochsAsked", epochs);
    }

    /** How many rows each part has. */
    public RunReport parts(Parts parts) {
        report.put("trainingRows", parts.train().rows());
        report.put("validationRows", parts.validation() == null ? 0 : parts.validation().rows());
        report.put("testRows", parts.test().rows());
        return this;
    }

    /** That the run went on after so many epochs of earlier calls, whose time is not counted. */
    public RunReport resumedAfter(int epochs) {
        report.put("resumedAfter", epochs);
        return this;
    }

    /** The epochs so far. */
    public RunReport epochs(List<EpochResult> epochs) {
        report.put("epochs", epochs);
        return this;
    }

    /** Why the run ended, and its best epoch. */
    public RunReport end(History history) {
        report.put("end", history.end().name().toLowerCase(java.util.Locale.ROOT));
        report.put("bestEpoch", history.bestEpoch());
        return epochs(history.epochs());
    }

    /** The result on the test rows. */
    public RunReport test(Evaluation evaluation) {
        Map<String, Object> test = new LinkedHashMap<>();
        test.put("rows", evaluation.rows());
        test.put("loss", evaluation.loss());
        if (evaluation.confusion() == null) {
            test.put("r2", evaluation.accuracy());
            test.put("meanAbsoluteError", evaluation.meanAbsoluteError());
        } else {
            test.put("accuracy", evaluation.accuracy());
            test.put("classes", evaluation.confusion().classes());
            test.put("wrongPerClass", evaluation.confusion().wrongPerClass());
            test.put("confusion", evaluation.confusion().counts());
        }
        report.put("test", test);
        return this;
    }

    /** Where the wall time went, in seconds. */
    public RunReport seconds(Map<String, Double> seconds) {
        report.put("seconds", new LinkedHashMap<>(seconds));
        return this;
    }

    /** The same in detail, and from the process's start on. */
    public RunReport timing(Map<String, Object> timing) {
        report.put("timing", new LinkedHashMap<>(timing));
        return this;
    }

    /** What it says so far, by name. */
    public Map<String, Object> values() {
        return Collections.unmodifiableMap(report);
    }

    /** The report as JSON. */
    public String json() {
        return Json.indented(report);
    }
}
