package org.quern.backend.cpu;

/**
 * The C side, {@code native/jni.c}, which includes what javac makes of this class. Handles are
 * addresses; arguments are checked before they get here.
 */
final class Native {
    /** What {@link #open} gives for a network with an activation, loss or rule unknown to C. */
    static final int UNKNOWN = -1;

    /** What {@link #upload} gives for rows that somebody wrote to meanwhile. */
    static final int CHANGED = -2;

    private Native() {}

    /** QUERN_ABI of the {@code kernels/gen/abi.h} that the library is made of. */
    static native int abi();

    /** Name of the kernels that {@code wanted} selects; null if this CPU cannot run them. */
    static native String instructionSet(int wanted);

    static native int processors();

    /** A net of {@link NetDescription#words}; 0 if memory is short, or {@link #UNKNOWN}. */
    static native long open(long[] words, int wanted);

    static native void close(long net);

    static native void write(long net, long offset, float[] source, int from, int count);

    static native void read(long net, long offset, float[] target, int to, int count);

    /** Threads of a net, the caller's among them: no more than it has work for. */
    static native int threads(long net);

    /**
     * A copy of rows, of bytes or of floats, the other null; 0 if memory is short, or {@link
     * #CHANGED}.
     */
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

    /** False if memory is short. */
    static native boolean inferHost(
            long net, byte[] bytes, float[] floats, int rows, float[] outputs);

    /** An op of a {@link CpuExecutor.Kind}, some times; {@code log} receives what Metrics gives. */
    static native void run(
            long net,
            long data,
            int kind,
            int layer,
            int times,
            boolean training,
            long seed,
            long step,
            long epoch,
            int first,
            int rows,
            float rate,
            float decay,
            float[] log);
}
