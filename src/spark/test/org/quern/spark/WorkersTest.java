package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import org.quern.QuernException;

class WorkersTest {
    private final Dataset<Row> points = Cluster.points(Cluster.local());

    private static QuernClassifier classifier() {
        return new QuernClassifier()
                .setLayers("dense 16 relu, dense 3")
                .setLearningRate(0.01)
                .setEpochs(6);
    }

    @Test
    void workersTogetherLearnWhatOneLearns() {
        QuernClassificationModel model = classifier().setWorkers(3).setAverageEvery(5).fit(points);
        double accuracy =
                new MulticlassClassificationEvaluator()
                        .setMetricName("accuracy")
                        .evaluate(model.transform(points));
        assertThat(accuracy).isGreaterThan(0.95);
        assertThat(model.averagedEvery()).isEqualTo(5);
        assertThat(model.history()).hasSize(6);
        QuernClassificationModel again =
                classifier().setWorkers(3).setAverageEvery(5).fit(points.coalesce(1));
        assertThat(again.saved().parameters()).isEqualTo(model.saved().parameters());
        QuernClassificationModel rarely =
                classifier().setWorkers(3).setAverageEvery(1000).fit(points);
        assertThat(rarely.saved().parameters()).isNotEqualTo(model.saved().parameters());
    }

    @Test
    void howOftenIsMeasured() {
        QuernClassificationModel model = classifier().setWorkers(2).fit(points);
        // at least once an epoch, of 300 rows for each
        assertThat(model.averagedEvery()).isBetween(1, 10);
        assertThat(model.history()).hasSize(6);
    }

    /** Workers know the columns of all rows, and have rows of all kinds. */
    @Test
    void rowsThatComeInARhythmAreLearnedAsByOne() {
        List<Row> rows = new ArrayList<>();
        Random random = new Random(9);
        for (int i = 0; i < 800; i++) {
            int label = i % 2;
            // a column that differs in every other row alone, and one that is missing there
            double some = label == 0 ? 7 : 7 + random.nextGaussian();
            double gap = label == 0 ? random.nextGaussian() : Double.NaN;
            double x = 3 * label + random.nextGaussian();
            rows.add(RowFactory.create(Vectors.dense(x, some, gap), (double) label));
        }
        Dataset<Row> rhythm = Cluster.local().createDataFrame(rows, Cluster.POINTS).coalesce(1);
        QuernClassifier classifier = classifier().setLayers("dense 16 relu, dense 2");
        QuernClassificationModel one = classifier.fit(rhythm);
        for (int workers : new int[] {2, 4}) {
            QuernClassificationModel several = classifier.setWorkers(workers).fit(rhythm);
            assertThat(several.saved().columns())
                    .usingRecursiveComparison()
                    .withComparatorForType(
                            (a, b) -> Math.abs(a - b) <= 1e-9 * Math.abs(a) ? 0 : 1, Double.class)
                    .isEqualTo(one.saved().columns());
            double accuracy =
                    new MulticlassClassificationEvaluator()
                            .setMetricName("accuracy")
                            .evaluate(several.transform(rhythm));
            assertThat(accuracy).isGreaterThan(0.97);
        }
        // a label that is the same in every other row
        QuernRegressor regressor =
                new QuernRegressor().setLayers("dense 1").setWorkers(2).setAverageEvery(5);
        assertThat(regressor.fit(rhythm).averagedEvery()).isEqualTo(5);
    }

    @Test
    void eachWorkerHasAsManyRowsOfEachKind() {
        for (int workers : new int[] {2, 3, 4, 31}) {
            int[][] counts = new int[workers][workers];
            for (int row = 0; row < 1000 * workers; row++) {
                counts[Share.worker(row, workers)][row % workers]++;
            }
            for (int[] ofOne : counts) {
                assertThat(Arrays.stream(ofOne).sum()).isEqualTo(1000);
                for (int count : ofOne) {
                    assertThat(count).isBetween(1000 / workers - 140, 1000 / workers + 140);
                }
            }
        }
    }

    @Test
    void whatSeveralCannotDoIsSaid() {
        refused(
                "validation is not for several workers",
                classifier().setSettings(Map.of("validation", 0.1)));
        refused("checkpoint is not for several workers", classifier().setCheckpoint("/nowhere"));
        refused(
                "training diverged",
                classifier().setLearningRate(1e30).setSettings(Map.of("optimizer", "sgd")));
        refused("model \"dense 2\" has 2 outputs", classifier().setLayers("dense 2"));
    }

    private void refused(String message, QuernClassifier classifier) {
        assertThatThrownBy(() -> classifier.setWorkers(2).setAverageEvery(4).fit(points))
                .isInstanceOf(QuernException.class)
                .hasMessageContaining(message);
    }
}
