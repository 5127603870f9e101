package org.quern.plan;

import static org.quern.QuernException.copied;
import static org.quern.QuernException.expect;

import java.util.List;
import org.quern.model.Activation;
import org.quern.model.Layer;
import org.quern.model.Model;
import org.quern.random.Philox;
import org.quern.random.Streams;

/**
 * A model compiled for a loss, an optimizer and a batch size: a list of {@link Op}s for a training
 * step and one for inference, over slices of ONE arena of float32. Nothing else is allocated while
 * training. The arena starts with the {@link #state()}, so a checkpoint is one copy:
 *
 * <pre>
 * parameters | moments | gradients | inputs, targets, activations | their gradients | loss, hits
 * </pre>
 *
 * Each slice starts at a multiple of {@link #ALIGNMENT} values; the gaps hold zeros in state and
 * gradients and stay 0 under every optimizer.
 *
 * @param batch rows of a full training batch
 * @param dense the dense layers, first to last
 * @param parameters all weights and biases, [1 × P] with the gaps
 * @param gradients in the same layout
 * @param state parameters and moments, [1 × P · (1 + moments)]
 * @param training ops of a training step, in order
 * @param inference ops of an inference pass, in order
 * @param arena values of the whole arena
 */
public record Plan(
        Model model,
        Loss loss,
        Optimizer optimizer,
        int batch,
        List<DenseSlices> dense,
        Slice parameters,
        Slice gradients,
        Slice state,
        List<Op> training,
        List<Op> inference,
        long arena) {

    /** Every slice starts at a multiple of this many values: 64 bytes, a cache line. */
    public static final int ALIGNMENT = 16;

    /** Rows that an inference pass takes at once, unless training batches are larger. */
    public static final int INFERENCE_BATCH = 256;

    /**
     * A dense layer and where its numbers are.
     *
     * @param name for messages, for instance {@code layer 0 (dense 48 relu)}
     * @param module its number in an equivalent PyTorch {@code nn.Sequential}
     * @param weights [in × units]; {@code dw}: their gradient
     * @param bias [1 × units]; {@code db}: its gradient
     * @param x its input [inferenceBatch × in]
     * @param z its value before the activation, as {@code y}; null where nothing needs it
     * @param y its output after activation and dropout [inferenceBatch × units]
     * @param dy gradient of z [batch × units]
     * @param mask the dropout on its output
     */
    public record DenseSlices(
            String name,
            Layer.Dense layer,
            int module,
            Slice weights,
            Slice bias,
            Slice dw,
            Slice db,
            Slice x,
            Slice z,
            Slice y,
            Slice dy,
            Mask mask) {

        Op forward() {
            return new Op.DenseForward(name, x, weights, bias, z, y, layer.activation(), mask);
        }

        /** As the last layer: of its output. */
        Op loss(Loss loss, Slice targets, Slice losses, Slice hits) {
            return loss.classifies()
                    ? new Op.CrossEntropy(name, y, targets, dy, losses, hits)
                    : new Op.ElementwiseLoss(
                            name, loss, y, z, layer.activation(), targets, dy, losses, hits);
        }

        Op backwardWeights() {
            return new Op.DenseBackwardWeights(name, x, dy, dw, db);
        }

        Op backwardInput(DenseSlices below) {
            Activation activation = below.layer.activation();
            return new Op.DenseBackwardInput(
                    name, dy, weights, x, below.z, below.dy, activation, below.mask);
        }
    }

    public Plan {
        dense = copied(dense, "dense");
        training = copied(training, "training");
        inference = copied(inference, "inference");
    }

    /** Compiles a model; one that cannot be trained so is a usage error. */
    public static Plan of(Model model, Loss loss, Optimizer optimizer, int batch) {
        expect(batch >= 1, "batch %d: a batch has at least 1 row", batch);
        return new PlanBuilder(model, loss, optimizer, batch).build();
    }

    /** A plan for inference alone; its training ops are those of plain SGD at batch 1. */
    public static Plan forInference(Model model) {
        return of(model, Loss.MEAN_SQUARED_ERROR, new Optimizer.Sgd(0, 0), 1);
    }

    /**
     * The whole {@link #state} before the first step: parameters drawn by {@link
     * org.quern.model.Init}, biases and moments 0.
     */
    public float[] initialState(long seed) {
        float[] values = new float[Math.toIntExact(state.size())];
        int[] words = new int[4];
        for (int l = 0; l < dense.size(); l++) {
            Slice w = dense.get(l).weights();
            float limit = dense.get(l).layer().init().limit(w.rows(), w.columns());
            int first = Math.toIntExact(w.offset() - state.offset());
            int size = Math.toIntExact(w.size());
            for (int i = 0; i < size; i++) {
                if (i % 4 == 0) {
                    Philox.block(seed, Streams.INIT.of(l), 0, i / 4, words, 0);
                }
                values[first + i] = (2 * Philox.unit(words[i % 4]) - 1) * limit;
            }
        }
        return values;
    }

    /** Most rows of an inference pass. */
    public int inferenceBatch() {
        return Math.max(batch, INFERENCE_BATCH);
    }

    public int inputSize() {
        return dense.get(0).weights().rows();
    }

    public int outputSize() {
        return output().columns();
    }

    public Slice output() {
        return dense.get(dense.size() - 1).y();
    }

    /** Values of the targets of one row. */
    public int targetSize() {
        return loss.targetSize(outputSize());
    }

    public Op.Gather gather() {
        return (Op.Gather) training.get(0);
    }

    /** The op that sums a step's losses and hits. */
    public Op.Metrics metrics() {
        return (Op.Metrics) training.get(training.size() - 2);
    }

    public Op.Update update() {
        return (Op.Update) training.get(training.size() - 1);
    }
}
