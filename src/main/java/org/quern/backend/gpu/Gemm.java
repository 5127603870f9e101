package org.quern.backend.gpu;

/**
 * A matrix product C = epilogue(α A·B) that a library is asked for, all row-major.
 *
 * @param what name for messages and tables, for instance {@code dense_forward_relu}
 * @param a [m × k]
 * @param b [k × n]
 * @param c [m × n], where the product goes
 * @param epilogue what is done to C before it is written
 */
public record Gemm(
        String what, int m, int n, int k, Operand a, Operand b, Operand c, Epilogue epilogue) {
    /** A product to which nothing is done. */
    public Gemm(String what, int m, int n, int k, Operand a, Operand b, Operand c) {
        this(what, m, n, k, a, b, c, Epilogue.NONE);
    }

    /**
     * A matrix in device memory.
     *
     * @param at its first value, counted in values
     * @param stride values from a row to the next
     * @param bfloat16 whether its values are bfloat16; else float32
     * @param transposed whether what is multiplied is its transpose
     */
    public record Operand(
            Device.Buffer buffer, int at, int stride, boolean bfloat16, boolean transposed) {
        /** The same matrix as a factor that is transposed. */
        public Operand transpose() {
            return new Operand(buffer, at, stride, bfloat16, !transposed);
        }
    }

    /** What may be done to a product before it is written. */
    public enum Kind {
        NONE,
        /** + b, a bias for each column. */
        BIAS,
        /** ReLU(C + b). */
        RELU,
        /** ReLU(C + b), and a bit for each value: whether it is above 0. */
        RELU_BITS,
        /** 0 where the bit of a value is 0. */
        RELU_GRADIENT,
        /** C as it is, and the sums of B's columns as a gradient of a bias. */
        BIAS_GRADIENT
    }

    /**
     * What is done to a product before it is written.
     *
     * @param bias [1 × n], read or written; null where there is none
     * @param bits a bit for each value of C, the least significant of a 32-bit word first; {@code
     *     at} and {@code stride} count words; null where there are none
     * @param alpha α
     */
    public record Epilogue(Kind kind, Operand bias, Operand bits, float alpha) {
        public static final Epilogue NONE = new Epilogue(Kind.NONE, null, null, 1);
    }

    /** The same product with something done to it, written elsewhere. */
    Gemm with(Kind kind, Operand bias, Operand bits, float alpha, Operand to) {
        return new Gemm(what, m, n, k, a, b, to, new Epilogue(kind, bias, bits, alpha));
    }
}
