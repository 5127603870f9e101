package org.quern.backend;

import static org.quern.QuernException.data;
import static org.quern.QuernException.given;

import org.quern.data.Dataset;
import org.quern.plan.Plan;

/** A data set on a device, owned by the executor that uploaded it. */
public interface DeviceDataset extends AutoCloseable {
    /** What was uploaded. */
    Dataset set();

    default int rows() {
        return set().rows();
    }

    /** Gives back the device's memory; on the host there is nothing to do. */
    @Override
    default void close() {}

    /** Fails unless a data set has the features and the classes or targets that a plan takes. */
    static void check(Plan plan, Dataset set) {
        if (given(set, "data").header() != null) {
            throw data(
                    "%s is a table: Columns make of it what a network takes (Training and"
                            + " RowPredictor fit and apply them)",
                    set.name());
        }
        if (set.features() != given(plan, "plan").inputSize()) {
            throw data(
                    "%s has %d values a row, but the model takes %d: use data of shape %s",
                    set.name(), set.features(), plan.inputSize(), plan.model().inputShape());
        }
        int classes = plan.loss().classifies() && set.hasLabels() ? set.classes().size() : 0;
        if (classes > plan.outputSize()) {
            throw data(
                    "%s has %d classes, but the model has %d outputs: make its last layer"
                            + " \"dense %d\"",
                    set.name(), classes, plan.outputSize(), classes);
        }
        if (classes > 0 && plan.loss().isWeighted() && plan.loss().values().size() < classes) {
            throw data(
                    "%s has %d classes, but the loss has weights for %d",
                    set.name(), classes, plan.loss().values().size());
        }
        if (set.hasTargets() && set.targetWidth() != plan.targetSize()) {
            throw data(
                    "%s has targets of width %d, but the model has %d outputs: make its last"
                            + " layer \"dense %d\"",
                    set.name(), set.targetWidth(), plan.outputSize(), set.targetWidth());
        }
    }

    /** The same, and it has what the loss compares with. */
    static void checkTargets(Plan plan, Dataset set) {
        check(plan, set);
        boolean classifies = plan.loss().classifies();
        if (classifies ? !set.hasLabels() : !set.hasTargets()) {
            throw data(
                    "%s has no %s, which %s needs",
                    set.name(), classifies ? "class labels" : "targets", plan.loss().title());
        }
        if (!classifies) {
            plan.loss().check(set.name(), set.targets(), set.targetWidth());
        }
    }

    /**
     * What the loss of a plan compares rows with, [rows × {@link Plan#targetSize}]: targets, or
     * classes, each with its weight if the loss has weights. Empty where a data set has none.
     *
     * @hidden
     */
    static float[] targets(Plan plan, Dataset set) {
        if (!plan.loss().classifies()) {
            return set.hasTargets() ? set.targets() : new float[0];
        }
        int width = plan.targetSize();
        float[] targets = new float[set.hasLabels() ? Math.multiplyExact(set.rows(), width) : 0];
        for (int i = 0; i < targets.length; i++) {
            targets[i] = target(plan, set, i / width, i % width);
        }
        return targets;
    }

    /**
     * One of these; a label is looked at again, since its array is the caller's.
     *
     * @hidden
     */
    static float target(Plan plan, Dataset set, int row, int column) {
        if (!plan.loss().classifies()) {
            return set.targets()[row * plan.targetSize() + column];
        }
        int label = set.labels()[row];
        int classes = set.classes().size();
        if (label < 0 || label >= classes) {
            throw data(
                    "%s: row %,d has label %,d, outside the %,d classes: its array was written to"
                            + " after the data set was made of it",
                    set.name(), row, label, classes);
        }
        return column == 0 ? label : plan.loss().values().get(label).floatValue();
    }
}
