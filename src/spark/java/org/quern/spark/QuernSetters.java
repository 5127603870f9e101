package org.quern.spark;

import static org.quern.QuernException.given;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.param.Param;
import org.quern.QuernException;

/**
 * Setters of the estimators' params.
 *
 * @param <E> the estimator
 */
public interface QuernSetters<E> extends QuernParams {
    /** Layers as Quern writes them: {@code dense 48 relu, dropout 0.3, dense 10}. */
    default E setLayers(String layers) {
        return with(layers(), given(layers, "layers"));
    }

    /** Passes over the rows. */
    default E setEpochs(int epochs) {
        return with(epochs(), epochs);
    }

    /** Rows of a step; with several workers, of a step of each. */
    default E setBatch(int batch) {
        return with(batch(), batch);
    }

    /** Learning rate. */
    default E setLearningRate(double rate) {
        return with(learningRate(), rate);
    }

    /** Of initial weights, the order of rows, and dropout. */
    default E setSeed(long seed) {
        return with(seed(), seed);
    }

    /** That features are images of this shape, such as 28, 28. */
    default E setShape(int... shape) {
        return with(shape(), given(shape, "shape"));
    }

    /** How many tasks train together, for wide networks and many rows: see {@code averageEvery}. */
    default E setWorkers(int workers) {
        return with(workers(), workers);
    }

    /** Steps between two averages of the workers' weights; 0: by measurement. */
    default E setAverageEvery(int steps) {
        return with(averageEvery(), steps);
    }

    /** A folder for checkpoints, of any file system that Hadoop knows. */
    default E setCheckpoint(String folder) {
        return with(checkpoint(), given(folder, "folder"));
    }

    /** Epochs between two checkpoints. */
    default E setCheckpointInterval(int epochs) {
        return with(checkpointInterval(), epochs);
    }

    /**
     * Any of Quern's settings, by the names of the command line's options and their texts or
     * values: {@code Map.of("recipe", "98", "class-weights", "balanced")}.
     */
    default E setSettings(Map<String, ?> settings) {
        E self = null;
        for (Map.Entry<String, ?> setting : given(settings, "settings").entrySet()) {
            Param<?> param = quern().bySetting().get(setting.getKey());
            List<String> known = new ArrayList<>(quern().bySetting().keySet());
            QuernException.expect(
                    param != null,
                    "there is no setting \"%s\" here: use one of %s",
                    setting.getKey(),
                    String.join(", ", known));
            self = with(param, SettingParams.parsed(param, setting.getValue()));
        }
        return self == null ? self() : self;
    }

    @SuppressWarnings("unchecked")
    private E self() {
        return (E) this;
    }

    @SuppressWarnings("unchecked") // of a param that was made for values of this type
    private E with(Param<?> param, Object value) {
        set((Param<Object>) param, value);
        return self();
    }
}
