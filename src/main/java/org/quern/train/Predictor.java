package org.quern.train;

import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Executor;
import org.quern.backend.Release;
import org.quern.data.Dataset;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.plan.Plan;

/**
 * A trained model that answers. Thread-safe: on the host's processors as many threads as there are
 * processors work side by side, each on memory of its own; on a device one works at a time. Every
 * thread gets the same bits; where cuBLAS is chosen by measurement, a row's last bits may depend on
 * how many are asked for at once. On the host, prediction into arrays allocates nothing once a
 * thread's memory is there. Memory is held until closed.
 */
public final class Predictor implements AutoCloseable {
    private final Loss loss;
    private final Plan plan;
    private final String device;
    private final ExecutorPool pool;

    /** Loads a model onto the best backend that can run here. */
    public Predictor(SavedModel saved) {
        this(
                given(saved, "model").model(),
                saved.loss(),
                saved.parameters(),
                Backends.choose(Backends.AUTO).backend(),
                Backend.Options.DEFAULT);
    }

    /**
     * Loads a model onto a backend.
     *
     * @param loss what it was trained for: under either cross-entropy, outputs become probabilities
     * @param parameters in the layout of {@link Plan#parameters()}
     */
    public Predictor(
            Model model, Loss loss, float[] parameters, Backend backend, Backend.Options options) {
        this.loss = given(loss, "loss");
        plan = Plan.forInference(given(model, "model"));
        given(parameters, "parameters");
        given(options, "options");
        String text = "%,d parameters do not fit the model, which has %,d";
        boolean fits = parameters.length == plan.parameters().size();
        require(fits, text, parameters.length, plan.parameters().size());
        float[] own = parameters.clone();
        pool =
                new ExecutorPool(
                        given(backend, "backend").onHost()
                                ? Runtime.getRuntime().availableProcessors()
                                : 1,
                        () -> {
                            Executor executor = backend.open(plan, options);
                            try {
                                executor.write(plan.parameters(), own, 0);
                            } catch (RuntimeException | Error e) {
                                Release.after(e, executor::close);
                                throw e;
                            }
                            return executor;
                        });
        int first = pool.take(); // now, so that what is wrong with the backend is told here
        device = pool.get(first).device();
        pool.giveBack(first);
    }

    /** Fills in the last layer's outputs [rows × outputs]: logits under either cross-entropy. */
    public void outputs(Dataset rows, float[] outputs) {
        int taken = pool.take();
        try {
            pool.get(taken).infer(rows, outputs);
        } finally {
            pool.giveBack(taken);
        }
    }

    private float[] outputs(Dataset rows) {
        float[] outputs = Trainer.roomForOutputs(plan, given(rows, "rows"));
        outputs(rows, outputs);
        return outputs;
    }

    /**
     * What the model says of each row, [rows × outputs]: class probabilities that sum to 1 under
     * cross-entropy, a probability of each output under binary cross-entropy, else the outputs.
     */
    public float[] predict(Dataset rows) {
        float[] outputs = outputs(rows);
        finish(outputs);
        return outputs;
    }

    /** The same for rows of unsigned bytes, unscaled, in an array that is only read. */
    public void predict(byte[] pixels, float[] outputs) {
        predict(given(pixels, "pixels"), null, pixels.length, outputs);
    }

    /** The same for rows of floats, unscaled. */
    public void predict(float[] values, float[] outputs) {
        predict(null, given(values, "values"), values.length, outputs);
    }

    private void predict(byte[] pixels, float[] values, int inputs, float[] outputs) {
        given(outputs, "outputs");
        int rows = inputs / plan.inputSize();
        if (rows == 0
                || inputs % plan.inputSize() != 0
                || outputs.length != (long) rows * plan.outputSize()) {
            throw usage(
                    "%,d values and room for %,d outputs: give %d values a row, at least one row,"
                            + " and room for %d outputs a row",
                    inputs, outputs.length, plan.inputSize(), plan.outputSize());
        }
        int taken = pool.take();
        try {
            pool.get(taken).infer(pixels, values, rows, outputs);
        } finally {
            pool.giveBack(taken);
        }
        finish(outputs);
    }

    private void finish(float[] outputs) {
        if (loss.classifies()) {
            softmax(outputs, plan.outputSize());
        } else if (loss.isBinary()) {
            for (int i = 0; i < outputs.length; i++) {
                outputs[i] = (float) Loss.sigmoid(outputs[i]);
            }
        }
    }

    /** Makes each row of logits z probabilities: {@code exp(zⱼ − max z) / Σ exp(zₖ − max z)}. */
    static void softmax(float[] values, int columns) {
        for (int at = 0; at < values.length; at += columns) {
            float max = Float.NEGATIVE_INFINITY;
            for (int j = at; j < at + columns; j++) {
                max = Math.max(max, values[j]);
            }
            double sum = 0;
            for (int j = at; j < at + columns; j++) {
                double e = Math.exp((double) values[j] - max);
                values[j] = (float) e;
                sum += e;
            }
            for (int j = at; j < at + columns; j++) {
                values[j] = (float) (values[j] / sum);
            }
        }
    }

    public Evaluation evaluate(Dataset set) {
        return Evaluation.of(loss, outputs(set), set);
    }

    /** Numbers of a row. */
    public int inputSize() {
        return plan.inputSize();
    }

    /** Outputs of a row; under cross-entropy, classes. */
    public int outputSize() {
        return plan.outputSize();
    }

    public String device() {
        return device;
    }

    /** Waits for threads that predict, then frees the memory. Later calls fail. */
    @Override
    public void close() {
        pool.close();
    }
}
