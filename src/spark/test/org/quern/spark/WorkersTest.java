package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
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
        assertThat(model.averagedEvery()).isPositive();
        assertThat(model.history()).hasSize(6);
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
        refused("model \"dense 4\" has 4 outputs", classifier().setLayers("dense 4"));
    }

    private void refused(String message, QuernClassifier classifier) {
        assertThatThrownBy(() -> classifier.setWorkers(2).setAverageEvery(4).fit(points))
                .isInstanceOf(QuernException.class)
                .hasMessageContaining(message);
    }
}
