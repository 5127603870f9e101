package org.quern.backend;

import static org.quern.QuernException.data;

import org.quern.data.Dataset;
import org.quern.plan.Plan;

/** A data set on a device, owned by the executor that uploaded it. */
public interface DeviceDataset extends AutoCloseable {
    /** Its rows. */
    int rows();

    @Override
    void close();

    /**
     * Checks that a data set can be fed to a plan.
     *
     * @throws org.quern.QuernException if the number of features, classes or targets differs
     */
    static void check(Plan plan, Dataset set) {
        if (set.features() != plan.inputSize()) {
            throw data(
                    "%s has %d values a row, but the model takes %d: use data of shape %s",
                    set.name(), set.features(), plan.inputSize(), plan.model().inputShape());
        }
        if (plan.loss().classifies()
                && set.hasLabels()
                && set.classes().size() > plan.outputSize()) {
            throw data(
                    "%s has %d classes, but the model has %d outputs: make its last layer"
                            + " \"dense %d\"",
                    set.name(), set.classes().size(), plan.outputSize(), set.classes().size());
        }
        if (set.hasTargets() && set.targetWidth() != plan.targetSize()) {
            throw data(
                    "%s has targets of width %d, but the model has %d outputs: make its last"
                            + " layer \"dense %d\"",
                    set.name(), set.targetWidth(), plan.outputSize(), set.targetWidth());
        }
    }

    /**
     * Checks that a data set can be trained on: {@link #check}, and it has what the loss compares
     * with.
     *
     * @throws org.quern.QuernException if it has not
     */
    static void checkTargets(Plan plan, Dataset set) {
        check(plan, set);
        boolean classifies = plan.loss().classifies();
        if (classifies ? !set.hasLabels() : !set.hasTargets()) {
            throw data(
                    "%s has no %s, which %s needs",
                    set.name(),
                    classifies ? "class labels" : "regression targets",
                    plan.loss().title());
        }
    }
}
