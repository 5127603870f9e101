package org.quern.spark;

import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;

/** From the numbers of rows to a model's input, and from its outputs to answers. */
final class Answers {
    private Answers() {}

    /** Numbers of a row, before its columns are encoded. */
    static int width(SavedModel saved) {
        return saved.columns() == null
                ? saved.model().inputSize()
                : saved.columns().inputs().size();
    }

    /**
     * Rows as the model takes them, for which their numbers may be changed.
     *
     * @param odd whether there may be a NaN or a -0
     */
    static Dataset input(Predictors.Shared shared, float[] values, boolean odd) {
        SavedModel saved = shared.saved;
        if (shared.gaps != null) {
            if (odd) {
                Columns.fill(values, shared.gaps);
            }
        } else if (saved.columns() != null) {
            return saved.columns().encoded(Dataset.ofTable("rows", shared.header, values), null);
        }
        int[] shape = saved.model().inputShape().stream().mapToInt(Integer::intValue).toArray();
        return Dataset.ofValues("rows", shape, values);
    }

    /** The outputs for one row, at the driver or wherever it is. */
    static Vector ofOne(Trained trained, Vector features) {
        float[] values = new float[features.size()];
        Features.copy(features, values, 0);
        float[] outputs = new float[trained.saved().model().outputSize()];
        try (Predictors.Shared shared =
                Predictors.of(trained.name, trained.file, RunSettings.DEFAULT)) {
            shared.predictor.outputs(input(shared, values, true), outputs);
        }
        return Vectors.dense(doubles(outputs));
    }

    static double[] doubles(float[] values) {
        double[] all = new double[values.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = values[i];
        }
        return all;
    }

    /** Makes logits z probabilities: {@code exp(zⱼ − max z) / Σ exp(zₖ − max z)}. */
    static void softmax(double[] values) {
        double max = Double.NEGATIVE_INFINITY;
        for (double value : values) {
            max = Math.max(max, value);
        }
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            values[i] = Math.exp(values[i] - max);
            sum += values[i];
        }
        for (int i = 0; i < values.length; i++) {
            values[i] /= sum;
        }
    }

    /** The likeliest class; with thresholds, that whose p/t is largest, as Spark takes it. */
    static int most(double[] probabilities, double[] thresholds) {
        int most = 0;
        double best = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < probabilities.length; i++) {
            double p = thresholds == null ? probabilities[i] : probabilities[i] / thresholds[i];
            if (p > best) {
                best = p;
                most = i;
            }
        }
        return most;
    }
}
