package org.quern.run;

import static org.quern.QuernException.data;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.quern.run.Sweep.Member;
import org.quern.run.Sweep.Result;
import org.quern.run.Sweep.Score;
import org.quern.train.EpochResult;
import org.quern.train.Trainer;

/**
 * One training of a sweep in the folder of a run. That {@code run.json} has its scores, which is
 * written last, says that it has ended.
 */
final class KeptMember implements AutoCloseable {
    /** In {@code run.json}: which training it is, how it ended, and what it does on test rows. */
    private static final String RESULT = "sweep";

    private static final String VALIDATION = "validation";
    private static final String ACCURACY = "accuracy";
    private static final String R2 = "r2";

    /** Nanoseconds: a small network's epoch takes less time than to write its files. */
    private static final long SAVES_APART = 10_000_000_000L;

    private final Member member;
    private final Trainer trainer;
    private final RunFolder run;
    private final RunReport report;
    private final double secondsBefore;

    /** Begins it, or goes on where an earlier process was told to end, or was killed. */
    KeptMember(
            Path path,
            Member member,
            Training training,
            String backend,
            RunReport report,
            Consumer<String> failed) {
        this.member = member;
        this.report = report;
        trainer = training.trainer();
        if (RunFolder.holdsRun(path)) {
            run = RunFolder.resume(path, null);
            List<EpochResult> before = run.checkpoint().epochs();
            secondsBefore = before.stream().mapToDouble(EpochResult::seconds).sum();
            report.with("resumedAfter", before.size());
        } else {
            Map<String, String> texts =
                    member.settings().settled(Map.of("backend", backend)).texts();
            run = RunFolder.create(path, texts, training.parts(), 0);
            secondsBefore = 0;
        }
        try {
            if (RunFolder.holdsRun(path)) {
                run.restore(trainer, training.parts());
            } else {
                run.saveState(trainer); // before run.json: a folder without it is taken anew
            }
            trainer.listen(run.saving(report, failed, SAVES_APART));
        } catch (RuntimeException e) {
            run.close();
            throw e;
        }
    }

    /** What is to be said of its lock; null if nothing is. */
    String notice() {
        return run.notice();
    }

    /** Keeps where it was interrupted. */
    void interrupted() {
        run.saveState(trainer);
    }

    /** Keeps how it ended, which is what it is known by to have ended. */
    Result end(Result result) {
        run.save(trainer, false); // also what an interrupted process has left out
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("number", member.number());
        told.put("fold", member.fold());
        told.put("varied", member.varied());
        told.put("seconds", result.seconds() + secondsBefore);
        told.put("failure", result.failure());
        boolean classifies = member.settings().loss().takesLogits();
        told.put("test", figures(result.test(), classifies));
        told.put("settings", member.settings().texts());
        report.epochs(trainer.checkpoint().epochs());
        report.with(VALIDATION, figures(result.validation(), classifies)).with(RESULT, told);
        run.writeRun(report.json());
        return result;
    }

    @Override
    public void close() {
        run.close();
    }

    /** None is left out that JSON has no number for: infinity is a text, and NaN is not there. */
    private static Map<String, Object> figures(Score of, boolean classifies) {
        Map<String, Object> figures = new LinkedHashMap<>();
        put(figures, classifies ? ACCURACY : R2, of.accuracy());
        put(figures, "loss", of.loss());
        put(figures, "rmse", of.rmse());
        put(figures, "baseline", of.baseline());
        return figures;
    }

    private static void put(Map<String, Object> figures, String name, double value) {
        if (!Double.isNaN(value)) {
            figures.put(name, Double.isFinite(value) ? (Object) value : Double.toString(value));
        }
    }

    /** What {@code run.json} says of a training that has ended; null if it has not. */
    static JsonObject ended(Path folder) {
        if (!Files.exists(folder.resolve("run.json"))) {
            return null;
        }
        JsonObject run = RunFolder.readRun(folder);
        return run.get(RESULT) instanceof JsonObject ? run : null;
    }

    /** Which of the folds a run was tested on; -1 if it has not ended. */
    static int fold(Path folder) {
        JsonObject run = ended(folder);
        return run == null ? -1 : result(folder, run).member().fold();
    }

    static Result result(Path folder, JsonObject run) {
        try {
            JsonObject told = run.getAsJsonObject(RESULT);
            Map<String, String> settings = texts(told.getAsJsonObject("settings"));
            JsonElement failure = told.get("failure");
            Member member =
                    new Member(
                            told.get("number").getAsInt(),
                            told.get("fold").getAsInt(),
                            texts(told.getAsJsonObject("varied")),
                            RunSettings.ofRun(settings, folder));
            return new Result(
                    member,
                    score(run.getAsJsonObject(VALIDATION)),
                    score(told.getAsJsonObject("test")),
                    failure == null ? RunFolder.epochs(folder) : List.of(),
                    told.get("seconds").getAsDouble(),
                    failure == null ? null : failure.getAsString());
        } catch (ClassCastException
                | IllegalStateException
                | NullPointerException
                | NumberFormatException
                | UnsupportedOperationException e) { // what Gson throws of another type
            throw data(e, "%s: run.json is damaged: its sweep is not what Quern writes", folder);
        }
    }

    private static Map<String, String> texts(JsonObject object) {
        Map<String, String> texts = new LinkedHashMap<>();
        object.entrySet().forEach(one -> texts.put(one.getKey(), one.getValue().getAsString()));
        return texts;
    }

    private static Score score(JsonObject figures) {
        return new Score(
                number(figures, figures.has(R2) ? R2 : ACCURACY),
                number(figures, "loss"),
                number(figures, "rmse"),
                number(figures, "baseline"));
    }

    private static double number(JsonObject figures, String name) {
        return figures.has(name) ? figures.get(name).getAsDouble() : Double.NaN;
    }
}
