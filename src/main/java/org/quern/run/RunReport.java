package org.quern.run;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.quern.data.Splits;
import org.quern.io.Json;
import org.quern.train.EpochResult;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;

/** What {@code run.json} says: settings, epochs, the test's result and where the time went. */
public final class RunReport {
    private final Map<String, Object> report = new LinkedHashMap<>();

    /** Begins a report: the backend's name, one line on the data, and the epochs asked for. */
    public RunReport(Trainer trainer, String backend, String data, int epochs) {
        with("quern", 1)
                .with("backend", backend)
                .with("device", trainer.executor().device())
                .with("java", System.getProperty("java.version"))
                .with("data", data)
                .with("parameters", trainer.config().model().parameters());
        report.putAll(trainer.config().texts());
        with("seed", trainer.config().seed())
                .with("batch", trainer.config().batch())
                .with("epochsAsked", epochs);
    }

    /** The same with one thing more, or another. */
    public RunReport with(String name, Object value) {
        report.put(name, value);
        return this;
    }

    public RunReport parts(Splits parts) {
        return with("trainingRows", parts.train().rows())
                .with("validationRows", parts.validation() == null ? 0 : parts.validation().rows())
                .with("testRows", parts.test().rows());
    }

    public RunReport epochs(List<EpochResult> epochs) {
        return with("epochs", epochs);
    }

    /** Why the run ended, and its best epoch. */
    public RunReport end(History history) {
        return with("end", history.end().name().toLowerCase(Locale.ROOT))
                .with("bestEpoch", history.bestEpoch())
                .epochs(history.epochs());
    }

    /** The result on the test rows. */
    public RunReport test(Evaluation evaluation) {
        Map<String, Object> test = new LinkedHashMap<>();
        test.put("rows", evaluation.rows());
        test.put("loss", evaluation.loss());
        if (evaluation.measure().isBinary()) {
            test.put("accuracy", evaluation.accuracy());
        } else if (evaluation.confusion() == null) {
            test.put("r2", evaluation.accuracy());
            test.put("meanAbsoluteError", evaluation.meanAbsoluteError());
        } else {
            test.put("accuracy", evaluation.accuracy());
            test.put("classes", evaluation.confusion().classes());
            test.put("wrongPerClass", evaluation.confusion().wrongPerClass());
            test.put("confusion", evaluation.confusion().counts());
        }
        return with("test", test);
    }

    public Map<String, Object> values() {
        return Collections.unmodifiableMap(report);
    }

    public String json() {
        return Json.indented(report);
    }
}
