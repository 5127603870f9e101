package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.attribute.Attribute;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.ml.evaluation.BinaryClassificationEvaluator;
import org.apache.spark.ml.feature.VectorAssembler;
import org.apache.spark.ml.functions$;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;

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
                .hasMessageContaining("column features is null in a row");
    }

    @Test
    void thresholdsDecide() {
        QuernClassificationModel other = model.copy(new org.apache.spark.ml.param.ParamMap());
        other.setThresholds(new double[] {1, 1, 1e-9});
        assertThat(other.transform(points).select("prediction").distinct().collectAsList())
                .containsExactly(RowFactory.create(2.0));
    }

    @Test
    void thresholdsAreAsManyAsClasses() {
        for (double[] wrong : new double[][] {{.5, .5}, {.2, .2, .2, .2}}) {
            assertThatThrownBy(() -> model.transform(points, thresholds(model, wrong)))
                    .isInstanceOf(QuernException.class)
                    .hasMessage("thresholds: there are %d of them, and 3 classes", wrong.length);
            QuernClassifier classifier = new QuernClassifier().setLayers("dense 3");
            assertThatThrownBy(() -> classifier.fit(points, thresholds(classifier, wrong)))
                    .isInstanceOf(QuernException.class);
        }
    }

    private static ParamMap thresholds(QuernParams of, double[] values) {
        return new ParamMap().put(of.getParam("thresholds"), values);
    }

    /** Spark computes what is equal in a plan once: the same rows with other answers are not. */
    @Test
    void differentAnswersToTheSameRowsAreNotTakenForOne() {
        Dataset<Row> scored = model.transform(numbered().repartition(4));
        Dataset<Row> both = vectors(scored, "rawPrediction").union(vectors(scored, "probability"));
        Row sums =
                both.filter("name = 'probability'")
                        .agg(functions.min("least"), functions.max("sum"))
                        .first();
        assertThat(both.filter("name = 'rawPrediction'").agg(functions.min("least")).first())
                .matches(row -> row.getDouble(0) < 0);
        assertThat(sums.getDouble(0)).isBetween(0.0, 1.0);
        assertThat(sums.getDouble(1)).isCloseTo(1, within(1e-6));
        for (boolean adaptive : new boolean[] {true, false}) {
            spark.conf().set("spark.sql.adaptive.enabled", adaptive);
            spark.conf().set("spark.sql.autoBroadcastJoinThreshold", "-1");
            try {
                List<Row> joined =
                        scored.select("id", "rawPrediction")
                                .join(scored.select("id", "probability"), "id")
                                .collectAsList();
                assertThat(joined).hasSize(600);
                for (Row row : joined) {
                    Vector raw = row.<DenseVector>getAs("rawPrediction").copy();
                    assertThat(row.<Vector>getAs("probability"))
                            .isEqualTo(model.raw2probabilityInPlace(raw));
                }
            } finally {
                spark.conf().unset("spark.sql.adaptive.enabled");
                spark.conf().unset("spark.sql.autoBroadcastJoinThreshold");
            }
        }
    }

    private Dataset<Row> numbered() {
        return points.withColumn("id", functions.monotonically_increasing_id());
    }

    private static Dataset<Row> vectors(Dataset<Row> of, String answer) {
        Column numbers = functions$.MODULE$.vector_to_array(functions.col(answer), "float64");
        Column sum =
                functions.aggregate(numbers, functions.lit(0.0), (one, next) -> one.plus(next));
        return of.groupBy(answer)
                .count()
                .select(
                        functions.lit(answer).as("name"),
                        functions.array_min(numbers).as("least"),
                        sum.as("sum"));
    }

    @Test
    void aModelOutlivesItsSession() {
        List<Row> before = model.transform(points).select("rawPrediction").collectAsList();
        spark.stop();
        Dataset<Row> again = Cluster.points(Cluster.local());
        QuernClassifier classifier = new QuernClassifier().setLayers("dense 16 relu, dense 3");
        for (int i = 0; i < 3; i++) { // broadcasts take the numbers that others had
            classifier.setEpochs(1).setSeed(i).fit(again).transform(again).collectAsList();
            assertThat(model.transform(again).select("rawPrediction").collectAsList())
                    .isEqualTo(before);
        }
    }

    @Test
    void twoColumnsOfOneNameAreRefused() {
        Dataset<Row> one = numbered();
        Dataset<Row> two =
                one.select(one.col("id").as("other"), one.col("features"))
                        .join(one, functions.expr("id = other"));
        assertThatThrownBy(() -> model.transform(two))
                .isInstanceOf(QuernException.class)
                .hasMessage("2 columns are called features: rename one");
        Dataset<Row> large = points.withColumnRenamed("features", "Features");
        assertThat(model.transform(large).select("prediction").collectAsList())
                .isEqualTo(model.transform(points).select("prediction").collectAsList());
        assertThatThrownBy(
                        () -> model.transform(points.withColumn("Prediction", points.col("label"))))
                .hasMessage("there is a column prediction already: give answers another name");
    }

    /** Rows are read ahead of those that are given out, which may be of another file. */
    @Test
    void fileNamesAreThoseOfTheRows(@TempDir Path folder) {
        String files = folder.resolve("files").toString();
        points.repartition(7).write().parquet(files);
        Dataset<Row> rows = spark.read().parquet(files);
        assertThat(rows.rdd().getNumPartitions()).isLessThan(7);
        Dataset<Row> named =
                model.transform(rows.withColumn("file", functions.col("_metadata.file_path")))
                        .select(
                                functions.col("prediction"),
                                functions.col("file"),
                                functions.input_file_name().as("name"));
        List<Row> all = named.collectAsList();
        assertThat(all).hasSize(600).allMatch(row -> path(row, 1).equals(path(row, 2)));
        assertThat(all.stream().map(row -> row.getString(2)).distinct()).hasSize(7);
    }

    @Test
    void rowsOfNoFileHaveNoFilesName(@TempDir Path folder) {
        String files = folder.resolve("files").toString();
        points.coalesce(1).write().parquet(files);
        Dataset<Row> named = model.transform(spark.read().parquet(files));
        Dataset<Row> both =
                named.select(functions.input_file_name())
                        .union(spark.range(2).select(functions.input_file_name()))
                        .coalesce(1);
        assertThat(both.filter(functions.col("input_file_name()").equalTo("")).count())
                .isEqualTo(2);
    }

    private static String path(Row row, int column) {
        return row.getString(column).replaceFirst("^file:/+", "");
    }

    /** A condition on the rows' own columns spares the answers of those that it leaves out. */
    @Test
    void conditionsOnRowsComeBeforeTheirAnswers(@TempDir Path folder) {
        Column gap = functions.when(functions.expr("id % 10 = 0"), null);
        Dataset<Row> gaps =
                numbered().withColumn("features", gap.otherwise(points.col("features")));
        Dataset<Row> scored = model.transform(gaps);
        assertThat(scored.filter("features is not null").collectAsList())
                .isEqualTo(model.transform(gaps.filter("features is not null")).collectAsList());
        assertThat(scored.filter("features is not null and prediction = 1").count())
                .isEqualTo(model.transform(gaps.na().drop()).filter("prediction = 1").count());
        QuernClassificationModel second = model.copy(new ParamMap());
        second.setPredictionCol("p").setProbabilityCol("").setRawPredictionCol("");
        assertThat(second.transform(scored).filter("features is not null").count()).isEqualTo(540);
        String parts = folder.resolve("parts").toString();
        numbered()
                .withColumn("part", functions.expr("id % 2"))
                .write()
                .partitionBy("part")
                .parquet(parts);
        Dataset<Row> one = model.transform(spark.read().parquet(parts)).filter("part = 1");
        assertThat(plan(one)).contains("(part#").doesNotContain("PartitionFilters: []");
        assertThat(one.count()).isEqualTo(300);
    }

    /** Who comes after it in a pipeline knows what its answers are without looking at rows. */
    @Test
    void answersHaveAttributes() {
        StructType schema = model.transform(points).schema();
        assertThat(AttributeGroup.fromStructField(schema.apply("rawPrediction")).size())
                .isEqualTo(3);
        assertThat(AttributeGroup.fromStructField(schema.apply("probability")).size()).isEqualTo(3);
        assertThat(Attribute.fromStructField(schema.apply("prediction")))
                .isEqualTo(NominalAttribute.defaultAttr().withName("prediction").withNumValues(3));
        assertThat(model.transformSchema(points.schema())).isEqualTo(schema);
        Dataset<Row> assembled =
                new VectorAssembler()
                        .setInputCols(new String[] {"probability", "label"})
                        .setOutputCol("next")
                        .setHandleInvalid("keep")
                        .transform(model.transform(points.limit(0)));
        assertThat(assembled.count()).isZero();
    }

    /** The evaluator's own column ranks by the second number alone. */
    @Test
    void twoClassesAreRankedByTheirRawAnswersToo() {
        Dataset<Row> two = points.withColumn("label", functions.expr("CAST(label > 0 AS DOUBLE)"));
        Dataset<Row> scored =
                new QuernClassifier()
                        .setLayers("dense 8 relu, dense 2")
                        .setEpochs(1)
                        .fit(two)
                        .transform(two);
        BinaryClassificationEvaluator auc = new BinaryClassificationEvaluator();
        double byRaw = auc.evaluate(scored);
        assertThat(byRaw)
                .isCloseTo(auc.setRawPredictionCol("probability").evaluate(scored), within(1e-12));
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
