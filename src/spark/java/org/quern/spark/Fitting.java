package org.quern.spark;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.ml.attribute.Attribute;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;
import org.quern.data.Classes;
import org.quern.model.Model;
import org.quern.run.RunSettings;
import org.quern.run.Setting;

/** What the driver does in {@code fit}. */
final class Fitting {
    /** Blocks as they came, one array of all, and the same with columns standardized. */
    private static final int COPIES = 3;

    private final QuernParams params;
    private final RunSettings settings;
    private final String features;
    private final String label;
    private final boolean classify;
    private final int[] shape;

    Fitting(QuernParams params, String features, String label, boolean classify) {
        this.params = params;
        this.features = features;
        this.label = label;
        this.classify = classify;
        settings = params.settings();
        shape = params.value(params.shape(), new int[0]);
        if (shape.length > 0) {
            Model.input(shape); // refuses what is no shape
        }
        if (settings.asksFor(Setting.LOSS)) {
            boolean classes = settings.loss().classifies();
            String text = "loss %s is not for %s: use Quern%s";
            String what = classify ? "classes" : "numbers";
            String other = classify ? "Regressor" : "Classifier";
            expect(classes == classify, text, settings.text("loss"), what, other);
        }
    }

    /** Refuses columns that are not there or of the wrong type. */
    void check(StructType schema) {
        Features.check(schema, features);
        Features.checkLabel(schema, label);
    }

    Trained fit(Dataset<?> data) {
        check(data.schema());
        int workers = params.atLeast(1, params.workers(), 1);
        Blocks.Labels labels = classify ? Blocks.Labels.CLASSES : Blocks.Labels.NUMBERS;
        try (Blocks blocks = new Blocks(data, features, label, labels, shape)) {
            List<String> classes = classify ? classes(data, blocks) : null;
            SparkContext spark = data.sparkSession().sparkContext();
            checkSize(spark, blocks, workers);
            if (classify) {
                Scoring.check(params.value(params.getParam("thresholds"), null), classes.size());
            }
            if (workers > 1) {
                return new Averaging(params, settings, blocks, classes, shape).fit(workers);
            }
            return new Trained(onOne(blocks, classes).orThrow(), 0);
        }
    }

    private Outcome onOne(Blocks blocks, List<String> classes) {
        RunSettings asked = settings;
        int[] extents = shape;
        String checkpoint = params.value(params.checkpoint(), null);
        int every = params.atLeast(1, params.checkpointInterval(), 1);
        FlatMapFunction<Iterator<Block>, byte[]> train =
                some -> {
                    List<Block> all = new ArrayList<>();
                    some.forEachRemaining(all::add);
                    var rows = Blocks.together(all, classes, extents);
                    Outcome outcome = OnExecutor.train(asked, rows, checkpoint, every);
                    return List.of(Bytes.of(outcome)).iterator();
                };
        byte[] outcome = blocks.rdd.coalesce(1, true).mapPartitions(train).collect().get(0);
        return Bytes.to(Outcome.class, outcome);
    }

    /** Names of the classes: those of the column, else their numbers. */
    private List<String> classes(Dataset<?> data, Blocks blocks) {
        StructType schema = data.schema();
        Attribute of = Attribute.fromStructField(schema.fields()[Features.place(schema, label)]);
        List<String> names = new ArrayList<>();
        int least = settings.asksFor(Setting.MODEL) ? settings.config(1).model().outputSize() : 2;
        int classes = Math.max(Math.max(2, least), blocks.classes());
        if (of instanceof NominalAttribute nominal && nominal.getNumValues().isDefined()) {
            int known = (int) nominal.getNumValues().get();
            String text = "column %s: label %d is out of range: it says that there are %d classes";
            expect(blocks.classes() <= known, text, label, blocks.classes() - 1, known);
            classes = Math.max(2, known);
            if (nominal.values().isDefined()) {
                names.addAll(List.of(nominal.values().get()));
            }
        }
        return Classes.ofOutputs(names, classes);
    }

    /** Refuses rows that an executor has no memory for. */
    private void checkSize(SparkContext spark, Blocks blocks, int workers) {
        long one = blocks.pixels && blocks.summaries.stream().allMatch(b -> b.bytes) ? 1 : 4;
        long rows = (blocks.rows + workers - 1) / workers;
        long need = COPIES * one * rows * blocks.width;
        long has = memory(spark);
        boolean fits = need <= has && rows * blocks.width < Integer.MAX_VALUE - 8;
        if (!fits) {
            throw usage(
                    "%,d rows of %,d numbers are too many for one executor: training takes %,d MB"
                            + " and it has %,d MB: raise %s%s, or give fewer rows",
                    rows,
                    blocks.width,
                    need >> 20,
                    has >> 20,
                    spark.isLocal() ? "spark.driver.memory" : "spark.executor.memory",
                    ", or share the rows out by setWorkers with more than " + workers);
        }
    }

    private static long memory(SparkContext spark) {
        SparkConf conf = spark.getConf();
        return spark.isLocal()
                ? Runtime.getRuntime().maxMemory()
                : conf.getSizeAsBytes("spark.executor.memory", "1g");
    }
}
