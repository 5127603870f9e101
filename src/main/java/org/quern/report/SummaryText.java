package org.quern.report;

import static org.quern.report.Numbers.bytes;
import static org.quern.report.Numbers.format;

import org.quern.plan.Plan;

/**
 * A model's summary with the memory that training it takes.
 *
 * @hidden
 */
public final class SummaryText {
    private SummaryText() {}

    /**
     * {@link org.quern.model.Model#summary()} and, in bytes of float32: the parameters; what the
     * optimizer keeps of them; the rows of a batch on their way through the layers, with their
     * gradients; and the whole arena, with the gradients of the parameters and the gaps between
     * slices.
     */
    public static String of(Plan plan) {
        long parameters = plan.model().parameters();
        long passing = plan.arena() - plan.state().size() - plan.gradients().size();
        String batches = " (batches of %d, of %d when not training)";
        return String.join(
                "\n",
                plan.model().summary(),
                "",
                line("parameters", parameters),
                line("optimizer", parameters * plan.optimizer().moments()),
                line("activations", passing) + format(batches, plan.batch(), plan.inferenceBatch()),
                line("arena", plan.arena()));
    }

    private static String line(String what, long values) {
        return format("%-12s %s", what, bytes(4 * values));
    }
}
