package org.quern.plan;

import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.List;
import org.quern.model.Activation;
import org.quern.model.Layer;
import org.quern.model.Model;
import org.quern.random.Streams;

/** Lays out the arena of a {@link Plan} and writes its ops. Used once. */
final class PlanBuilder {
    private final Model model;
    private final Loss loss;
    private final Optimizer optimizer;
    private final int batch;
    private final int inferenceBatch;
    private final List<Stage> stages = new ArrayList<>();
    private Mask inputMask = Mask.NONE;
    private long end;

    /**
     * A dense layer on its way into the plan; the slices are filled in one region after the other.
     */
    private static final class Stage {
        final Layer.Dense layer;
        final int module;
        final int in;
        final String name;
        Mask mask = Mask.NONE;
        Slice weights;
        Slice bias;
        Slice dw;
        Slice db;
        Slice x;
        Slice z;
        Slice y;
        Slice dy;

        Stage(Layer.Dense layer, int index, int module, int in) {
            this.layer = layer;
            this.module = module;
            this.in = in;
            this.name = "layer " + index + " (" + layer.text() + ")";
        }
    }

    PlanBuilder(Model model, Loss loss, Optimizer optimizer, int batch) {
        this.model = model;
        this.loss = loss;
        this.optimizer = optimizer;
        this.batch = batch;
        this.inferenceBatch = Math.max(batch, Plan.INFERENCE_BATCH);
        Layer.Dense output = model.output();
        if (loss.classifies() && output.activation() != Activation.LINEAR) {
            throw usage(
                    "cross-entropy takes logits, but the last layer is \"%s\": make it \"dense %d\"",
                    output.text(), output.units());
        }
        int in = model.inputSize();
        int module = 0;
        for (int i = 0; i < model.layers().size(); i++) {
            Layer layer = model.layers().get(i);
            if (layer instanceof Layer.Dense dense) {
                stages.add(new Stage(dense, i, module, in));
                in = dense.units();
                module += dense.activation() == Activation.LINEAR ? 1 : 2;
            } else if (layer instanceof Layer.Dropout dropout) {
                Mask mask = new Mask(dropout.rate(), Streams.dropout(stages.size()));
                if (stages.isEmpty()) {
                    inputMask = mask;
                } else {
                    stages.get(stages.size() - 1).mask = mask;
                }
                module++;
            }
        }
    }

    Plan build() {
        for (Stage stage : stages) {
            stage.weights = slice(stage.module + ".weight", stage.in, stage.layer.units());
            stage.bias = slice(stage.module + ".bias", 1, stage.layer.units());
        }
        Slice parameters = region("parameters", 0);
        List<Slice> moments = new ArrayList<>();
        for (int i = 0; i < optimizer.moments(); i++) {
            moments.add(slice("moment " + i, 1, parameters.columns()));
        }
        Slice state = region("state", 0);
        long gradientsAt = end;
        for (Stage stage : stages) {
            stage.dw = slice(stage.weights.name() + " gradient", stage.in, stage.layer.units());
            stage.db = slice(stage.bias.name() + " gradient", 1, stage.layer.units());
        }
        Slice gradients = region("gradients", gradientsAt);
        Slice x = slice("input", inferenceBatch, model.inputSize());
        Slice targets = slice("targets", batch, loss.targetSize(model.outputSize()));
        Slice below = x;
        for (Stage stage : stages) {
            stage.x = below;
            int units = stage.layer.units();
            if (stage.layer.activation().needsPreactivation()) {
                stage.z = slice(stage.name + " preactivation", inferenceBatch, units);
            }
            stage.y = slice(stage.name + " output", inferenceBatch, units);
            stage.dy = slice(stage.name + " gradient", batch, units);
            below = stage.y;
        }
        Slice losses = slice("loss", batch, 1);
        Slice hits = slice("hits", batch, 1);

        List<Op> forward = forward(x, targets);
        List<Op> training = new ArrayList<>(forward);
        backward(training, targets, losses, hits);
        training.add(new Op.Metrics("loss", losses, hits));
        training.add(new Op.Update("all layers", parameters, gradients, moments, optimizer));
        List<Plan.DenseSlices> dense =
                stages.stream()
                        .map(
                                s ->
                                        new Plan.DenseSlices(
                                                s.layer, s.module, s.weights, s.bias, s.x, s.y,
                                                s.mask))
                        .toList();
        return new Plan(
                model,
                loss,
                optimizer,
                batch,
                inferenceBatch,
                dense,
                parameters,
                gradients,
                state,
                training,
                forward,
                end);
    }

    private List<Op> forward(Slice x, Slice targets) {
        List<Op> ops = new ArrayList<>();
        ops.add(
                new Op.Gather(
                        "input",
                        x,
                        targets,
                        model.scaling().scale(),
                        model.scaling().shift(),
                        inputMask));
        for (Stage s : stages) {
            ops.add(
                    new Op.DenseForward(
                            s.name,
                            s.x,
                            s.weights,
                            s.bias,
                            s.z,
                            s.y,
                            s.layer.activation(),
                            s.mask));
        }
        return ops;
    }

    private void backward(List<Op> ops, Slice targets, Slice losses, Slice hits) {
        Stage top = stages.get(stages.size() - 1);
        ops.add(
                !loss.classifies()
                        ? new Op.RegressionLoss(
                                top.name,
                                loss,
                                top.y,
                                top.z,
                                top.layer.activation(),
                                targets,
                                top.dy,
                                losses,
                                hits)
                        : new Op.CrossEntropy(top.name, top.y, targets, top.dy, losses, hits));
        for (int i = stages.size() - 1; i >= 0; i--) {
            Stage s = stages.get(i);
            ops.add(new Op.DenseBackwardWeights(s.name, s.x, s.dy, s.dw, s.db));
            if (i > 0) {
                Stage below = stages.get(i - 1);
                ops.add(
                        new Op.DenseBackwardInput(
                                s.name,
                                s.dy,
                                s.weights,
                                s.x,
                                below.z,
                                below.dy,
                                below.layer.activation(),
                                below.mask));
            }
        }
    }

    private Slice slice(String name, int rows, int columns) {
        Slice slice = new Slice(name, end, rows, columns);
        long aligned = (slice.end() + Plan.ALIGNMENT - 1) / Plan.ALIGNMENT * Plan.ALIGNMENT;
        if (aligned > Integer.MAX_VALUE) {
            throw usage(
                    "the network needs more than 2³¹ − 1 numbers at batch %d (%s alone has %,d):"
                            + " use a smaller batch or narrower layers",
                    batch, name, slice.size());
        }
        end = aligned;
        return slice;
    }

    private Slice region(String name, long from) {
        return new Slice(name, from, 1, Math.toIntExact(end - from));
    }
}
