package org.quern.run;

import java.util.HashMap;
import java.util.Map;
import org.quern.data.Splits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.plan.Folding;
import org.quern.train.Evaluation;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** What a run ends with: a model that takes the rows that a user has, and how well it does. */
public final class Results {
    private Results() {}

    /**
     * A model with some parameters of a trainer; notes say the seed and the label, too.
     *
     * @param parts the rows that it was trained on
     */
    public static SavedModel model(
            Trainer trainer, float[] parameters, Splits parts, Map<String, String> notes) {
        TrainingConfig config = trainer.config();
        Map<String, String> all = new HashMap<>(notes);
        all.put("seed", Long.toString(config.seed()));
        if (parts.label() != null && !parts.label().isEmpty()) {
            all.put("label", parts.label());
        }
        return new SavedModel(
                config.model(),
                config.loss(),
                folded(trainer, parameters, parts),
                parts.train().classes(),
                parts.columns(),
                all);
    }

    /** How well a trained network does on the test rows, as {@code quern evaluate} says it. */
    public static Evaluation test(Trainer trainer, Splits parts) {
        return parts.columns() == null
                ? trainer.evaluate(parts.test())
                : trainer.evaluate(folded(trainer, trainer.parameters(), parts), parts.test());
    }

    private static float[] folded(Trainer trainer, float[] parameters, Splits parts) {
        return parts.columns() == null
                ? parameters
                : Folding.fold(trainer.plan(), parameters, parts.columns());
    }
}
