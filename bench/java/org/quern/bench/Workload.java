package org.quern.bench;

import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Plan;
import org.quern.train.TrainingConfig;

/** The networks that are measured, and what on: generated digits, which are as sparse as MNIST. */
enum Workload {
    /** The tutorial's, batch 32. */
    TUTORIAL("dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10", 32),
    /** 784-800-800-10, batch 128. */
    WIDE("dense 800 relu, dropout 0.5, dense 800 relu, dropout 0.5, dense 10", 128);

    private final String layers;
    private final int batch;

    Workload(String layers, int batch) {
        this.layers = layers;
        this.batch = batch;
    }

    Plan plan() {
        Model model = ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), layers);
        return TrainingConfig.of(model).withBatch(batch).plan();
    }

    static Dataset digits() {
        return Digits.generate("digits", 60_000, 0, 1);
    }
}
