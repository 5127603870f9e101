package org.quern.spark;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.io.Serializable;
import java.lang.ref.SoftReference;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import org.quern.run.Sweep;
import org.quern.run.Training;
import org.quern.train.Trainer;

/**
 * Many trainings on a cluster: a task for each, which gives the bits that it gives alone.
 *
 * <pre>{@code
 * Splits data = Splits.of(QuernSweep.rows(frame, "features", "label"));
 * RunSettings base = RunSettings.DEFAULT.with(Map.of("validation", 0.1));
 * List<Sweep.Member> members =
 *     Sweep.members(base, Map.of("lr", List.of("0.001", "0.01"), "seed", List.of("1", "2", "3")));
 * for (QuernSweep.Result result : new QuernSweep(spark).run(data, members)) {
 *     System.out.println(result.scores().member().varied() + " " + result.accuracy());
 * }
 * }</pre>
 *
 * <p>The data is sent to each executor once. A training that fails is a result that says why; so is
 * one whose task was lost as often as {@code spark.task.maxFailures} says.
 */
public final class QuernSweep {
    private static final long MOST = Integer.MAX_VALUE - (1 << 20);

    private final SparkSession spark;
    private String checkpoint;
    private int every = 1;

    /** Sweeps of a session. */
    public QuernSweep(SparkSession spark) {
        this.spark = given(spark, "session");
    }

    /**
     * How a training went.
     *
     * @param scores with the reason, if it failed
     * @param model null if it failed
     * @param device the backend and the device that it was trained on; empty if it failed
     * @param notes what is worth a line
     */
    public record Result(Sweep.Result scores, SavedModel model, String device, List<String> notes) {
        /** Of the validation rows; NaN if it failed. */
        public double accuracy() {
            return scores.validation().accuracy();
        }

        /** Why it has no model; null if it has. */
        public String failure() {
            return scores.failure();
        }
    }

    /** What a task sends back. */
    private record Sent(Sweep.Result scores, Outcome outcome) implements Serializable {}

    /** Keeps checkpoints of unfinished trainings in a folder that Hadoop knows. */
    public QuernSweep setCheckpoint(String folder) {
        checkpoint = given(folder, "folder");
        return this;
    }

    /** Epochs between two checkpoints; 1 if not set. */
    public QuernSweep setCheckpointInterval(int epochs) {
        expect(epochs >= 1, "checkpoint interval %d: give at least 1 epoch", epochs);
        every = epochs;
        return this;
    }

    /**
     * Rows of a DataFrame, brought to the driver.
     *
     * @param features a column of vectors or arrays of numbers
     * @param label a column of classes, numbered from 0
     * @param shape of images, such as 28, 28; none for the columns of a table
     */
    public static Dataset rows(
            org.apache.spark.sql.Dataset<?> data, String features, String label, int... shape) {
        Features.check(given(data, "data").schema(), given(features, "features"));
        Features.checkLabel(data.schema(), given(label, "label"));
        given(shape, "shape");
        try (Blocks blocks = new Blocks(data, features, label, Blocks.Labels.CLASSES, shape)) {
            int classes = Math.max(2, blocks.classes());
            List<String> names = IntStream.range(0, classes).mapToObj(Integer::toString).toList();
            return Blocks.together(new ArrayList<>(blocks.rdd.collect()), names, shape);
        }
    }

    /** Trains all, and gives their results in the order of the members. */
    public List<Result> run(Splits data, List<Sweep.Member> members) {
        copied(members, "members");
        expect(!members.isEmpty(), "there is nothing to train");
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        expect(
                bytes(given(data, "data")) < MOST,
                "the data has %,d MB, more than can be sent to executors: quern sweep --shard reads"
                        + " it from a file",
                bytes(data) >> 20);
        Broadcast<byte[]> sent = context.broadcast(Bytes.of(data));
        String key = UUID.randomUUID().toString();
        List<JavaFutureAction<List<byte[]>>> tasks = new ArrayList<>();
        try {
            for (Sweep.Member member : members) {
                context.setJobDescription("Quern: " + member.varied());
                Task task = new Task(sent, key, checkpoint, every);
                tasks.add(
                        context.parallelize(List.of(Bytes.of(member)), 1).map(task).collectAsync());
            }
            List<Result> results = new ArrayList<>();
            for (int i = 0; i < tasks.size(); i++) {
                results.add(result(members.get(i), tasks.get(i)));
            }
            OnExecutor.log(results.stream().flatMap(one -> one.notes.stream()).toList());
            return results;
        } finally {
            context.setJobDescription(null);
            tasks.forEach(task -> task.cancel(true));
            sent.destroy();
        }
    }

    private static Result result(Sweep.Member member, JavaFutureAction<List<byte[]>> task) {
        try {
            Sent sent = Bytes.to(Sent.class, task.get().get(0));
            Sweep.Result of = sent.scores;
            Outcome outcome = sent.outcome;
            SavedModel model =
                    outcome.model() == null ? null : Bytes.model(outcome.model(), "the model");
            return new Result(
                    new Sweep.Result(
                            member,
                            of.validation(),
                            of.test(),
                            of.epochs(),
                            of.seconds(),
                            of.failure()),
                    model,
                    outcome.device(),
                    outcome.notes());
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof SparkException)) {
                throw new IllegalStateException(e.getCause());
            }
            String why = e.getCause().getMessage().lines().findFirst().orElse("");
            String lost = "its task was lost, tried again, and lost: " + why;
            return new Result(Sweep.Result.failed(member, 0, lost), null, "", List.of());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw QuernException.usage("the sweep was interrupted");
        }
    }

    private static long bytes(Splits data) {
        long all = 0;
        for (Dataset set : new Dataset[] {data.train(), data.validation(), data.test()}) {
            all += set == null ? 0 : (long) set.rows() * set.features() * (set.isPixels() ? 1 : 4);
        }
        return all;
    }

    /** What an executor does: it decodes the data once, and trains one at a time. */
    private static final class Task implements Function<byte[], byte[]> {
        private static final long serialVersionUID = 1;
        private static String heldKey;
        private static SoftReference<Splits> held = new SoftReference<>(null);

        private final Broadcast<byte[]> sent;
        private final String key; // a broadcast's number is another's in the next session
        private final String checkpoint;
        private final int every;

        Task(Broadcast<byte[]> sent, String key, String checkpoint, int every) {
            this.sent = sent;
            this.key = key;
            this.checkpoint = checkpoint;
            this.every = every;
        }

        private static synchronized Splits data(Broadcast<byte[]> sent, String key) {
            Splits data = key.equals(heldKey) ? held.get() : null;
            if (data == null) {
                data = Bytes.to(Splits.class, sent.value());
                held = new SoftReference<>(data);
                heldKey = key;
            }
            return data;
        }

        @Override
        public byte[] call(byte[] bytes) {
            Sweep.Member asked = Bytes.to(Sweep.Member.class, bytes);
            try {
                return Bytes.of(train(asked, data(sent, key)));
            } catch (RuntimeException e) {
                if (QuernException.isDeviceLost(e)) {
                    throw e; // another executor may have one that works
                }
                Outcome failed = Outcome.failed(e);
                Sweep.Result none = Sweep.Result.failed(asked, 0, failed.failure());
                return Bytes.of(new Sent(none, failed));
            }
        }

        private Sent train(Sweep.Member asked, Splits data) {
            RunSettings settings = OnExecutor.here(asked.on(data).settings());
            Sweep.Member member =
                    new Sweep.Member(asked.number(), asked.fold(), asked.varied(), settings);
            Backends.Choice choice = settings.choose();
            Watch watch = new Watch(choice, member);
            Sweep.Result result = new Sweep(data, choice.backend(), 1).train(member, watch);
            if (result == null) {
                throw QuernException.usage("its task was stopped");
            }
            Outcome outcome =
                    new Outcome(watch.model, watch.device, List.of(), watch.notes, null, null);
            return new Sent(result, outcome);
        }

        /** Keeps checkpoints, and takes the model. */
        private final class Watch implements Sweep.Watcher {
            private final Backends.Choice choice;
            private final Sweep.Member member;
            private final ArrayList<String> notes = new ArrayList<>();
            private Checkpoints kept;
            private byte[] model;
            private String device = "";

            Watch(Backends.Choice choice, Sweep.Member member) {
                this.choice = choice;
                this.member = member;
            }

            @Override
            public void begins(Training training) {
                Trainer trainer = training.trainer();
                device =
                        OnExecutor.device(
                                member.settings(), choice, trainer.executor().device(), notes);
                notes.addAll(training.notes());
                if (checkpoint != null) {
                    kept =
                            new Checkpoints(
                                    checkpoint, every, member.settings(), member.fold(), training);
                    kept.attach(trainer);
                }
            }

            @Override
            public void ends(Training training) {
                model = Bytes.of(training.model());
                if (kept != null) {
                    kept.delete();
                }
            }
        }
    }
}
