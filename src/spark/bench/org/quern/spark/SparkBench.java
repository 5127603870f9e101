package org.quern.spark;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.classification.MultilayerPerceptronClassificationModel;
import org.apache.spark.ml.classification.MultilayerPerceptronClassifier;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.quern.backend.Backends;
import org.quern.data.DataReader;
import org.quern.data.Splits;
import org.quern.io.OnnxFile;
import org.quern.run.RunSettings;
import org.quern.run.Sweep;
import org.quern.run.Training;

/**
 * Compares Quern on Spark with what Spark has: {@code SparkBench time|score|sweep|workers MNIST
 * FOLDER N}. On local[2]; sweeps on two executors of one core. See bench/results for how it was
 * run.
 */
public final class SparkBench {
    private static final StructType PIXELS =
            new StructType()
                    .add("features", SQLDataTypes.VectorType())
                    .add("label", DataTypes.DoubleType);

    private static final int ROUNDS = 4;

    private SparkBench() {}

    /** What, the folder of MNIST, a folder for Parquet files, and a number. */
    public static void main(String[] args) throws Exception {
        Splits mnist = DataReader.read(Path.of(args[1]));
        Path folder = Path.of(args[2]);
        int count = Integer.parseInt(args[3]);
        switch (args[0]) {
            case "time" -> time(mnist, folder, count);
            case "score" -> score(mnist, folder, count);
            case "sweep" -> sweep(mnist, count, args.length > 4 ? Integer.parseInt(args[4]) : 5);
            case "workers" -> workers(mnist, folder, count);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static SparkSession spark(String master) {
        SparkSession.Builder builder =
                SparkSession.builder()
                        .master(master)
                        .config("spark.ui.enabled", false)
                        .config("spark.log.level", "ERROR")
                        .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir"));
        if (master.startsWith("local-cluster")) {
            String classes =
                    Arrays.stream(System.getProperty("java.class.path").split(":"))
                            .map(entry -> Path.of(entry).toAbsolutePath().toString())
                            .collect(Collectors.joining(":"));
            builder.config("spark.executor.extraClassPath", classes)
                    .config("spark.executor.extraJavaOptions", "-XX:TieredStopAtLevel=1");
        }
        return builder.getOrCreate();
    }

    private static double seconds(long began) {
        return (System.nanoTime() - began) * 1e-9;
    }

    private static double cpu() {
        var system =
                (com.sun.management.OperatingSystemMXBean)
                        ManagementFactory.getOperatingSystemMXBean();
        return system.getProcessCpuTime() * 1e-9;
    }

    private static void say(String text, Object... arguments) {
        System.out.println("| " + String.format(Locale.ROOT, text, arguments) + " |");
    }

    /** Rows as Parquet, those of the set one after the other as often as it takes; made once. */
    private static Dataset<Row> parquet(
            SparkSession spark, org.quern.data.Dataset set, Path file, int rows) {
        if (!Files.exists(file)) {
            int piece = 20_000;
            for (int from = 0; from < rows; from += piece) {
                List<Row> some = new ArrayList<>();
                for (int row = from; row < Math.min(rows, from + piece); row++) {
                    int of = row % set.rows();
                    double[] pixels =
                            IntStream.range(0, set.features())
                                    .mapToDouble(i -> set.value(of, i) / 255.0)
                                    .toArray();
                    some.add(
                            RowFactory.create(
                                    Vectors.dense(pixels).compressed(), (double) set.labels()[of]));
                }
                spark.createDataFrame(some, PIXELS)
                        .repartition(2)
                        .write()
                        .mode("append")
                        .parquet(file.toString());
            }
        }
        return spark.read().parquet(file.toString());
    }

    private static double accuracy(Dataset<Row> predictions) {
        return new MulticlassClassificationEvaluator()
                .setMetricName("accuracy")
                .evaluate(predictions);
    }

    private static QuernClassifier tutorial(int epochs) {
        return new QuernClassifier()
                .setLayers("dense 48 relu, dropout 0.3, dense 15 relu, dropout 0.3, dense 10")
                .setEpochs(epochs)
                .setSettings(Map.of("scale", "1"));
    }

    /** Time to 0.955 on the test rows, and what Spark's own reaches in so many minutes. */
    private static void time(Splits mnist, Path folder, int minutes) {
        SparkSession spark = spark("local[2]");
        Dataset<Row> train = parquet(spark, mnist.train(), folder.resolve("train"), 60_000);
        Dataset<Row> test = parquet(spark, mnist.test(), folder.resolve("test"), 10_000).cache();
        test.count();
        say("what | seconds | CPU seconds of the JVM | test accuracy");
        double reached = 0;
        for (int epochs = 4; reached < 0.955 && epochs <= 12; epochs++) {
            long began = System.nanoTime();
            double cpu = cpu();
            QuernClassificationModel model = tutorial(epochs).fit(train);
            double took = seconds(began);
            double used = cpu() - cpu;
            reached = accuracy(model.transform(test));
            say("QuernClassifier, %d epochs | %.1f | %.1f | %.4f", epochs, took, used, reached);
        }
        Dataset<Row> cached = train.cache();
        cached.count();
        long began = System.nanoTime();
        double cpu = cpu();
        MultilayerPerceptronClassificationModel model = null;
        int iterations = 0;
        while (seconds(began) < minutes * 60) {
            MultilayerPerceptronClassifier own =
                    new MultilayerPerceptronClassifier()
                            .setLayers(new int[] {784, 48, 15, 10})
                            .setSeed(1)
                            .setMaxIter(50)
                            .setTol(1e-9);
            if (model != null) {
                own.setInitialWeights(model.weights());
            }
            model = own.fit(cached);
            iterations += 50;
            say(
                    "MultilayerPerceptronClassifier, %d iterations | %.1f | %.1f | %.4f",
                    iterations, seconds(began), cpu() - cpu, accuracy(model.transform(test)));
        }
        spark.stop();
    }

    /** Rows a second, from Parquet to nowhere. */
    private static void score(Splits mnist, Path folder, int rows) throws Exception {
        SparkSession spark = spark("local[2]");
        Dataset<Row> train = parquet(spark, mnist.train(), folder.resolve("train"), 60_000);
        Dataset<Row> all = parquet(spark, mnist.train(), folder.resolve("score" + rows), rows);
        QuernClassificationModel quern = tutorial(1).fit(train);
        MultilayerPerceptronClassificationModel spar =
                new MultilayerPerceptronClassifier()
                        .setLayers(new int[] {784, 48, 15, 10})
                        .setMaxIter(1)
                        .fit(train.limit(1000));
        Path onnx = folder.resolve("model.onnx");
        OnnxFile.write(onnx, quern.saved());
        byte[] model = Files.readAllBytes(onnx);
        for (int round = 0; round < 3; round++) {
            timed("reading alone", rows, all.select("features"));
            timed("Quern, prediction", rows, quern.transform(all).select("prediction"));
            timed("Spark's own, prediction", rows, spar.transform(all).select("prediction"));
            timed("Quern, all columns", rows, quern.transform(all));
            timed("Spark's own, all columns", rows, spar.transform(all));
            timed(
                    "ONNX Runtime in mapPartitions, prediction",
                    rows,
                    all.select("features")
                            .mapPartitions(new Onnx(model), Encoders.DOUBLE())
                            .toDF());
        }
        spark.stop();
    }

    private static void timed(String what, int rows, Dataset<Row> data) {
        long began = System.nanoTime();
        double cpu = cpu();
        data.write().format("noop").mode("overwrite").save();
        double took = seconds(began);
        say("%s | %.1f s | %.1f CPU s | %,.0f rows/s", what, took, cpu() - cpu, rows / took);
    }

    /** The same model in ONNX Runtime, one session for each partition, 1,024 rows at a time. */
    private record Onnx(byte[] model) implements MapPartitionsFunction<Row, Double> {
        @Override
        public Iterator<Double> call(Iterator<Row> rows) throws Exception {
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            OrtSession.SessionOptions options = new OrtSession.SessionOptions();
            options.setIntraOpNumThreads(1);
            OrtSession session = environment.createSession(model, options);
            String input = session.getInputNames().iterator().next();
            return new Iterator<>() {
                private float[][] outputs = new float[0][];
                private int next;

                @Override
                public boolean hasNext() {
                    return next < outputs.length || rows.hasNext();
                }

                @Override
                public Double next() {
                    if (next == outputs.length) {
                        read();
                    }
                    float[] own = outputs[next++];
                    int most = 0;
                    for (int i = 1; i < own.length; i++) {
                        most = own[i] > own[most] ? i : most;
                    }
                    return (double) most;
                }

                private void read() {
                    float[] values = new float[1024 * 784];
                    int count = 0;
                    while (count < 1024 && rows.hasNext()) {
                        Features.copy(rows.next().get(0), values, 784 * count++);
                    }
                    FloatBuffer buffer = FloatBuffer.wrap(values, 0, count * 784);
                    try (OnnxTensor tensor =
                                    OnnxTensor.createTensor(
                                            environment, buffer, new long[] {count, 784});
                            OrtSession.Result result = session.run(Map.of(input, tensor))) {
                        outputs = (float[][]) result.get(0).getValue();
                        next = 0;
                    } catch (OrtException e) {
                        throw new IllegalStateException(e);
                    }
                }
            };
        }
    }

    /** So many members on two executors, and one after the other on one thread, in turns. */
    private static void sweep(Splits mnist, int members, int epochs) {
        List<String> seeds = IntStream.rangeClosed(1, members).mapToObj(Integer::toString).toList();
        RunSettings base = RunSettings.DEFAULT.with(Map.of("validation", 0.1, "epochs", epochs));
        List<Sweep.Member> all = Sweep.members(base, Map.of("seed", seeds));
        SparkSession spark = spark("local-cluster[2,1,1024]");
        List<Sweep.Member> on = all.stream().map(one -> one.on(mnist)).toList();
        Sweep alike = new Sweep(mnist, Backends.choose("auto").backend(), 1);
        Sweep.Watcher models = // they are results on both sides
                new Sweep.Watcher() {
                    @Override
                    public void ends(Training training) {
                        Bytes.of(training.model());
                    }
                };
        say(
                "round | two executors | members | one process | members | ratio to half | same scores");
        for (int round = 1; round <= ROUNDS; round++) { // the first has executors that are not warm
            long began = System.nanoTime();
            List<QuernSweep.Result> results = new QuernSweep(spark).run(mnist, all);
            double two = seconds(began);
            began = System.nanoTime();
            List<Sweep.Result> alone = on.stream().map(one -> alike.train(one, models)).toList();
            double single = seconds(began);
            boolean same =
                    IntStream.range(0, members)
                            .allMatch(
                                    i ->
                                            results.get(i)
                                                    .scores()
                                                    .test()
                                                    .equals(alone.get(i).test()));
            double trained = results.stream().mapToDouble(r -> r.scores().seconds()).sum();
            double trainedAlone = alone.stream().mapToDouble(Sweep.Result::seconds).sum();
            say(
                    "%d | %.1f | %.1f | %.1f | %.1f | %.2f | %s",
                    round, two, trained, single, trainedAlone, two / (single / 2), same);
            if (round == ROUNDS) {
                byte[] file = Bytes.of(results.get(0).model());
                int header =
                        8 + (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
                byte[] tensors = Arrays.copyOfRange(file, header, file.length);
                say("SHA-256 of the tensors of seed 1: %s...", Bytes.digest(tensors));
            }
        }
        spark.stop();
    }

    /** One worker and two: accuracy, steps between averages, time. */
    private static void workers(Splits mnist, Path folder, int epochs) {
        SparkSession spark = spark("local[2]");
        Dataset<Row> train = parquet(spark, mnist.train(), folder.resolve("train"), 60_000);
        Dataset<Row> test = parquet(spark, mnist.test(), folder.resolve("test"), 10_000);
        String wide = "dense 512 relu, dense 256 relu, dense 10";
        for (int workers : new int[] {1, 2}) {
            for (int every : workers == 1 ? new int[] {0} : new int[] {0, 50, 500}) {
                long began = System.nanoTime();
                QuernClassificationModel model =
                        tutorial(epochs)
                                .setLayers(wide)
                                .setWorkers(workers)
                                .setAverageEvery(every)
                                .fit(train);
                double took = seconds(began);
                double accuracy = accuracy(model.transform(test));
                say(
                        "%d workers, averaged every %d steps | %.1f s | %.4f",
                        workers, model.averagedEvery(), took, accuracy);
            }
        }
        spark.stop();
    }
}
