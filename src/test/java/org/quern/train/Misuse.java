package org.quern.train;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Executor;
import org.quern.backend.StepContext;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Batches;
import org.quern.plan.Loss;
import org.quern.plan.Op;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Mistakes of programs, one after the other on one backend, in a process of its own, since a
 * mistake in native code ends it. Prints a line for each: its name, what it threw and the message.
 */
final class Misuse {
    private static final Model MODEL =
            Model.input(28, 28).scaled(Scaling.UNIT).dense(48, Activation.RELU).dense(10);
    private static final TrainingConfig CONFIG = TrainingConfig.of(MODEL);
    private static final Plan PLAN = CONFIG.plan();

    private final Backend backend;
    private final Random random;
    private final Map<String, Mistake> mistakes = new LinkedHashMap<>();

    /** Something that must not go well. */
    private interface Mistake {
        void run() throws Exception;
    }

    private interface WithData {
        void run(Executor executor, DeviceDataset data) throws Exception;
    }

    private Misuse(Backend backend, int seed) {
        this.backend = backend;
        random = new Random(seed);
        steps();
        closed();
        foreign();
        overflowing();
        changed();
        concurrent();
    }

    public static void main(String[] arguments) {
        Backend backend = Backends.choose(arguments[0]).backend();
        Misuse misuse = new Misuse(backend, Integer.parseInt(arguments[1]));
        misuse.mistakes.forEach(
                (name, mistake) -> {
                    System.out.print(name + ": ");
                    System.out.flush(); // whose end this may be
                    System.out.println(thrown(mistake));
                });
        System.out.println("alive");
    }

    private static String thrown(Mistake mistake) {
        try {
            mistake.run();
            return "nothing";
        } catch (Exception e) {
            Throwable cause = e instanceof CompletionException ? e.getCause() : e;
            return cause.getClass().getSimpleName() + ": " + cause.getMessage();
        }
    }

    private static Dataset digits() {
        return Digits.generate("digits", 200, 0, 1);
    }

    private Trainer trainer() {
        return Trainer.open(CONFIG, backend, Backend.Options.DEFAULT);
    }

    private Executor open() {
        return backend.open(PLAN, Backend.Options.DEFAULT);
    }

    private static Steps selected() {
        return new Steps(1, 8).select(0, 8, PLAN.optimizer(), step -> 1e-3);
    }

    /** With an executor that is open, and data on it. */
    private void add(String name, WithData mistake) {
        mistakes.put(
                name,
                () -> {
                    try (Executor executor = open();
                            DeviceDataset data = executor.upload(digits())) {
                        executor.initialise(1);
                        mistake.run(executor, data);
                    }
                });
    }

    private void steps() {
        Optimizer adam = PLAN.optimizer();
        mistakes.put("steps from -5 on", () -> new Steps(1, 8).select(-5, 8, adam, step -> 1e-3));
        mistakes.put(
                "steps without end",
                () -> new Steps(1, 8).select(Long.MAX_VALUE, 8, adam, step -> 1e-3));
        mistakes.put("-1 steps", () -> new Steps(1, 8).select(0, -1, adam, step -> 1e-3));
        mistakes.put("too many steps", () -> new Steps(1, 8).select(0, 9, adam, step -> 1e-3));
        mistakes.put("room for -1 steps", () -> new Steps(1, -1));
        add("no steps", (executor, data) -> executor.train(data, null));
        add("no data", (executor, data) -> executor.train(null, selected()));
    }

    private void closed() {
        Map<String, WithData> calls = new LinkedHashMap<>();
        float[] state = new float[Math.toIntExact(PLAN.state().size())];
        float[] outputs = new float[2000];
        calls.put("train", (executor, data) -> executor.train(data, selected()));
        calls.put("infer", (executor, data) -> executor.infer(data, 0, 200, outputs));
        calls.put("infer rows", (executor, data) -> executor.infer(digits(), outputs));
        calls.put(
                "infer an array",
                (executor, data) -> executor.infer(new byte[784], null, 1, outputs));
        calls.put("read", (executor, data) -> executor.read(PLAN.state(), state, 0));
        calls.put("write", (executor, data) -> executor.write(PLAN.state(), state, 0));
        calls.put("initialise", (executor, data) -> executor.initialise(1));
        calls.put("finite", (executor, data) -> executor.finite(PLAN.state()));
        calls.put("upload", (executor, data) -> executor.upload(digits()));
        calls.put(
                "run",
                (executor, data) ->
                        executor.run(PLAN.gather(), data, StepContext.inference().rows(0, 8)));
        calls.forEach(
                (name, call) ->
                        add(
                                "closed: " + name,
                                (executor, data) -> {
                                    executor.close();
                                    executor.close();
                                    call.run(executor, data);
                                }));
        add(
                "closed data",
                (executor, data) -> {
                    data.close();
                    data.close();
                    executor.train(data, selected());
                });
        Map<String, Mistake> ofTrainer = new LinkedHashMap<>();
        Trainer trainer = trainer();
        Checkpoint checkpoint = trainer.checkpoint();
        trainer.close();
        ofTrainer.put("fit", () -> trainer.fit(digits(), 1));
        ofTrainer.put("evaluate", () -> trainer.evaluate(digits()));
        ofTrainer.put("state", trainer::state);
        ofTrainer.put("checkpoint", trainer::checkpoint);
        ofTrainer.put("restore", () -> trainer.restore(checkpoint));
        ofTrainer.forEach((name, mistake) -> mistakes.put("closed trainer: " + name, mistake));
        mistakes.put(
                "closed predictor",
                () -> {
                    Predictor predictor = predictor(MODEL);
                    predictor.close();
                    predictor.predict(new byte[784], new float[10]);
                });
    }

    private Predictor predictor(Model model) {
        float[] parameters = new float[(int) Plan.forInference(model).parameters().size()];
        return new Predictor(
                model, Loss.MEAN_SQUARED_ERROR, parameters, backend, Backend.Options.DEFAULT);
    }

    private void foreign() {
        add(
                "another executor's data",
                (executor, data) -> {
                    try (Executor other = open()) {
                        other.train(data, selected());
                    }
                });
        add(
                "another executor's rows",
                (executor, data) -> {
                    try (Executor other = open()) {
                        other.infer(data, 0, 200, new float[2000]);
                    }
                });
        Dataset set = digits();
        add("data that nobody uploaded", (executor, data) -> executor.train(() -> set, selected()));
        Plan other = TrainingConfig.of(Model.input(28, 28).dense(3000).dense(10)).plan();
        StepContext pass = StepContext.inference().rows(0, 8);
        Op foreign = other.inference().get(1);
        add("another plan's op", (executor, data) -> executor.run(foreign, data, pass));
        float[] many = new float[(int) other.state().size()];
        add("another plan's slice", (executor, data) -> executor.write(other.state(), many, 0));
        add("no rows", (executor, data) -> executor.upload(null));
        mistakes.put(
                "rows of another width",
                () -> {
                    try (Trainer trainer = trainer()) {
                        trainer.evaluate(Dataset.ofValues("x", new int[] {3}, new float[6]));
                    }
                });
        mistakes.put(
                "rows without labels",
                () -> {
                    try (Trainer trainer = trainer()) {
                        trainer.fit(digits().unlabelled(), 1);
                    }
                });
        add(
                "resident rows without labels",
                (executor, data) -> {
                    executor.train(executor.upload(digits().unlabelled()), selected());
                });
    }

    private void overflowing() {
        float[] outputs = new float[2000];
        add("rows that are not there", (x, data) -> x.infer(data, 199, 2, outputs));
        add("rows before the first", (x, data) -> x.infer(data, -1, 2, outputs));
        add("-1 rows", (x, data) -> x.infer(data, 0, -1, outputs));
        add("rows without end", (x, data) -> x.infer(data, 1, Integer.MAX_VALUE, outputs));
        add("no room for outputs", (x, data) -> x.infer(data, 0, 200, new float[1999]));
        add("rows that an array lacks", (x, data) -> x.infer(new byte[783], null, 1, outputs));
        add("floats that an array lacks", (x, data) -> x.infer(null, new float[783], 1, outputs));
        add(
                "rows of an array without end",
                (x, data) -> x.infer(new byte[784], null, 1 << 28, outputs));
        long arena = PLAN.arena();
        List<Slice> outside =
                List.of(
                        new Slice("behind", arena - 1, 1, 2),
                        new Slice("before", -1, 1, 1),
                        new Slice("far", Long.MAX_VALUE, 1, 1),
                        new Slice("negative", 16, -1, 1),
                        new Slice("huge", 0, 1 << 20, 1 << 20));
        for (Slice slice : outside) {
            add("a slice: " + slice.name(), (x, data) -> x.read(slice, outputs, 0));
            add("written to: " + slice.name(), (x, data) -> x.write(slice, outputs, 0));
            add("looked at: " + slice.name(), (x, data) -> x.finite(slice));
        }
        Slice ten = PLAN.output().first(1);
        add("an index before an array", (x, data) -> x.read(ten, outputs, -1));
        add("an index behind an array", (x, data) -> x.write(ten, outputs, 1991));
        add("an index without end", (x, data) -> x.read(ten, outputs, Integer.MAX_VALUE));
        Op gather = PLAN.gather();
        int[][] passes = {{0, 257}, {199, 2}, {-1, 2}, {0, -1}, {Integer.MAX_VALUE, 1}};
        for (int[] p : passes) {
            StepContext pass = StepContext.inference().rows(p[0], p[1]);
            add("a pass from %d of %d".formatted(p[0], p[1]), (x, d) -> x.run(gather, d, pass));
        }
        Batches others = new Batches(1 << 20, 32);
        StepContext far =
                StepContext.training(
                        new Steps(1, 1).select(20_000, 1, PLAN.optimizer(), s -> 1), others);
        add("a step of other data", (x, data) -> x.run(gather, data, far));
        int[] large = {1 << 16, 1 << 16};
        mistakes.put("a shape beyond 2^31", () -> Dataset.ofPixels("x", large, new byte[1]));
        mistakes.put("a model of such a shape", () -> Model.input(large));
        mistakes.put(
                "weights beyond 2^31",
                () -> {
                    Model model = Model.input(60_000).dense(60_000).dense(10);
                    Trainer.open(TrainingConfig.of(model), backend, Backend.Options.DEFAULT)
                            .close();
                });
        mistakes.put("a row that is not there", () -> digits().select(new int[] {200}));
        mistakes.put(
                "outputs beyond 2^31",
                () -> {
                    try (Predictor predictor = predictor(Model.input(1).dense(50_000))) {
                        byte[] pixels = new byte[100_000];
                        Dataset rows = Dataset.ofPixels("x", new int[] {1}, pixels);
                        predictor.outputs(rows, new float[5]);
                    }
                });
        mistakes.put(
                "all outputs beyond 2^31",
                () -> {
                    try (Predictor predictor = predictor(Model.input(1).dense(50_000))) {
                        byte[] pixels = new byte[100_000];
                        predictor.predict(Dataset.ofPixels("x", new int[] {1}, pixels));
                    }
                });
    }

    /** Arrays are not copied: who has one can write to it after it was looked at. */
    private void changed() {
        for (int label : new int[] {10, 1 << 20, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            mistakes.put(
                    "a label that became " + label,
                    () -> {
                        Dataset set = digits();
                        set.labels()[random.nextInt(200)] = label;
                        try (Trainer trainer = trainer()) {
                            trainer.fit(set, 1);
                        }
                    });
        }
        mistakes.put(
                "a target that became 7",
                () -> {
                    TrainingConfig binary =
                            TrainingConfig.of(Model.input(28, 28).dense(1))
                                    .withLoss(Loss.BINARY_CROSS_ENTROPY);
                    Dataset set = digits().withTargets(new float[200], 1);
                    set.targets()[random.nextInt(200)] = 7;
                    try (Trainer trainer = Trainer.open(binary, backend, Backend.Options.DEFAULT)) {
                        trainer.fit(set, 1);
                    }
                });
        mistakes.put(
                "values that became NaN",
                () -> {
                    float[] values = new float[2 * 784];
                    Dataset set = Dataset.ofValues("x", new int[] {784}, values);
                    values[random.nextInt(values.length)] = Float.NaN;
                    try (Trainer trainer = trainer()) {
                        trainer.evaluate(set.withLabels(List.of("0", "1")));
                    }
                });
        add(
                "targets that are no class, in the arena",
                (executor, data) -> {
                    Slice targets = PLAN.gather().targets();
                    float[] wild = new float[(int) targets.size()];
                    Arrays.fill(wild, random.nextBoolean() ? 1e9f : Float.NaN);
                    executor.write(targets, wild, 0);
                    StepContext pass = StepContext.training(selected(), new Batches(200, 32));
                    executor.run(PLAN.training().get(PLAN.dense().size() + 1), data, pass);
                });
    }

    /** While one thread trains, another does something. */
    private void during(String name, Consumer<Trainer> other) {
        mistakes.put(
                name,
                () -> {
                    try (Trainer trainer = trainer()) {
                        CountDownLatch begun = new CountDownLatch(1);
                        trainer.listen(
                                new Listener() {
                                    @Override
                                    public Verdict progress(Progress progress) {
                                        begun.countDown();
                                        return Verdict.GO_ON;
                                    }
                                });
                        CompletableFuture<History> fit =
                                CompletableFuture.supplyAsync(
                                        () -> trainer.fit(digits(), 1_000_000));
                        begun.await();
                        Thread.sleep(random.nextInt(20));
                        try {
                            other.accept(trainer);
                        } catch (RuntimeException e) {
                            trainer.interrupt();
                            fit.join();
                            throw e;
                        }
                        fit.join(); // it is this that fails now
                    }
                });
    }

    private void concurrent() {
        during("closed while it trains", Trainer::close);
        during("closed by three while it trains", Misuse::closeThrice);
        during("trained twice at once", trainer -> trainer.fit(digits(), 1));
        during("evaluated while it trains", trainer -> trainer.evaluate(digits()));
        during(
                "other parameters while it trains",
                trainer -> trainer.evaluate(new float[(int) PLAN.parameters().size()], digits()));
        during("restored while it trains", trainer -> trainer.restore(null));
        byListener("closed by a listener", Trainer::close);
        byListener("trained by a listener", trainer -> trainer.fit(digits(), 1));
        byListener("restored by a listener", trainer -> trainer.restore(trainer.checkpoint()));
        byListener(
                "its parameters measured by a listener, on rows of another width",
                trainer ->
                        trainer.evaluate(
                                trainer.parameters(),
                                Dataset.ofValues("x", new int[] {3}, new float[6])));
        add(
                "an executor closed while it is used",
                (executor, data) -> {
                    CompletableFuture<Void> user =
                            CompletableFuture.runAsync(
                                    () -> {
                                        float[] outputs = new float[2000];
                                        for (; ; ) {
                                            executor.infer(data, 0, 200, outputs);
                                        }
                                    });
                    Thread.sleep(10 + random.nextInt(20));
                    executor.close();
                    user.join();
                });
        add(
                "data closed while it is used",
                (executor, data) -> {
                    CompletableFuture<Void> user =
                            CompletableFuture.runAsync(
                                    () -> {
                                        for (; ; ) {
                                            executor.train(data, selected());
                                        }
                                    });
                    Thread.sleep(10 + random.nextInt(20));
                    data.close();
                    user.join();
                });
    }

    /** A listener does something with the trainer that calls it. */
    private void byListener(String name, Consumer<Trainer> deed) {
        mistakes.put(
                name,
                () -> {
                    try (Trainer trainer = trainer()) {
                        trainer.listen(
                                new Listener() {
                                    @Override
                                    public Verdict progress(Progress progress) {
                                        deed.accept(trainer);
                                        return Verdict.GO_ON;
                                    }
                                });
                        trainer.fit(digits(), 1);
                    }
                });
    }

    private static void closeThrice(Trainer trainer) {
        List<CompletableFuture<Void>> all =
                List.of(
                        CompletableFuture.runAsync(trainer::close),
                        CompletableFuture.runAsync(trainer::close),
                        CompletableFuture.runAsync(trainer::close));
        all.forEach(CompletableFuture::join);
    }
}
