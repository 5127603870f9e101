package org.quern.model;

import static org.quern.QuernException.usage;

import java.util.Objects;

/** One layer of a {@link Model}. */
public sealed interface Layer {

    /** The layer as it stands in a model's text, for instance {@code dense 48 relu}. */
    String text();

    /**
     * A fully connected layer: {@code Y = activation(X·W + b)}, X [rows × in], W [in × units], b
     * [units].
     *
     * @param units width of its output, at least 1
     */
    record Dense(int units, Activation activation, Init init) implements Layer {
        /** Checks the width. */
        public Dense {
            Objects.requireNonNull(activation);
            Objects.requireNonNull(init);
            if (units < 1) {
                throw usage("dense %d: a layer has at least 1 unit", units);
            }
        }

        @Override
        public String text() {
            return "dense "
                    + units
                    + (activation == Activation.LINEAR ? "" : " " + activation.text())
                    + (init == Init.GLOROT
                            ? ""
                            : " " + init.name().toLowerCase(java.util.Locale.ROOT));
        }
    }

    /**
     * Inverted dropout (Srivastava et al., JMLR 2014): while training, each value is set to 0 with
     * probability {@code rate} and otherwise multiplied by 1 / (1 − rate); at inference nothing
     * happens.
     *
     * @param rate probability of dropping a value, 0 ≤ rate &lt; 1
     */
    record Dropout(float rate) implements Layer {
        /** Checks the rate. */
        public Dropout {
            if (!(rate >= 0 && rate < 1)) {
                throw usage(
                        "dropout %s: the rate is the fraction to drop, at least 0 and below 1",
                        Float.toString(rate));
            }
        }

        @Override
        public String text() {
            return "dropout " + rate;
        }
    }
}
