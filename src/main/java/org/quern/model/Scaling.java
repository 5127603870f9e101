package org.quern.model;

import static org.quern.QuernException.expect;

/**
 * How a model sees its raw input: {@code x · scale + shift}, in float32. It belongs to the model
 * and is saved with it, so that whoever predicts feeds the same raw values as whoever trained.
 */
public record Scaling(float scale, float shift) {
    /** Raw values, as they are. */
    public static final Scaling NONE = new Scaling(1, 0);

    /** Bytes 0 … 255 to 0 … 1. */
    public static final Scaling UNIT = new Scaling(1 / 255f, 0);

    public Scaling {
        String text = "scaling x · %s + %s: give a finite scale other than 0 and a finite shift";
        boolean fits = Float.isFinite(scale) && scale != 0 && Float.isFinite(shift);
        expect(fits, text, Float.toString(scale), Float.toString(shift));
    }
}
