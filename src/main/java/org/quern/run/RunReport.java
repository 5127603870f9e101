package org.quern.run;

import static org.quern.QuernException.data;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.quern.Version;
import org.quern.data.Splits;
import org.quern.io.Json;
import org.quern.train.ConfusionMatrix;
import org.quern.train.EpochResult;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Labels;
import org.quern.train.Ranking;
import org.quern.train.Trainer;

/** What {@code run.json} says: settings, epochs, the test's result and where the time went. */
public final class RunReport {
    private final Map<String, Object> report = new LinkedHashMap<>();
    private final Curve curve = new Curve();
    private final boolean restores;

    /** Begins a report: the backend's name, one line on the data, and the epochs asked for. */
    public RunReport(Trainer trainer, String backend, String data, int epochs) {
        given(trainer, "trainer").listen(curve);
        restores = trainer.config().earlyStopping() != null;
        with("quern", 1);
        report.putAll(about(backend, trainer.executor().device(), data));
        with("parameters", trainer.config().model().parameters());
        report.putAll(trainer.config().texts());
        with("seed", trainer.config().seed())
                .with("batch", trainer.config().batch())
                .with("epochsAsked", epochs);
    }

    /** Begins the report of a training: with its rows, and the command that it is done by. */
    public static RunReport of(Training training, String backend, String data, String command) {
        RunSettings settings = given(training, "training").settings();
        int epochs = settings.get(Setting.EPOCHS);
        RunReport report = new RunReport(training.trainer(), backend, data, epochs);
        report.parts(training.parts()).with("splitSeed", settings.get(Setting.SPLIT_SEED));
        if (settings.get(Setting.BALANCE)) {
            report.with("balancedRows", training.rows().rows());
        }
        return report.with("command", command);
    }

    /** When, where and on what something is done, and by which build. */
    public static Map<String, Object> about(String backend, String device, String data) {
        Map<String, Object> about = new LinkedHashMap<>();
        about.put("started", OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS).toString());
        about.put("host", host());
        about.put("version", Version.TEXT);
        about.put("backend", backend);
        about.put("device", device);
        about.put("java", System.getProperty("java.version"));
        about.put("data", data);
        return about;
    }

    /** The same with one thing more, or another. */
    public RunReport with(String name, Object value) {
        report.put(name, value);
        return this;
    }

    public RunReport parts(Splits parts) {
        if (given(parts, "parts").columns() != null) {
            with("columns", parts.columns());
        }
        return with("trainingRows", parts.train().rows())
                .with("validationRows", parts.validation() == null ? 0 : parts.validation().rows())
                .with("testRows", parts.test().rows())
                .with("testLabels", parts.test().labelFingerprint());
    }

    /** The finished epochs, and the steps so far. */
    public RunReport epochs(List<EpochResult> epochs) {
        return with("epochs", epochs).with("steps", curve.points());
    }

    /** Steps with NaN where JSON has null. */
    private static JsonElement numbers(JsonElement steps) {
        List<JsonElement> all = steps instanceof JsonArray array ? array.asList() : List.of();
        all.stream()
                .filter(JsonElement::isJsonObject)
                .flatMap(step -> step.getAsJsonObject().entrySet().stream())
                .filter(number -> number.getValue().isJsonNull())
                .forEach(number -> number.setValue(new JsonPrimitive(Double.NaN)));
        return steps;
    }

    /**
     * Goes on with the report of a run that is resumed.
     *
     * @param before what {@code run.json} says of it
     * @param epochs that were finished, behind which it goes on
     * @throws org.quern.QuernException if the steps in it are not what Quern writes
     */
    public RunReport resumed(JsonObject before, int epochs) {
        with("resumed", report.get("started"));
        with("started", given(before, "before").get("started"));
        if (before.get("command") instanceof JsonPrimitive command) {
            String now = "; " + report.get("command");
            boolean again = ("; " + command.getAsString()).endsWith(now);
            with("command", command.getAsString() + (again ? "" : now));
        }
        try {
            JsonElement steps = before.get("steps"); // runs of older versions have none
            Curve.Point[] points = new Gson().fromJson(numbers(steps), Curve.Point[].class);
            if (points != null) {
                boolean whole = Stream.of(points).allMatch(Objects::nonNull);
                require(whole, "the steps in run.json are damaged (one is null)");
                curve.resume(
                        Stream.of(points)
                                .filter(one -> one.steps() > 0 && one.epoch() <= epochs)
                                .toList());
            }
            return this;
        } catch (JsonParseException e) {
            throw data(e, "the steps in run.json are damaged (%s)", Json.why(e));
        }
    }

    /** Loss, accuracy and learning rate within the epochs, as far as they are known. */
    public Curve curve() {
        return curve;
    }

    /** What this machine is called; null where nobody says. */
    static String host() {
        Stream<String> names = Stream.of("HOSTNAME", "COMPUTERNAME").map(System::getenv);
        try {
            // not by InetAddress, which may ask a name server and wait for it
            Path linux = Path.of("/proc/sys/kernel/hostname");
            return Files.exists(linux)
                    ? Files.readString(linux).strip()
                    : names.filter(Objects::nonNull).findFirst().orElse(null);
        } catch (IOException e) {
            return null; // not told
        }
    }

    /** Why the run ended, its best epoch, and which weights are tested. */
    public RunReport end(History history) {
        return with("end", given(history, "history").end().name().toLowerCase(Locale.ROOT))
                .with("bestEpoch", history.bestEpoch())
                .with("tested", tested(history))
                .epochs(history.epochs());
    }

    /**
     * Which weights are tested, once the run has ended: the last, or under early stopping the best.
     */
    public String tested() {
        return (String) report.get("tested");
    }

    private String tested(History history) {
        int last = history.epochs().size();
        int best = history.bestEpoch();
        if (best == 0) {
            return "the weights that it began with";
        }
        boolean validated = history.epochs().get(best - 1).validationLoss() != null;
        String by = validated ? "by validation loss" : "by training loss";
        if (best == last || restores) {
            String which = best == last ? "the last and the best" : "the best";
            return "the weights of epoch %d, %s %s".formatted(best, which, by);
        }
        String text = "the weights of epoch %d, the last; %s, epoch %d is the best";
        return text.formatted(last, by, best);
    }

    /** The result on the test rows. */
    public RunReport test(Evaluation evaluation) {
        return with("test", figures(evaluation));
    }

    /** All figures of an evaluation by name, as {@code run.json} and the run's page have them. */
    public static Map<String, Object> figures(Evaluation evaluation) {
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("rows", given(evaluation, "evaluation").rows());
        if (!evaluation.numbers().isEmpty()) {
            figures.put("r2", evaluation.r2());
            figures.put("rmse", evaluation.rmse());
            figures.put("baselineRmse", evaluation.baselineRmse());
            figures.put("mae", evaluation.mae());
            figures.put("outputs", evaluation.numbers());
            return figures;
        }
        figures.put("loss", evaluation.loss());
        figures.put("accuracy", evaluation.accuracy());
        figures.put("baselineAccuracy", evaluation.baselineAccuracy());
        Labels labels = evaluation.labels();
        if (labels != null) {
            figures.put("exactMatch", labels.exactMatch());
            figures.put("macroF1", labels.macroF1());
            figures.put("labels", labels.scores());
        }
        Ranking ranking = evaluation.ranking();
        if (ranking != null) {
            figures.put("positiveClass", ranking.positive());
            figures.put("rocAuc", ranking.rocAuc());
            figures.put("prAuc", ranking.prAuc());
            figures.put("prevalence", ranking.prevalence());
        }
        ConfusionMatrix confusion = evaluation.confusion();
        if (confusion == null) {
            return figures;
        }
        figures.put("baselineClass", confusion.baseline().name());
        figures.put("balancedAccuracy", confusion.balancedAccuracy());
        figures.put("macroF1", confusion.macroF1());
        figures.put("classes", confusion.classes());
        figures.put("scores", confusion.scores());
        figures.put("wrongPerClass", confusion.wrongPerClass());
        figures.put("confusion", confusion.counts());
        return figures;
    }

    public Map<String, Object> values() {
        return Collections.unmodifiableMap(report);
    }

    public String json() {
        return Json.indented(report);
    }
}
