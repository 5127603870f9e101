package org.quern.backend.cpu;

/**
 * The C side, {@code native/jni.c}. Handles are addresses; arguments are checked before they get
 * here.
 */
final class Native {
    private Native() {}

    /**
     * Name of the kernels that {@code wanted} selects: 0 the best; null if this CPU cannot run
     * them.
     */
    static native String instructionSet(int wanted);

    /** Processors that this process may use. */
    static native int processors();

    /** A net; 0 if memory is short. The arrays' layout is that of {@link NetDescription}. */
    static native long open(long[] numbers, float[] values, int wanted);

    static native void close(long net);

    static native void write(long net, long offset, float[] source, int from, int count);

    static native void read(long net, long offset, float[] target, int to, int count);

    /** A copy of rows, of bytes or of floats, the other null; 0 if memory is short. */
    static native long upload(long net, byte[] bytes, float[] floats, int rows);

    /** Gives a data set its targets; false if memory is short. */
    static native boolean targets(long data, float[] targets);

    static native void release(long data);

    static native void train(
            long net,
            long data,
            long seed,
            long first,
            int count,
            float[] rates,
            float[] decays,
            float[] losses,
            int[] hits);

    static native void infer(long net, long data, int first, int rows, float[] outputs);

    static native void inferHost(long net, byte[] bytes, float[] floats, int rows, float[] outputs);

    /**
     * One op.
     *
     * @param where training (1 or 0), seed, step, epoch, first, rows, how many times
     * @param rates step size and decay
     * @param log receives loss and hits of Metrics
     */
    static native void run(
            long net, long data, int kind, int layer, long[] where, float[] rates, float[] log);

    /** C = op(A)·op(B), C [m × n]: the matrix product by itself, for tests and benchmarks. */
    static native void gemm(
            int wanted,
            int m,
            int n,
            int k,
            float[] a,
            boolean transposedA,
            float[] b,
            boolean transposedB,
            float[] c);
}
