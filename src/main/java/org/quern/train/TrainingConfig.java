package org.quern.train;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.util.LinkedHashMap;
import java.util.Map;
import org.quern.data.Distortion;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.plan.Plan;

/**
 * All that decides what a run computes, besides the data: two runs of equal configuration on equal
 * data and the same device end with the same bits.
 *
 * @param seed key of initial weights, batch order and dropout
 * @param earlyStopping when to end before the last epoch; null for never
 */
public record TrainingConfig(
        Model model,
        Loss loss,
        Optimizer optimizer,
        Schedule schedule,
        int batch,
        long seed,
        EarlyStopping earlyStopping,
        Distortion distortion) {

    /** Keras' default batch size. */
    public static final int DEFAULT_BATCH = 32;

    /** Keras' default learning rate for Adam. */
    public static final double DEFAULT_RATE = 1e-3;

    public TrainingConfig {
        given(model, "model");
        given(loss, "loss");
        given(optimizer, "optimizer");
        given(schedule, "schedule");
        given(distortion, "distortion");
        expect(batch >= 1, "batch %d: a batch has at least 1 row", batch);
    }

    /** Keras' defaults: cross-entropy, Adam at 1e-3, batch 32; seed 1, no early stopping. */
    public static TrainingConfig of(Model model) {
        return new TrainingConfig(
                model,
                Loss.CROSS_ENTROPY,
                Optimizer.Adam.DEFAULT,
                new Schedule.Constant(DEFAULT_RATE),
                DEFAULT_BATCH,
                1,
                null,
                Distortion.NONE);
    }

    public TrainingConfig withLoss(Loss newLoss) {
        return new TrainingConfig(
                model, newLoss, optimizer, schedule, batch, seed, earlyStopping, distortion);
    }

    public TrainingConfig withOptimizer(Optimizer newOptimizer) {
        return new TrainingConfig(
                model, loss, newOptimizer, schedule, batch, seed, earlyStopping, distortion);
    }

    public TrainingConfig withSchedule(Schedule newSchedule) {
        return new TrainingConfig(
                model, loss, optimizer, newSchedule, batch, seed, earlyStopping, distortion);
    }

    /** With so many rows a step, at least 1. */
    public TrainingConfig withBatch(int newBatch) {
        return new TrainingConfig(
                model, loss, optimizer, schedule, newBatch, seed, earlyStopping, distortion);
    }

    public TrainingConfig withSeed(long newSeed) {
        return new TrainingConfig(
                model, loss, optimizer, schedule, batch, newSeed, earlyStopping, distortion);
    }

    public TrainingConfig withEarlyStopping(EarlyStopping newStopping) {
        return new TrainingConfig(
                model, loss, optimizer, schedule, batch, seed, newStopping, distortion);
    }

    public TrainingConfig withDistortion(Distortion newDistortion) {
        return new TrainingConfig(
                model, loss, optimizer, schedule, batch, seed, earlyStopping, newDistortion);
    }

    /** All of it as texts by name, in a fixed order: of equal configurations the same. */
    public Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        texts.put("model", model.text());
        texts.put("input", model.inputShape().toString().replace(" ", ""));
        texts.put("scale", Float.toString(model.scaling().scale()));
        texts.put("shift", Float.toString(model.scaling().shift()));
        texts.put("loss", loss.text());
        texts.put("optimizer", optimizer.text());
        texts.put("learningRate", Double.toString(schedule.rate()));
        texts.put("schedule", schedule.text());
        texts.put("batch", Integer.toString(batch));
        texts.put("seed", Long.toString(seed));
        texts.put("earlyStopping", earlyStopping == null ? "none" : earlyStopping.text());
        texts.put("distortion", distortion.text());
        return texts;
    }

    /** The ops and the memory of this network, loss, optimizer and batch. */
    public Plan plan() {
        return Plan.of(model, loss, optimizer, batch);
    }
}
