package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import org.apache.spark.ml.evaluation.RegressionEvaluator;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;

class RegressorTest {
    private final Dataset<Row> numbers = Cluster.numbers(Cluster.local());

    private static QuernRegressor regressor() {
        return new QuernRegressor()
                .setLayers("dense 16 relu, dense 1")
                .setLearningRate(0.01)
                .setEpochs(20);
    }

    @Test
    void learnsInTheUnitsOfTheLabel(@TempDir Path folder) throws Exception {
        QuernRegressionModel model = regressor().fit(numbers);
        Dataset<Row> predictions = model.transform(numbers);
        double r2 = new RegressionEvaluator().setMetricName("r2").evaluate(predictions);
        assertThat(r2).isGreaterThan(0.98);
        Row first = predictions.first();
        Vector features = first.getAs("features");
        assertThat(model.predict(features)).isEqualTo(first.<Double>getAs("prediction"));
        String path = folder.resolve("model").toString();
        model.write().save(path);
        assertThat(QuernRegressionModel.load(path).transform(numbers).collectAsList())
                .isEqualTo(predictions.collectAsList());
    }

    @Test
    void severalWorkersLearnItToo() {
        QuernRegressionModel model = regressor().setWorkers(2).setAverageEvery(10).fit(numbers);
        double r2 =
                new RegressionEvaluator().setMetricName("r2").evaluate(model.transform(numbers));
        assertThat(r2).isGreaterThan(0.97);
    }

    @Test
    void whatIsWrongIsSaidInOneLine() {
        refused("column label: it is NaN", numbers.withColumn("label", functions.lit(Double.NaN)));
        Dataset<Row> same = numbers.withColumn("label", functions.lit(1));
        refused("the label is the same in all rows", same);
        for (int rows : new int[] {3, 100}) {
            assertThatThrownBy(() -> regressor().setWorkers(3).fit(same.limit(rows)))
                    .hasMessageContaining("the label is the same in all rows");
        }
        assertThatThrownBy(
                        () -> regressor().setSettings(Map.of("loss", "cross-entropy")).fit(numbers))
                .hasMessageContaining("use QuernClassifier");
    }

    @Test
    void labelsThatAreNotStandardizedAreToldOf() {
        String note = "the label is not standardized, because the last layer has an activation";
        for (int workers : new int[] {1, 2}) {
            QuernRegressor regressor = regressor().setWorkers(workers).setAverageEvery(10);
            assertThat(regressor.fit(numbers).notes()).isEmpty();
            assertThat(regressor.setLayers("dense 1 tanh").fit(numbers).notes())
                    .singleElement()
                    .asString()
                    .startsWith(note);
        }
    }

    private static void refused(String message, Dataset<Row> rows) {
        assertThatThrownBy(() -> regressor().fit(rows))
                .isInstanceOf(QuernException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }
}
