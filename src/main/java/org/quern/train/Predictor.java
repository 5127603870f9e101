package org.quern.train;

import static org.quern.QuernException.data;

import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.data.Dataset;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.plan.Plan;

/** A trained model that answers. Holds the device's memory until closed; one thread at a time. */
public final class Predictor implements AutoCloseable {
    private final Loss loss;
    private final Plan plan;
    private final Executor executor;

    /**
     * Loads a model onto a backend.
     *
     * @param loss what it was trained for: under cross-entropy, outputs become probabilities
     * @param parameters in the layout of {@link Plan#parameters()}
     * @throws org.quern.QuernException if the parameters are not as many as the model's
     */
    public Predictor(
            Model model, Loss loss, float[] parameters, Backend backend, Backend.Options options) {
        this.loss = loss;
        plan = Plan.forInference(model);
        if (parameters.length != plan.parameters().size()) {
            throw data(
                    "%,d parameters do not fit the model, which has %,d",
                    parameters.length, plan.parameters().size());
        }
        executor = backend.open(plan, options);
        executor.write(plan.parameters(), parameters, 0);
    }

    /**
     * The last layer's outputs for each row: logits under cross-entropy.
     *
     * @param outputs filled with [rows × outputs]
     */
    public void outputs(Dataset rows, float[] outputs) {
        executor.infer(rows, outputs);
    }

    /**
     * What the model says of each row: class probabilities that sum to 1 under cross-entropy, else
     * the outputs.
     *
     * @return [rows × outputs]
     */
    public float[] predict(Dataset rows) {
        float[] outputs = new float[Math.multiplyExact(rows.rows(), plan.outputSize())];
        outputs(rows, outputs);
        if (loss == Loss.CROSS_ENTROPY) {
            Softmax.rows(outputs, plan.outputSize());
        }
        return outputs;
    }

    /** Measures the model on rows with targets. */
    public Evaluation evaluate(Dataset set) {
        float[] outputs = new float[Math.multiplyExact(set.rows(), plan.outputSize())];
        outputs(set, outputs);
        return Evaluation.of(loss, outputs, set);
    }

    /** What it runs on. */
    public Executor executor() {
        return executor;
    }

    @Override
    public void close() {
        executor.close();
    }
}
