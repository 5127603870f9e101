package org.quern.io;

import org.quern.io.LayerChain.Numbers;
import org.quern.model.Activation;

/** What a value of an ONNX graph is of its input: a step, and the formula that the step is of. */
record OnnxFormula(
        OnnxFormula of,
        Kind kind,
        String name,
        Activation activation,
        Numbers scale,
        Numbers shift,
        int[] shape,
        float[] kernel,
        float[] bias) {
    private static final double ROOT_HALF = Math.sqrt(0.5);

    /** One step of a formula, or none where it begins. */
    enum Kind {
        INPUT,
        AFFINE,
        DENSE,
        ACTIVATION,
        ERF,
        SOFTMAX,
        FLATTEN
    }

    static OnnxFormula input() {
        return new OnnxFormula(null, Kind.INPUT, "", null, null, null, null, null, null);
    }

    OnnxFormula then(Kind next, String by) {
        return new OnnxFormula(this, next, by, null, null, null, null, null, null);
    }

    OnnxFormula then(Activation next, String by) {
        return new OnnxFormula(this, Kind.ACTIVATION, by, next, null, null, null, null, null);
    }

    OnnxFormula then(Numbers factors, Numbers shifts, String by) {
        return new OnnxFormula(this, Kind.AFFINE, by, null, factors, shifts, null, null, null);
    }

    boolean isScaled() {
        return kind == Kind.AFFINE && scale.isSingle() && shift.isSingle();
    }

    boolean is(Activation of) {
        return activation == of;
    }

    /** {@code x · sigmoid(x)} or {@code x · (1 + erf(x / √2))}, x first; null if it is neither. */
    static OnnxFormula product(OnnxFormula factor, OnnxFormula other, String by) {
        if (other.is(Activation.SIGMOID) && other.of == factor) {
            return factor.then(Activation.SILU, by);
        }
        return gelu(factor, other, by);
    }

    private static OnnxFormula gelu(OnnxFormula factor, OnnxFormula raised, String by) {
        double scale = 1;
        double shift = 0;
        OnnxFormula erf = raised;
        for (; erf.isScaled(); erf = erf.of) { // outermost first
            shift += scale * erf.shift.values()[0];
            scale *= erf.scale.values()[0];
        }
        if (erf.kind != Kind.ERF || Math.abs(scale - shift) > 1e-6 * Math.abs(scale)) {
            return null;
        }
        double inner = 1;
        OnnxFormula argument = erf.of;
        double outer = 1;
        OnnxFormula other = factor;
        for (; isFactor(argument); argument = argument.of) {
            inner *= argument.scale.values()[0];
        }
        for (; isFactor(other); other = other.of) {
            outer *= other.scale.values()[0];
        }
        if (argument != other || Math.abs(inner - ROOT_HALF) > 1e-6) {
            return null;
        }
        double rest = 2 * outer * scale;
        rest = Math.abs(rest - Math.rint(rest)) < 1e-6 ? Math.rint(rest) : rest;
        OnnxFormula gelu = other.then(Activation.GELU, by);
        return gelu.then(Numbers.of(rest), Numbers.ZERO, by);
    }

    private static boolean isFactor(OnnxFormula formula) {
        return formula.isScaled() && formula.shift.values()[0] == 0;
    }
}
