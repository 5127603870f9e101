package org.quern.spark;

import static org.quern.QuernException.expect;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.quern.backend.Backends;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Header;
import org.quern.data.Moments;
import org.quern.data.Splits;
import org.quern.plan.Batches;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Training;
import org.quern.train.Checkpoint;
import org.quern.train.EpochResult;
import org.quern.train.Trainer;

/**
 * Data-parallel training by synchronous local SGD (Stich, 2019, <a
 * href="https://arxiv.org/abs/1805.09767">Local SGD Converges Fast and Communicates Little</a>):
 * each worker trains on its share of the rows for K steps, then all go on from the mean of their
 * parameters and moments. A round is a job of Spark; nothing but the rows is kept in executors, so
 * that a task that is lost is only done again.
 */
final class Averaging {
    /** The exchange is to take at most a tenth of the time: nine times as long is trained. */
    private static final int TIMES = 9;

    private static final int TRIED = 20;
    private static final int MOST_TRIED = 5000;

    private final QuernParams params;
    private final RunSettings asked;
    private final Blocks blocks;
    private final List<String> classes; // null for numbers to predict
    private final int[] shape;

    Averaging(
            QuernParams params,
            RunSettings asked,
            Blocks blocks,
            List<String> classes,
            int[] shape) {
        this.params = params;
        this.asked = asked;
        this.blocks = blocks;
        this.classes = classes;
        this.shape = shape;
        for (Setting<?> one :
                List.of(
                        Setting.VALIDATION,
                        Setting.EARLY_STOPPING,
                        Setting.BALANCE,
                        Setting.CLASS_WEIGHTS)) {
            expect(!asked.asksFor(one), "%s is not for several workers", one.name());
        }
        expect(!params.isSet(params.checkpoint()), "checkpoint is not for several workers");
    }

    /** What all workers have in common. */
    private record Common(
            RunSettings settings, Columns columns, ArrayList<String> classes, int[] shape)
            implements Serializable {}

    /** From where a round goes on, and to which step. Of epochs it is told how worker 0 did. */
    private record Order(
            Common common,
            float[] state,
            long step,
            long until,
            ArrayList<EpochResult> epochs,
            double loss,
            long hits)
            implements Serializable {}

    /** What worker 0 tells, as bytes. */
    private record First(long step, ArrayList<EpochResult> epochs, double loss, long hits)
            implements Serializable {}

    /** The states of some workers: their sum, in double precision. */
    static final class Sum implements Serializable {
        private static final long serialVersionUID = 1;
        private double[] state; // null of none
        private int workers;
        private double seconds; // of the slowest
        private byte[] first;
        private Outcome failed;

        private Sum plus(Sum other) {
            if (state == null) {
                state = other.state;
            } else if (other.state != null) {
                for (int i = 0; i < state.length; i++) {
                    state[i] += other.state[i];
                }
            }
            workers += other.workers;
            seconds = Math.max(seconds, other.seconds);
            first = first == null ? other.first : first;
            failed = failed == null ? other.failed : failed;
            return this;
        }

        private float[] mean() {
            float[] mean = new float[state.length];
            for (int i = 0; i < mean.length; i++) {
                mean[i] = (float) (state[i] / workers);
            }
            return mean;
        }
    }

    Trained fit(int workers) {
        String few = "%d workers for %,d rows: give at most as many as rows";
        expect(workers <= blocks.rows, few, workers, blocks.rows);
        JavaRDD<Share> shares = Share.of(blocks, workers).persist(StorageLevel.MEMORY_AND_DISK());
        try {
            Order start = start(shares);
            int epochs = start.common.settings.get(Setting.EPOCHS);
            int every = params.atLeast(0, params.averageEvery(), 0);
            List<String> notes = new ArrayList<>();
            if (every == 0) {
                int rows = (int) ((blocks.rows + workers - 1) / workers);
                Batches batches = new Batches(rows, start.common.settings.get(Setting.BATCH));
                every = measured(shares, start);
                if (every > batches.stepsPerEpoch()) {
                    every = batches.stepsPerEpoch();
                    notes.add(
                            "the workers average once an epoch, and that takes more than a tenth of"
                                    + " the time: fewer workers may be as fast");
                }
            }
            Order now = start;
            while (now.epochs.size() < epochs) {
                now = round(shares, now, every).next();
            }
            Order end = now;
            byte[] outcome = first(shares, share -> model(share, end));
            Outcome done = Bytes.to(Outcome.class, outcome).orThrow();
            done.notes().addAll(notes);
            return new Trained(done, every);
        } finally {
            shares.unpersist(false);
        }
    }

    /** What worker 0 does, alone. */
    private static byte[] first(JavaRDD<Share> shares, Function<Share, byte[]> work) {
        return shares.filter(share -> share.worker == 0).map(work).collect().get(0);
    }

    /** What there is to know of all rows: of a table's columns, and of numbers to predict. */
    private static final class Facts implements Serializable {
        private static final long serialVersionUID = 1;
        private final ArrayList<Moments> inputs = new ArrayList<>();
        private final ArrayList<Moments> targets = new ArrayList<>();
        private final int worker;
        private long rows;

        private Facts(int worker, Dataset of) {
            this.worker = worker;
            rows = of.rows();
            for (int c = 0; of.header() != null && c < of.features(); c++) {
                inputs.add(new Moments(of.values(), c, of.features(), 0));
            }
            if (of.hasTargets()) {
                targets.add(new Moments(of.targets(), 0, 1, 0));
            }
        }

        private Facts plus(Facts other) {
            rows += other.rows;
            add(inputs, other.inputs);
            add(targets, other.targets);
            return this;
        }

        private static void add(List<Moments> some, List<Moments> others) {
            for (int i = 0; i < some.size(); i++) {
                some.set(i, some.get(i).plus(others.get(i)));
            }
        }

        /** Some rows; where numbers are predicted, two that have the least and the most of all. */
        private Splits in(Dataset some) {
            Dataset rows = some;
            if (rows.hasTargets() && this.rows > 1) {
                Moments of = targets.get(0);
                float[] ends = {(float) of.min(), (float) of.max()};
                rows = rows.select(new int[2]).withTargets(ends, 1);
            }
            return new Splits(rows, rows.row(0), rows.name());
        }
    }

    /** Settings and columns, which are those of all rows, and initial weights. */
    private Order start(JavaRDD<Share> shares) {
        RunSettings settings = asked;
        ArrayList<String> names = classes == null ? null : new ArrayList<>(classes);
        int[] extents = shape;
        // put together in the order of the workers: sums in another order differ in last digits
        List<Facts> ofEach =
                new ArrayList<>(
                        shares.map(share -> new Facts(share.worker, share.rows(names, extents)))
                                .collect());
        ofEach.sort(Comparator.comparingInt(one -> one.worker));
        Facts facts = ofEach.stream().reduce(Facts::plus).orElseThrow();
        byte[] order =
                first(shares, share -> Bytes.of(started(share, facts, settings, names, extents)));
        Object started = Bytes.to(Serializable.class, order);
        if (started instanceof Outcome failed) {
            failed.orThrow();
        }
        return (Order) started;
    }

    private static Serializable started(
            Share share, Facts facts, RunSettings asked, ArrayList<String> classes, int[] shape) {
        try {
            Dataset rows = share.rows(classes, shape);
            Header header = rows.header();
            RunSettings settings = asked.on(facts.in(rows));
            Columns columns =
                    header == null
                            ? null
                            : settings.columns(
                                    rows.name(),
                                    facts.rows,
                                    (numbers, targets) ->
                                            Columns.fit(
                                                    rows.name(),
                                                    header,
                                                    facts.rows,
                                                    facts.inputs,
                                                    facts.targets,
                                                    numbers,
                                                    targets));
            Splits parts = share.parts(classes, shape, columns);
            Common common = new Common(settings, columns, classes, shape);
            RunSettings here = OnExecutor.here(settings);
            try (Training training = new Training(here, parts, here.choose().backend())) {
                float[] state = training.trainer().state();
                return new Order(common, state, 0, 0, new ArrayList<>(), 0, 0);
            }
        } catch (RuntimeException e) {
            return Outcome.failed(e);
        }
    }

    /** What a round came to, in how many seconds of it each trained. */
    private record Round(Order next, double trained, double all) {}

    private static Round round(JavaRDD<Share> shares, Order from, long steps) {
        long began = System.nanoTime();
        Order order =
                new Order(
                        from.common,
                        from.state,
                        from.step,
                        from.step + steps,
                        from.epochs,
                        from.loss,
                        from.hits);
        JavaSparkContext context = JavaSparkContext.fromSparkContext(shares.context());
        Broadcast<byte[]> sent = context.broadcast(Bytes.of(order));
        Sum sum;
        try {
            sum =
                    shares.treeAggregate(
                            new Sum(),
                            (before, share) -> before.plus(trained(share, sent.value())),
                            Sum::plus);
        } finally {
            sent.destroy();
        }
        if (sum.failed != null) {
            sum.failed.orThrow();
        }
        First first = Bytes.to(First.class, sum.first);
        Order next =
                new Order(
                        from.common,
                        sum.mean(),
                        first.step,
                        first.step,
                        first.epochs,
                        first.loss,
                        first.hits);
        return new Round(next, sum.seconds, (System.nanoTime() - began) * 1e-9);
    }

    private static Sum trained(Share share, byte[] sent) {
        Sum sum = new Sum();
        try {
            Order order = Bytes.to(Order.class, sent);
            try (Training training = open(share, order)) {
                Trainer trainer = training.trainer();
                long began = System.nanoTime();
                int epochs = order.common.settings.get(Setting.EPOCHS);
                trainer.fitUntil(training.rows(), null, epochs, order.until);
                sum.seconds = (System.nanoTime() - began) * 1e-9;
                Checkpoint stands = trainer.checkpoint();
                sum.state = Answers.doubles(stands.state());
                sum.workers = 1;
                if (share.worker == 0) {
                    First first =
                            new First(
                                    stands.step(),
                                    new ArrayList<>(stands.epochs()),
                                    stands.partialLoss(),
                                    stands.partialHits());
                    sum.first = Bytes.of(first);
                }
            }
        } catch (RuntimeException e) {
            sum.failed = Outcome.failed(e);
        }
        return sum;
    }

    /** A worker's training where the order says that it stands. */
    private static Training open(Share share, Order order) {
        Common common = order.common;
        RunSettings settings = OnExecutor.here(common.settings);
        settings = settings.settled(Map.of("seed", seed(settings, share.worker)));
        Splits parts = share.parts(common.classes, common.shape, common.columns);
        Training training = new Training(settings, parts, settings.choose().backend());
        Checkpoint from =
                new Checkpoint(
                        settings.get(Setting.SEED),
                        order.step,
                        order.state,
                        order.epochs,
                        order.loss,
                        order.hits,
                        null);
        training.trainer().restore(from);
        return training;
    }

    /** Each its own order of rows and its own dropout. */
    private static long seed(RunSettings settings, int worker) {
        return settings.get(Setting.SEED) + worker;
    }

    private static byte[] model(Share share, Order end) {
        try (Training training = open(share, end)) {
            List<String> notes = new ArrayList<>(training.notes());
            Backends.Choice choice = OnExecutor.here(end.common.settings).choose();
            String on = training.trainer().executor().device();
            String device = OnExecutor.device(end.common.settings, choice, on, notes);
            byte[] model = Bytes.of(training.model());
            return Bytes.of(new Outcome(model, device, end.epochs, notes, null, null));
        } catch (RuntimeException e) {
            return Bytes.of(Outcome.failed(e));
        }
    }

    /**
     * Steps that take nine times as long as the exchange; what was trained to see it is lost. To
     * the exchange belongs all that a round of no steps would take, such as copying its rows to
     * where they are trained on: what a step takes is told by two rounds of different length.
     */
    private static int measured(JavaRDD<Share> shares, Order start) {
        round(shares, start, 1); // the first one also reads the rows
        Round few = round(shares, start, TRIED);
        Round more;
        int tried = TRIED;
        do {
            tried *= 4;
            more = round(shares, start, tried);
        } while (more.trained < 2 * few.trained && more.next.step == tried && tried < MOST_TRIED);
        long longer = Math.max(1, more.next.step - few.next.step);
        double step = Math.max(1e-9, (more.trained - few.trained) / longer);
        double exchange = Math.max(0, more.all - more.next.step * step);
        return (int) Math.max(1, Math.min(Integer.MAX_VALUE, Math.ceil(TIMES * exchange / step)));
    }
}
