package org.quern.run;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.either;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.plan.Plan;
import org.quern.train.EpochResult;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;

/**
 * Many trainings that differ in a few settings, as many side by side as the backend has room for:
 * on the host's processors one a processor; on a GPU one a team of blocks, each driven by a thread.
 * Each gives the bits that it gives alone.
 */
public final class Sweep {
    private static final int MOST = 10_000;
    private static final Watcher NOBODY = new Watcher() {};

    private final Splits data;
    private final Backend backend;
    private final int workers;
    private SweepFolder folder;
    private volatile boolean stopped;
    private final Set<Trainer> running = ConcurrentHashMap.newKeySet();

    /**
     * One training.
     *
     * @param number of the combination of settings, from 1: the folds of one have the same
     * @param fold which of the folds it is tested on, from 1; 0 without folds
     * @param varied what sets the combination apart from the others
     * @param settings all of them
     */
    public record Member(int number, int fold, Map<String, String> varied, RunSettings settings)
            implements Serializable {
        /** The same training with what only its data tells. */
        public Member on(Splits data) {
            return new Member(number, fold, varied, settings.on(data));
        }

        /** Its rows. */
        public Splits parts(Splits data) {
            return settings.parts(data, fold);
        }
    }

    /**
     * How well a training did on some rows.
     *
     * @param accuracy of numbers, their R²
     * @param rmse of numbers; NaN for classes
     * @param baseline accuracy of the most common class, or answers; of numbers, RMSE of their mean
     */
    public record Score(double accuracy, double loss, double rmse, double baseline)
            implements Serializable {
        /** That of a training that failed. */
        static final Score NONE = new Score(Double.NaN, Double.NaN, Double.NaN, Double.NaN);

        static Score of(Evaluation of) {
            boolean numbers = !of.numbers().isEmpty();
            double baseline = numbers ? of.baselineRmse() : of.baselineAccuracy();
            return new Score(of.score(), of.loss(), of.rmse(), baseline);
        }
    }

    /**
     * How a training went; {@code failure} says why it has no scores, or is null. The test is for
     * the one that is taken in the end: the best of many by its test rows looks better than it is.
     * With folds, validation is what it did on its fold, and there is no test.
     */
    public record Result(
            Member member,
            Score validation,
            Score test,
            List<EpochResult> epochs,
            double seconds,
            String failure)
            implements Serializable {
        /** One that failed after so many seconds, and why. */
        public static Result failed(Member member, double seconds, String failure) {
            given(member, "member");
            given(failure, "failure");
            return new Result(member, Score.NONE, Score.NONE, List.of(), seconds, failure);
        }
    }

    /** Who looks on while one of them trains, such as what keeps checkpoints of it. */
    public interface Watcher {
        /** Before the first step: it may add listeners, and restore a checkpoint. */
        default void begins(Training training) {}

        /** After the last step and the test. */
        default void ends(Training training) {}
    }

    /** A sweep with so many workers side by side; 0: as many as the backend has room for. */
    public Sweep(Splits data, Backend backend, int workers) {
        this.data = data;
        this.backend = backend;
        this.workers = workers;
    }

    /** The same, each training kept in a folder: what an earlier process has begun goes on. */
    public Sweep into(SweepFolder kept) {
        folder = given(kept, "folder");
        return this;
    }

    /** How many of some trainings run side by side, and by what, or by which of several. */
    public Backend.SideBySide sideBySide(List<Member> members) {
        copied(members, "members");
        expect(!members.isEmpty(), "there is nothing to train");
        int most = members.size();
        Set<String> by = new LinkedHashSet<>();
        for (Member member : members) {
            Plan plan = member.settings().config(data.train().shape()).plan();
            Backend.Options options = options(member, members.size());
            Backend.SideBySide room = backend.sideBySide(plan, data.train().isPixels(), options);
            most = Math.min(most, workers == 0 ? room.most() : workers);
            by.add(room.by());
        }
        return new Backend.SideBySide(Math.max(1, most), either(List.copyOf(by)));
    }

    /** One of so many is as good as alone if no other runs beside it. */
    private Backend.Options options(Member member, int members) {
        int beside = workers == 0 ? members : Math.min(workers, members);
        return member.settings().options().withBeside(beside);
    }

    /**
     * All combinations of values, or of their texts, by setting; the last one varies fastest. With
     * folds, a training for each.
     */
    public static List<Member> members(RunSettings base, Map<String, List<String>> varied) {
        int folds = given(base, "settings").get(Setting.FOLDS);
        if (folds == 0 && base.get(Setting.VALIDATION) == 0 && base.get(Setting.OVERFIT) == 0) {
            throw usage(
                    "validation 0: a sweep compares by validation rows, give a fraction above 0");
        }
        List<Map<String, String>> combinations = List.of(Map.of());
        for (Map.Entry<String, List<String>> axis : given(varied, "varied").entrySet()) {
            List<Map<String, String>> longer = new ArrayList<>();
            for (Map<String, String> combination : combinations) {
                for (String value : axis.getValue()) {
                    Map<String, String> one = new LinkedHashMap<>(combination);
                    one.put(axis.getKey(), value);
                    longer.add(one);
                }
            }
            combinations = longer;
            String message = "a sweep of more than %,d trainings: vary less at once";
            expect((long) combinations.size() * Math.max(1, folds) <= MOST, message, MOST);
        }
        List<Member> members = new ArrayList<>();
        Map<Map<String, String>, Map<String, String>> known = new HashMap<>();
        for (int i = 0; i < combinations.size(); i++) {
            RunSettings settings = base.with(combinations.get(i)).settled(Map.of("threads", 1));
            Map<String, String> same = known.put(settings.texts(), combinations.get(i));
            expect(
                    same == null,
                    "a sweep trains the same twice, as %s and as %s: give each value once",
                    words(same),
                    words(combinations.get(i)));
            if (folds > 0 && settings.get(Setting.EARLY_STOPPING) > 0) {
                settings = settings.validated(); // not by the fold that it is tested on
            }
            for (int fold = Math.min(1, folds); fold <= folds; fold++) {
                members.add(new Member(i + 1, fold, combinations.get(i), settings));
            }
        }
        return members;
    }

    private static String words(Map<String, String> varied) {
        return String.valueOf(varied).replaceAll("[{}]", "").replace('=', ' ');
    }

    /**
     * Trains all, and tells of each as it ends; gives them in the order of the members, less those
     * that {@link #stop} kept from ending. If one fails for more than it, the others have ended
     * too.
     */
    public List<Result> run(List<Member> members, Consumer<Result> heard) {
        ExecutorService threads =
                Executors.newFixedThreadPool(sideBySide(copied(members, "members")).most());
        try {
            List<CompletableFuture<Result>> all = new ArrayList<>();
            for (Member member : members) {
                all.add(
                        CompletableFuture.supplyAsync(
                                () -> told(member, members.size(), heard), threads));
            }
            // waits for all, failed or not: nothing is to go on in native code when the caller
            // does, who may end the process
            QuernException.join(CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)));
            return all.stream().map(CompletableFuture::join).filter(Objects::nonNull).toList();
        } finally {
            threads.shutdown();
        }
    }

    /** Trains one; null if it was stopped. A failure stops the others: it would meet them too. */
    private Result told(Member member, int members, Consumer<Result> heard) {
        try {
            Result result = stopped ? null : train(member, options(member, members), NOBODY);
            if (result != null) {
                synchronized (this) {
                    heard.accept(result);
                }
            }
            return result;
        } catch (RuntimeException | Error e) {
            stop();
            throw e;
        }
    }

    /** Trains one alone, to the bits that it has among others; null if it was stopped. */
    public Result train(Member member, Watcher watcher) {
        given(watcher, "watcher");
        return train(given(member, "member"), options(member, 1), watcher);
    }

    private Result train(Member member, Backend.Options options, Watcher watcher) {
        long start = System.nanoTime();
        Splits parts = member.parts(data);
        try (Training training = new Training(member.settings(), parts, backend, options);
                KeptMember kept =
                        folder == null
                                ? null
                                : folder.keep(
                                        member, training, backend.name(), data.description())) {
            Result result = train(member, training, start, watcher);
            if (kept != null && result == null) {
                kept.interrupted();
            }
            return kept == null || result == null ? result : kept.end(result);
        }
    }

    /** Null if it was stopped. */
    private Result train(Member member, Training training, long start, Watcher watcher) {
        Score validation = Score.NONE;
        Score test = Score.NONE;
        List<EpochResult> epochs = List.of();
        String failure = null;
        Splits parts = training.parts();
        try {
            watcher.begins(training);
            History history = fit(training);
            if (history.end() == History.End.INTERRUPTED) {
                return null;
            }
            test = Score.of(training.test());
            if (member.fold() > 0) {
                validation = test;
                test = Score.NONE;
            } else {
                // those that were to be learned by heart are all that there are
                boolean byHeart = parts.validation() == null;
                Dataset rows = byHeart ? parts.train() : parts.validation();
                validation = Score.of(training.trainer().evaluate(rows));
            }
            epochs = history.epochs();
            watcher.ends(training);
        } catch (QuernException e) {
            if (e.kind() != QuernException.Kind.TARGET) {
                throw e;
            }
            failure = e.getMessage();
        }
        double seconds = (System.nanoTime() - start) * 1e-9;
        return new Result(member, validation, test, epochs, seconds, failure);
    }

    private History fit(Training training) {
        Trainer trainer = training.trainer();
        running.add(trainer);
        try {
            if (stopped) { // stop() may have come before it was among those that run
                trainer.interrupt();
            }
            return training.fit();
        } finally {
            running.remove(trainer);
        }
    }

    /** Interrupts the trainings that run, and starts no more. From any thread. */
    public void stop() {
        stopped = true;
        running.forEach(Trainer::interrupt);
    }
}
