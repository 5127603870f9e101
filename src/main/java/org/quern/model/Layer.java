package org.quern.model;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

/** One layer of a {@link Model}. */
public sealed interface Layer {

    /** The layer as it stands in a model's text, for instance {@code dense 48 relu}. */
    String text();

    /** A fully connected layer: {@code Y = activation(X·W + b)}, W [in × units], b [units]. */
    record Dense(int units, Activation activation, Init init) implements Layer {
        public Dense {
            given(activation, "activation");
            given(init, "init");
            expect(units >= 1, "dense %d: a layer has at least 1 unit", units);
        }

        @Override
        public String text() {
            String after = activation == Activation.LINEAR ? "" : " " + activation.text();
            return "dense " + units + after + (init == Init.HE ? " he" : "");
        }
    }

    /**
     * Inverted dropout (Srivastava et al., JMLR 2014): while training, each value is set to 0 with
     * probability {@code rate}, at least 0 and below 1, else multiplied by 1 / (1 − rate).
     */
    record Dropout(float rate) implements Layer {
        public Dropout {
            String message = "dropout %s: the rate is the fraction to drop, at least 0 and below 1";
            expect(rate >= 0 && rate < 1, message, Float.toString(rate));
        }

        @Override
        public String text() {
            return "dropout " + rate;
        }
    }
}
