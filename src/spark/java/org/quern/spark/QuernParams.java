package org.quern.spark;

import static org.quern.QuernException.expect;

import java.util.HashMap;
import java.util.Map;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntArrayParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.quern.run.RunSettings;
import org.quern.run.Setting;

/**
 * What a training on Spark is told: Quern's settings by their names ({@code class-weights} as
 * {@code classWeights}), and what only Spark asks. Those that are not set are as {@code quern
 * train} takes them for such rows. All are among {@link #params}; the most common have methods.
 */
public interface QuernParams extends Params {
    /**
     * The params that are Quern's.
     *
     * @hidden
     */
    SettingParams quern();

    /** What tells it from others. */
    @Override
    default String uid() {
        return quern().uid;
    }

    /** Layers, such as {@code dense 48 relu, dense 10}. */
    default Param<String> layers() {
        return quern().of(Setting.MODEL);
    }

    /** Passes over the rows. */
    default IntParam epochs() {
        return quern().of(Setting.EPOCHS);
    }

    /** Rows of a step. */
    default IntParam batch() {
        return quern().of(Setting.BATCH);
    }

    /** Learning rate. */
    default DoubleParam learningRate() {
        return quern().of(Setting.RATE);
    }

    /** Of initial weights, the order of rows, and dropout. */
    default LongParam seed() {
        return quern().of(Setting.SEED);
    }

    /** That of images, such as 28 × 28; not set, features are the columns of a table. */
    default IntArrayParam shape() {
        return quern().shape(this);
    }

    /** How many tasks train together. */
    default IntParam workers() {
        return quern().workers;
    }

    /** Steps between two averages of their weights; 0: by measurement. */
    default IntParam averageEvery() {
        return quern().averageEvery;
    }

    /** A folder for checkpoints, of any file system that Hadoop knows. */
    default Param<String> checkpoint() {
        return quern().checkpoint;
    }

    /** Epochs between two checkpoints. */
    default IntParam checkpointInterval() {
        return quern().checkpointInterval;
    }

    /** Quern's settings as they are set here. */
    default RunSettings settings() {
        Map<String, Object> set = new HashMap<>();
        quern().bySetting()
                .forEach(
                        (name, param) -> {
                            if (isSet(param)) {
                                set.put(name, getOrDefault(param));
                            }
                        });
        return RunSettings.DEFAULT.with(set);
    }

    /** The value of a param, or what stands for it where it is not set. */
    @SuppressWarnings("unchecked") // Scala's ints are Objects to Java
    default <T> T value(Param<?> param, T otherwise) {
        return isDefined(param) ? (T) getOrDefault(param) : otherwise;
    }

    /** The number of a param that is at least so much. */
    default int atLeast(int least, IntParam param, int otherwise) {
        int value = value(param, otherwise);
        expect(value >= least, "%s %d: give at least %d", param.name(), value, least);
        return value;
    }
}
