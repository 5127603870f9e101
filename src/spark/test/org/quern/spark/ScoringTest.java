package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.functions$;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What transform does to rows, whoever asks for which of their columns. */
class ScoringTest {
    private static final List<String> OTHERS =
            List.of("label", "text", "nested", "list", "none", "money", "time", "map");

    private final SparkSession spark = Cluster.local();
    private final Dataset<Row> points = Cluster.points(spark);
    private final QuernClassificationModel model =
            new QuernClassifier().setLayers("dense 16 relu, dense 3").setEpochs(2).fit(points);

    /** Points beside columns of other types; every seventh of their texts is null. */
    private Dataset<Row> wide() {
        Column label = points.col("label");
        Column seventh = label.plus(functions.monotonically_increasing_id()).mod(7).equalTo(0);
        return points.withColumn("text", functions.when(seventh, null).otherwise("täxt"))
                .withColumn("nested", functions.struct(label, functions.lit("in")))
                .withColumn("list", functions.array(functions.lit("a"), functions.lit(null)))
                .withColumn("none", functions.lit(null).cast("string"))
                .withColumn("money", label.plus(0.25).cast("decimal(30,4)"))
                .withColumn("time", functions.lit("2026-11-28 12:00:00").cast("timestamp"))
                .withColumn("map", functions.map(functions.lit("k"), label));
    }

    @Test
    void otherColumnsComeThroughAsTheyWere() {
        Dataset<Row> wide = wide();
        Dataset<Row> scored = model.transform(wide);
        assertThat(scored.drop("rawPrediction", "probability", "prediction").collectAsList())
                .isEqualTo(wide.collectAsList());
        List<Row> all = scored.collectAsList();
        assertThat(all).hasSize(600);
        for (int i = 0; i < 600; i += 97) {
            Vector raw = model.predictRaw(all.get(i).getAs("features"));
            assertThat(all.get(i).<Vector>getAs("rawPrediction")).isEqualTo(raw);
            DenseVector likely = (DenseVector) raw.copy();
            assertThat(all.get(i).<Vector>getAs("probability"))
                    .isEqualTo(model.raw2probabilityInPlace(likely));
            assertThat(all.get(i).<Double>getAs("prediction")).isEqualTo(raw.argmax());
        }
    }

    @Test
    void whoAsksForSomeColumnsGetsTheSame(@TempDir Path folder) {
        String file = folder.resolve("points").toString();
        wide().write().parquet(file); // read in columns
        Dataset<Row> rows = spark.read().parquet(file);
        Dataset<Row> scored = model.transform(rows);
        List<Row> all = scored.collectAsList();
        for (String[] some :
                new String[][] {
                    {"prediction"},
                    {"probability", "text"},
                    {"nested", "rawPrediction", "list", "none"},
                    OTHERS.toArray(String[]::new)
                }) {
            Column[] columns = Arrays.stream(some).map(scored::col).toArray(Column[]::new);
            List<Row> expected =
                    all.stream()
                            .map(
                                    row ->
                                            RowFactory.create(
                                                    Arrays.stream(some).map(row::getAs).toArray()))
                            .toList();
            assertThat(scored.select(columns).collectAsList()).isEqualTo(expected);
        }
        assertThat(scored.count()).isEqualTo(600);
        Dataset<Row> zeros = scored.filter("prediction = 0");
        assertThat(zeros.select("label").collectAsList())
                .isEqualTo(
                        all.stream()
                                .filter(row -> row.<Double>getAs("prediction") == 0)
                                .map(row -> RowFactory.create(row.<Double>getAs("label")))
                                .toList());
        assertThat(plan(scored.select("prediction")))
                .contains("[PREDICTION#")
                .doesNotContain("text")
                .doesNotContain("PROBABILITY");
        assertThat(model.transform(rows.cache()).collectAsList()).isEqualTo(all);
        assertThat(scored.limit(3).collectAsList()).isEqualTo(all.subList(0, 3));
        Dataset<Row> joined =
                scored.as("a")
                        .join(
                                scored.as("b"),
                                functions.expr(
                                        "a.money = b.money AND a.prediction = b.prediction"));
        assertThat(joined.select("a.prediction", "b.probability").count()).isGreaterThan(600);
    }

    private static String plan(Dataset<Row> rows) {
        return ((org.apache.spark.sql.classic.Dataset<?>) rows)
                .queryExecution()
                .executedPlan()
                .toString();
    }

    @Test
    void arraysAndSparseVectorsAndGapsAreRead() {
        List<Row> expected = model.transform(points).select("rawPrediction").collectAsList();
        Column features = points.col("features");
        for (String type : List.of("float64", "float32")) {
            Column array = functions$.MODULE$.vector_to_array(features, type);
            List<Row> answers =
                    model.transform(points.withColumn("features", array))
                            .select("rawPrediction")
                            .collectAsList();
            assertThat(answers).isEqualTo(expected);
        }
        for (String type : List.of("decimal(20,2)", "int", "bigint", "smallint", "tinyint")) {
            Dataset<Row> whole =
                    points.selectExpr(
                            "array(CAST(3 AS "
                                    + type
                                    + "), NULL, CAST(7 AS "
                                    + type
                                    + ")) AS features");
            Vector gap = model.transform(whole).first().getAs("rawPrediction");
            assertThat(gap).isEqualTo(model.predictRaw(Vectors.dense(3, Double.NaN, 7)));
        }
        Dataset<Row> sparse =
                spark.createDataFrame(
                        List.of(
                                RowFactory.create(
                                        Vectors.sparse(3, new int[] {1}, new double[] {-0.0}), 0.0),
                                RowFactory.create(Vectors.dense(Double.NaN, 1, 2), 0.0),
                                RowFactory.create(
                                        Vectors.sparse(3, new int[] {0, 2}, new double[] {5, 6}),
                                        0.0)),
                        Cluster.POINTS);
        for (Row row : model.transform(sparse).collectAsList()) {
            Vector vector = row.getAs("features");
            assertThat(row.<Vector>getAs("rawPrediction")).isEqualTo(model.predictRaw(vector));
        }
    }

    @Test
    void aRowWithoutFeaturesIsNamed() {
        Dataset<Row> none =
                spark.createDataFrame(List.of(RowFactory.create(null, 1.0)), Cluster.POINTS);
        assertThatThrownBy(() -> model.transform(none).collectAsList())
                .hasMessageContaining(
                        "column features: a row has 0 numbers, but the model takes 3");
    }

    @Test
    void thresholdsDecide() {
        QuernClassificationModel other = model.copy(new org.apache.spark.ml.param.ParamMap());
        other.setThresholds(new double[] {1, 1, 1e-9});
        assertThat(other.transform(points).select("prediction").distinct().collectAsList())
                .containsExactly(RowFactory.create(2.0));
    }

    @Test
    void nothingIsComputedBeforeSomebodyAsks() {
        Dataset<Row> failing =
                points.withColumn(
                        "features",
                        functions.expr("if(label >= 0, raise_error('read'), features)"));
        Dataset<Row> scored = model.transform(failing);
        assertThatThrownBy(scored::collectAsList).hasMessageContaining("read");
    }

    @Test
    void streamsAreAnswered(@TempDir Path folder) throws Exception {
        String file = folder.resolve("points").toString();
        points.write().parquet(file);
        Dataset<Row> stream = spark.readStream().schema(points.schema()).parquet(file);
        Dataset<Row> scored = model.transform(stream);
        assertThat(scored.isStreaming()).isTrue();
        StreamingQuery query =
                scored.select("prediction")
                        .writeStream()
                        .format("memory")
                        .queryName("answers")
                        .start();
        query.processAllAvailable();
        query.stop();
        assertThat(spark.table("answers").groupBy("prediction").count().collectAsList())
                .containsExactlyInAnyOrderElementsOf(
                        model.transform(points).groupBy("prediction").count().collectAsList());
    }
}
