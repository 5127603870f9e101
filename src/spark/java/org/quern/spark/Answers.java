package org.quern.spark;

import static org.quern.QuernException.expect;

import java.util.List;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.quern.data.Column;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Header;
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

    /** Numbers of a vector as columns of a table, in the model's order. */
    static Header header(Columns columns) {
        return new Header(
                columns.inputs().stream().map(one -> Column.numbers(one.name())).toList(),
                List.of());
    }

    /** Refuses a model of a table whose rows cannot be told by the numbers of a vector. */
    static void requireNumbers(SavedModel saved) {
        if (saved.columns() == null) {
            return;
        }
        for (Columns.Input one : saved.columns().inputs()) {
            String text = "the model takes text in column %s, and vectors have numbers alone";
            expect(!one.isCategory() || one.isLeftOut(), text, one.name());
            String large = "the model takes numbers in column %s that a float32 cannot tell apart";
            expect(one.offset() == 0 || one.isLeftOut(), large, one.name());
        }
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
        double[] raw = doubles(outputs);
        centre(raw, trained.saved().loss().classifies());
        return Vectors.dense(raw);
    }

    static double[] doubles(float[] values) {
        double[] all = new double[values.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = values[i];
        }
        return all;
    }

    /**
     * Takes their mean from the logits of two classes, which changes no probability: the second
     * alone then tells the likelier rows, as evaluators want it.
     */
    static void centre(double[] raw, boolean classes) {
        if (classes && raw.length == 2) {
            double half = (raw[1] - raw[0]) / 2;
            raw[0] = -half;
            raw[1] = half;
        }
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
