package org.quern.spark;

import java.util.List;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.quern.io.ModelFile.SavedModel;
import org.quern.train.EpochResult;

/** What trained models have in common. */
public interface QuernModel extends QuernParams, MLWritable {
    /**
     * The model, and how it came about.
     *
     * @hidden
     */
    Trained trained();

    /** The model, for Quern's own tools: to be saved or exported. */
    default SavedModel saved() {
        return trained().saved();
    }

    /** The epochs of its training; empty if it was read from a file. */
    default List<EpochResult> history() {
        return List.copyOf(trained().epochs);
    }

    /** The backend and the device that it was trained on; empty if it was read from a file. */
    default String device() {
        return trained().device;
    }

    /** What is to be said of its training; empty as a rule. */
    default List<String> notes() {
        return List.copyOf(trained().notes);
    }

    /**
     * Steps between two averages, of a training with several workers: with {@code setAverageEvery}
     * of the same number, it is trained to the same model again. 0 with one worker.
     */
    default int averagedEvery() {
        return trained().averagedEvery;
    }

    @Override
    default MLWriter write() {
        return ModelFolder.writer(this, trained());
    }
}
