package org.quern.bench;

import java.util.Locale;
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
    TUTORIAL(ModelText.TUTORIAL, 32),
    /** 784-800-800-10, batch 128. */
    WIDE("dense 800 relu, dropout 0.5, dense 800 relu, dropout 0.5, dense 10", 128),
    /** 784-1024-10, batch 32, of which others publish times. */
    FLAT("dense 1024 relu, dense 10", 32),
    /** 784-320-160-10, batch 64, likewise. */
    TAPERED("dense 320 relu, dense 160 relu, dense 10", 64);

    /** As many as MNIST has. */
    static final int ROWS = 60_000;

    private final String layers;
    private final int batch;

    Workload(String layers, int batch) {
        this.layers = layers;
        this.batch = batch;
    }

    /** Its name in reports and on command lines; the peers' scripts have the same. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    Plan plan() {
        Model model = ModelText.parse(Model.input(28, 28).scaled(Scaling.UNIT), layers);
        return TrainingConfig.of(model).withBatch(batch).plan();
    }

    static Dataset digits() {
        return digits(ROWS);
    }

    static Dataset digits(int rows) {
        return Digits.generate("digits", rows, 0, 1);
    }
}
