package org.quern.plan;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.List;
import org.quern.model.Activation;
import org.quern.model.Layer;
import org.quern.model.Model;
import org.quern.plan.Plan.DenseSlices;
import org.quern.random.Streams;

/** Lays out the arena of a {@link Plan} and writes its ops. Used once. */
final class PlanBuilder {
    /** Hits are counted in float32. */
    private static final int MOST_DECISIONS = 1 << 24;

    private final Model model;
    private final Loss loss;
    private final Optimizer optimizer;
    private final int batch;
    private long end;

    PlanBuilder(Model model, Loss loss, Optimizer optimizer, int batch) {
        this.model = given(model, "model");
        this.loss = given(loss, "loss");
        this.optimizer = given(optimizer, "optimizer");
        this.batch = batch;
        Layer.Dense output = model.output();
        String text = "%s takes logits, but the last layer is \"%s\": make it \"dense %d\"";
        boolean fits = !loss.takesLogits() || output.activation() == Activation.LINEAR;
        expect(fits, text, loss.title(), output.text(), output.units());
        if (loss.isWeighted() && loss.values().size() > output.units()) {
            throw usage(
                    "%d class weights, but the model has %d outputs",
                    loss.values().size(), output.units());
        }
        if ((long) batch * loss.decisions(output.units()) > MOST_DECISIONS) {
            throw usage(
                    "batch %d: %s counts at most 2²⁴ outputs of a batch, and these are %d a row: use"
                            + " a smaller batch",
                    batch, loss.title(), output.units());
        }
    }

    Plan build() {
        List<Slice> own = likeParameters("");
        Slice trainable = region("parameters", 0);
        List<Slice> moments = new ArrayList<>();
        for (int i = 0; i < optimizer.moments(); i++) {
            moments.add(slice("moment " + i, 1, trainable.columns()));
        }
        Slice state = region("state", 0);
        long gradientsAt = end;
        List<Slice> slopes = likeParameters(" gradient");
        Slice gradients = region("gradients", gradientsAt);
        Slice x = slice("input", Math.max(batch, Plan.INFERENCE_BATCH), model.inputSize());
        Slice targets = slice("targets", batch, loss.targetSize(model.outputSize()));
        List<DenseSlices> dense = dense(x, own, slopes);
        Slice losses = slice("loss", batch, 1);
        Slice hits = slice("hits", batch, 1);

        float scale = model.scaling().scale();
        float shift = model.scaling().shift();
        List<Op> forward = new ArrayList<>();
        forward.add(new Op.Gather("input", x, targets, scale, shift, mask(0, 0)));
        dense.forEach(layer -> forward.add(layer.forward()));
        List<Op> training = new ArrayList<>(forward);
        training.add(dense.get(dense.size() - 1).loss(loss, targets, losses, hits));
        for (int i = dense.size() - 1; i >= 0; i--) {
            training.add(dense.get(i).backwardWeights());
            if (i > 0) {
                training.add(dense.get(i).backwardInput(dense.get(i - 1)));
            }
        }
        training.add(new Op.Metrics("loss", losses, hits));
        training.add(new Op.Update("all layers", trainable, gradients, moments, optimizer));
        return new Plan(
                model, loss, optimizer, batch, dense, trainable, gradients, state, training,
                forward, end);
    }

    /** Slices for weights and biases of each dense layer, in the layout of the parameters. */
    private List<Slice> likeParameters(String suffix) {
        List<Slice> slices = new ArrayList<>();
        int in = model.inputSize();
        int module = 0;
        for (Layer layer : model.layers()) {
            if (layer instanceof Layer.Dense dense) {
                slices.add(slice(module + ".weight" + suffix, in, dense.units()));
                slices.add(slice(module + ".bias" + suffix, 1, dense.units()));
                in = dense.units();
            }
            module += modules(layer);
        }
        return slices;
    }

    /** The dense layers with slices for their activations, on top of those for their parameters. */
    private List<DenseSlices> dense(Slice input, List<Slice> own, List<Slice> slopes) {
        List<DenseSlices> dense = new ArrayList<>();
        int module = 0;
        Slice x = input;
        for (int i = 0; i < model.layers().size(); i++) {
            Layer layer = model.layers().get(i);
            if (layer instanceof Layer.Dense l) {
                int k = 2 * dense.size();
                Slice w = own.get(k);
                Slice b = own.get(k + 1);
                Slice dw = slopes.get(k);
                Slice db = slopes.get(k + 1);
                String name = "layer " + i + " (" + l.text() + ")";
                boolean keepsZ = l.activation().needsPreactivation();
                Slice z = keepsZ ? slice(name + " preactivation", x.rows(), l.units()) : null;
                Slice y = slice(name + " output", x.rows(), l.units());
                Slice dy = slice(name + " gradient", batch, l.units());
                Mask mask = mask(i + 1, dense.size() + 1);
                dense.add(new DenseSlices(name, l, module, w, b, dw, db, x, z, y, dy, mask));
                x = y;
            }
            module += modules(layer);
        }
        return dense;
    }

    /** How many modules of an equivalent {@code nn.Sequential} a layer is. */
    private static int modules(Layer layer) {
        boolean activates =
                layer instanceof Layer.Dense dense && dense.activation() != Activation.LINEAR;
        return activates ? 2 : 1;
    }

    /** The dropout that is layer {@code index} of the model, if it is one. */
    private Mask mask(int index, int stream) {
        return index < model.layers().size()
                        && model.layers().get(index) instanceof Layer.Dropout dropout
                ? new Mask(dropout.rate(), Streams.DROPOUT.of(stream))
                : Mask.NONE;
    }

    private Slice slice(String name, int rows, int columns) {
        Slice slice = new Slice(name, end, rows, columns);
        long aligned = (slice.end() + Plan.ALIGNMENT - 1) / Plan.ALIGNMENT * Plan.ALIGNMENT;
        String message =
                "the network needs more than 2³¹ − 1 numbers at batch %d (%s alone has %,d): use a"
                        + " smaller batch or narrower layers";
        expect(aligned <= Integer.MAX_VALUE, message, batch, name, slice.size());
        end = aligned;
        return slice;
    }

    private Slice region(String name, long from) {
        return new Slice(name, from, 1, Math.toIntExact(end - from));
    }
}
