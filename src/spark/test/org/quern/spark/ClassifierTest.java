package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.feature.StringIndexer;
import org.apache.spark.ml.functions$;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.tuning.CrossValidator;
import org.apache.spark.ml.tuning.CrossValidatorModel;
import org.apache.spark.ml.tuning.ParamGridBuilder;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.data.Columns;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.run.Setting;

class ClassifierTest {
    private final Dataset<Row> points = Cluster.points(Cluster.local());

    private static QuernClassifier classifier() {
        return new QuernClassifier().setLayers("dense 16 relu, dense 3").setEpochs(20);
    }

    private static double accuracy(Dataset<Row> predictions) {
        return new MulticlassClassificationEvaluator()
                .setMetricName("accuracy")
                .evaluate(predictions);
    }

    @Test
    void learnsAndAnswersAsSparkDoes() {
        QuernClassificationModel model = classifier().fit(points);
        Dataset<Row> predictions = model.transform(points);
        assertThat(accuracy(predictions)).isGreaterThan(0.95);
        assertThat(predictions.columns())
                .containsExactly("features", "label", "rawPrediction", "probability", "prediction");
        for (Row row : predictions.takeAsList(50)) {
            Vector probability = row.getAs("probability");
            Vector raw = row.getAs("rawPrediction");
            assertThat(Arrays.stream(probability.toArray()).sum()).isCloseTo(1, within(1e-9));
            assertThat(row.<Double>getAs("prediction")).isEqualTo(raw.argmax());
            Vector features = row.getAs("features");
            assertThat(model.predict(features)).isEqualTo(row.<Double>getAs("prediction"));
            assertThat(model.predictProbability(features)).isEqualTo(probability);
        }
        assertThat(model.numFeatures()).isEqualTo(3);
        assertThat(model.numClasses()).isEqualTo(3);
        assertThat(model.history()).hasSize(20);
        assertThat(model.device()).isNotEmpty();
        assertThat(model.averagedEvery()).isZero();
    }

    @Test
    void columnsThatAreNotNamedAreLeftOut() {
        QuernClassificationModel model = classifier().setEpochs(1).fit(points);
        model.setRawPredictionCol("").setProbabilityCol("").setPredictionCol("class");
        assertThat(model.transform(points).columns()).containsExactly("features", "label", "class");
    }

    @Test
    void vectorsArraysAndPartitionsGiveTheSameBits() {
        byte[] model = bits(points);
        assertThat(bits(points.coalesce(1))).isEqualTo(model);
        Dataset<Row> arrays =
                points.withColumn(
                        "features",
                        functions$.MODULE$.vector_to_array(points.col("features"), "float64"));
        assertThat(bits(arrays)).isEqualTo(model);
    }

    private static byte[] bits(Dataset<Row> rows) {
        return Bytes.of(classifier().setEpochs(2).fit(rows).saved());
    }

    @Test
    void aPipelineIsSavedAndRead(@TempDir Path folder) throws Exception {
        Dataset<Row> named =
                points.withColumn(
                                "kind",
                                functions.concat(
                                        functions.lit("k"), points.col("label").cast("int")))
                        .drop("label");
        Pipeline pipeline =
                new Pipeline()
                        .setStages(
                                new PipelineStage[] {
                                    new StringIndexer().setInputCol("kind").setOutputCol("label"),
                                    classifier().setSettings(Map.of("class-weights", "balanced"))
                                });
        String estimator = folder.resolve("estimator").toString();
        pipeline.write().save(estimator);
        PipelineModel model = Pipeline.load(estimator).fit(named);
        String path = folder.resolve("model").toString();
        model.write().save(path);
        PipelineModel read = PipelineModel.load(path);
        assertThat(read.transform(named).collectAsList())
                .isEqualTo(model.transform(named).collectAsList());
        QuernClassificationModel own = (QuernClassificationModel) read.stages()[1];
        assertThat(own.settings().get(Setting.EPOCHS)).isEqualTo(20);
        assertThat(own.settings().text("class-weights")).isEqualTo("balanced");
        assertThat(own.saved().classes()).containsExactlyInAnyOrder("k0", "k1", "k2");
        assertThat(own.uid()).isEqualTo(((QuernClassificationModel) model.stages()[1]).uid());
    }

    @Test
    void crossValidationFindsTheBetterRate() {
        QuernClassifier classifier = classifier().setEpochs(5);
        ParamMap[] grid =
                new ParamGridBuilder()
                        .addGrid(classifier.learningRate(), new double[] {1e-6, 0.01})
                        .build();
        CrossValidatorModel best =
                new CrossValidator()
                        .setEstimator(classifier)
                        .setEvaluator(
                                new MulticlassClassificationEvaluator().setMetricName("accuracy"))
                        .setEstimatorParamMaps(grid)
                        .setNumFolds(2)
                        .setParallelism(2)
                        .fit(points);
        assertThat(best.avgMetrics()[1]).isGreaterThan(0.9).isGreaterThan(best.avgMetrics()[0]);
        QuernClassificationModel model = (QuernClassificationModel) best.bestModel();
        assertThat(model.settings().get(Setting.RATE)).isEqualTo(0.01);
    }

    @Test
    void allSettingsAreParams() {
        QuernClassifier classifier = new QuernClassifier();
        assertThat(classifier.explainParams()).contains("Learning rate", "workers", "classWeights");
        classifier.set(classifier.getParam("classWeights"), "balanced");
        Map<String, Object> texts = Map.of("scale", "1", "lr", 1, "seed", "3", "balance", false);
        assertThat(classifier.setSettings(texts).settings().texts())
                .containsEntry("scale", "1.0")
                .containsEntry("lr", "1.0")
                .containsEntry("seed", "3");
        assertThat(classifier.settings().text("class-weights")).isEqualTo("balanced");
        assertThat(classifier.copy(new ParamMap()).settings().text("class-weights"))
                .isEqualTo("balanced");
    }

    @Test
    void whatIsWrongIsSaidInOneLine() {
        refused(
                "no column features",
                () -> classifier().fit(points.withColumnRenamed("features", "x")));
        refused("no column y", () -> classifier().setLabelCol("y").fit(points));
        refused(
                "column label is of type string",
                () -> classifier().fit(points.withColumn("label", functions.lit("a"))));
        refused(
                "column features is of type double",
                () -> classifier().fit(points.withColumn("features", functions.lit(1.0))));
        refused(
                "column label: -1.0 is out of range",
                () -> classifier().fit(points.withColumn("label", points.col("label").minus(1))));
        refused(
                ".5 is out of range: labels are whole numbers",
                () -> classifier().fit(points.withColumn("label", points.col("label").plus(0.5))));
        refused(
                "label 123456 is out of range",
                () -> classifier().fit(points.withColumn("label", functions.lit(123456))));
        refused(
                "column label: it is null",
                () ->
                        classifier()
                                .fit(
                                        points.withColumn(
                                                "label", functions.lit(null).cast("double"))));
        refused(
                "has 3 outputs, but rows has 4 classes",
                () -> classifier().fit(points.withColumn("label", points.col("label").plus(1))));
        refused("no rows", () -> classifier().fit(points.limit(0)));
        refused("3 numbers, and shape [2, 2] 4", () -> classifier().setShape(2, 2).fit(points));
        refused("epochs 0", () -> classifier().setEpochs(0).fit(points));
        refused("workers 0", () -> classifier().setWorkers(0).fit(points));
        refused("no setting \"epoch\"", () -> classifier().setSettings(Map.of("epoch", 3)));
        refused(
                "epochs \"many\" is not a number",
                () -> classifier().setSettings(Map.of("epochs", "many")));
        refused(
                "balance \"yes\" is neither true nor false",
                () -> classifier().setSettings(Map.of("balance", "yes")));
        refused("every extent is at least 1", () -> classifier().setShape(-1, -3).fit(points));
        refused(
                "shape [65536, 65536] has more than",
                () -> classifier().setShape(65536, 65536).fit(points));
        Dataset<Row> empty = points.withColumn("features", functions.expr("array_repeat(1.0, 0)"));
        refused("column features: rows have no numbers", () -> classifier().fit(empty));
        refused(
                "loss mse is not for classes: use QuernRegressor",
                () -> classifier().setSettings(Map.of("loss", "mse")).fit(points));
        refused(
                "training diverged",
                () ->
                        classifier()
                                .setLearningRate(1e30)
                                .setSettings(Map.of("optimizer", "sgd"))
                                .fit(points));
        refused(
                "there is a column prediction already",
                () ->
                        classifier()
                                .setEpochs(1)
                                .fit(points)
                                .transform(points.withColumn("prediction", functions.lit(1))));
        refused(
                "no column features",
                () -> classifier().setEpochs(1).fit(points).transform(points.drop("features")));
    }

    private static void refused(String message, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOf(QuernException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }

    /** Vectors are narrowed to float32, in which seconds since 1970 are 128 apart. */
    @Test
    void numbersThatFloatsHardlyTellApartAreTold() {
        Dataset<Row> seconds =
                points.selectExpr("array(1.7e9 + 100 * label, label) AS features", "label");
        assertThat(classifier().setEpochs(1).fit(seconds).notes())
                .singleElement()
                .asString()
                .startsWith("column 0 is about 1700000")
                .endsWith(" apart (float32): subtract a number such as 1700000000 from it");
        assertThat(classifier().setEpochs(1).fit(points).notes()).isEmpty();
    }

    /** As with Spark's own: the layers say how many classes there may be. */
    @Test
    void rowsMayLackAClass() {
        QuernClassificationModel model = classifier().fit(points.filter("label < 2"));
        assertThat(model.numClasses()).isEqualTo(3);
        Dataset<Row> alike = points.withColumn("label", functions.lit("a"));
        Dataset<Row> indexed =
                new StringIndexer()
                        .setInputCol("label")
                        .setOutputCol("index")
                        .fit(alike)
                        .transform(alike);
        QuernClassificationModel one =
                classifier().setLayers("dense 2").setLabelCol("index").fit(indexed);
        assertThat(one.saved().classes()).containsExactly("a", "output 1");
    }

    /** A model from elsewhere takes a vector's numbers in the order of its table's columns. */
    @Test
    void modelsOfNamedColumnsTakeVectors() {
        Columns columns =
                new Columns(
                        List.of(
                                new Columns.Input("x", null, 0, 1, 2, 0, 9, false),
                                new Columns.Input("y", null, 0, 0, 1, 0, 9, true)),
                        List.of(new Columns.Target("kind", 0, 1)),
                        true);
        Model layers = Model.input(columns.width()).dense(2);
        Plan plan = Plan.forInference(layers);
        float[] weights = new float[(int) plan.parameters().size()];
        int at = (int) plan.dense().get(0).weights().offset();
        System.arraycopy(new float[] {1, -1, 0.5f, 0.25f, 3, -3}, 0, weights, at, 6);
        weights[(int) plan.dense().get(0).bias().offset() + 1] = 1;
        SavedModel saved =
                new SavedModel(
                        layers, Loss.CROSS_ENTROPY, weights, List.of("a", "b"), columns, Map.of());
        QuernClassificationModel model = QuernClassificationModel.of(saved);
        Dataset<Row> rows =
                Cluster.local()
                        .createDataFrame(
                                List.of(
                                        RowFactory.create(Vectors.dense(2, 4), 0.0),
                                        RowFactory.create(Vectors.dense(1, Double.NaN), 0.0)),
                                Cluster.POINTS);
        for (Row row : model.transform(rows).collectAsList()) {
            assertThat(row.<Vector>getAs("rawPrediction"))
                    .isEqualTo(model.predictRaw(row.getAs("features")));
        }
        assertThat(model.predictRaw(Vectors.dense(2, 4)).apply(1)).isEqualTo(-2);
        refused(
                "the model takes text in column town",
                () -> QuernClassificationModel.of(withTown(saved)));
    }

    private static SavedModel withTown(SavedModel saved) {
        List<String> towns = List.of("Bonn", "Rome");
        Columns columns =
                new Columns(
                        List.of(
                                saved.columns().inputs().get(0),
                                new Columns.Input("town", towns, 0, 0, 1, 0, 0, false)),
                        saved.columns().targets(),
                        true);
        return new SavedModel(
                saved.model(),
                saved.loss(),
                saved.parameters(),
                saved.classes(),
                columns,
                Map.of());
    }

    @Test
    void aModelOfAnotherVersionIsRefused(@TempDir Path folder) throws Exception {
        String path = folder.resolve("model").toString();
        classifier().setEpochs(1).fit(points).write().save(path);
        Path file = folder.resolve("model/model.safetensors");
        String text = Files.readString(file, StandardCharsets.ISO_8859_1);
        Files.writeString(
                file,
                text.replace("\"quern.format\":\"1\"", "\"quern.format\":\"9\""),
                StandardCharsets.ISO_8859_1);
        Files.deleteIfExists(folder.resolve("model/.model.safetensors.crc"));
        refused(
                "model.safetensors is of format 9, but this version of Quern reads format 1",
                () -> QuernClassificationModel.load(path));
        Files.delete(file);
        refused("it is not a model of Quern's", () -> QuernClassificationModel.load(path));
    }

    @Test
    void rowsThatDoNotFitTheModelAreNamed() {
        QuernClassificationModel model = classifier().setEpochs(1).fit(points);
        Dataset<Row> other = Cluster.numbers(Cluster.local());
        assertThatThrownBy(() -> model.transform(other).count())
                .hasMessageContaining(
                        "column features: a row has 2 numbers, but the model takes 3");
    }

    @Test
    void onePredictorServesAllTasks() {
        int before = Predictors.count();
        QuernClassificationModel model = classifier().setEpochs(1).setSeed(99).fit(points);
        model.transform(points.repartition(8)).collectAsList();
        model.transform(points.repartition(8)).collectAsList();
        assertThat(Predictors.count()).isBetween(1, before + 1);
        assertThat(List.of(model.notes())).hasSize(1);
    }
}
