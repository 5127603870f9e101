package org.quern.backend;

import org.quern.data.Dataset;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * A plan on a device: one arena and what runs on it. The unit of work is {@link #train}: many steps
 * in one call. The same calls give the same bits every time. Those that a {@link Backend} opens
 * have a {@link Guard} before them, so that implementations need not check what they are asked.
 */
public interface Executor extends AutoCloseable {
    Plan plan();

    /** On what it runs, for logs and run files: device, instruction set, threads. */
    String device();

    /** What the user should know of how it was opened, in a sentence; null for nothing. */
    default String notice() {
        return null;
    }

    /**
     * How it gives training steps on some data to its device, and why not otherwise, in a sentence;
     * once it has trained, by what the device had room for; null where there is but one way.
     */
    default String engine(Dataset data) {
        return null;
    }

    /**
     * How the kernels came to a device.
     *
     * @param what was loaded, for instance {@code cubin for sm_90}; empty if nothing had to be
     * @param nanos that it took, compiling included, though executors may share it
     */
    record KernelImage(String what, long nanos) {
        /** Of executors whose kernels are in the process anyway. */
        public static final KernelImage NONE = new KernelImage("", 0);
    }

    default KernelImage code() {
        return KernelImage.NONE;
    }

    /** Copies {@code slice.size()} values from {@code source[from…]} into the arena. */
    void write(Slice slice, float[] source, int from);

    /** Copies the slice's {@code slice.size()} values into {@code target[to…]}. */
    void read(Slice slice, float[] target, int to);

    /** Writes the state before the first step of a seed, that of {@link Plan#initialState}. */
    default void initialise(long seed) {
        write(plan().state(), plan().initialState(seed), 0);
    }

    /** Whether no value of a slice is NaN or infinite. */
    default boolean finite(Slice slice) {
        float[] values = new float[Math.toIntExact(slice.size())];
        read(slice, values, 0);
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return false;
            }
        }
        return true;
    }

    /** Brings a data set that fits the plan to the device, where it stays until closed. */
    DeviceDataset upload(Dataset data);

    /**
     * Runs {@code steps.count()} training steps, from global step {@code steps.first()} on, over a
     * resident data set with targets, and fills in the log. It allocates nothing.
     */
    void train(DeviceDataset data, Steps steps);

    /** Whether {@link #train} tells the steps' observer how far it is, without stopping for it. */
    default boolean reportsProgress() {
        return false;
    }

    /**
     * Runs the network without dropout over rows {@code [first, first + rows)} of a resident data
     * set, in that order, and writes the last layer's outputs (logits under cross-entropy) to
     * {@code outputs[0 … rows · outputSize − 1]}.
     */
    void infer(DeviceDataset data, int first, int rows, float[] outputs);

    /** The same for rows that are on the host. */
    default void infer(Dataset rows, float[] outputs) {
        try (DeviceDataset resident = upload(rows)) {
            infer(resident, 0, rows.rows(), outputs);
        }
    }

    /**
     * The same for rows in arrays of the caller's, which are only read. Executors on the host
     * allocate nothing.
     *
     * @param pixels {@code rows · inputSize} unsigned bytes, or null
     * @param values as many floats if {@code pixels} is null
     */
    default void infer(byte[] pixels, float[] values, int rows, float[] outputs) {
        int[] shape = {plan().inputSize()};
        infer(
                pixels != null
                        ? Dataset.ofPixels("rows", shape, pixels)
                        : Dataset.ofValues("rows", shape, values),
                outputs);
    }

    /**
     * Runs one op of the plan alone, on what the arena holds: what tests, gradient checks and the
     * search for a NaN's origin are made of.
     */
    void run(Op op, DeviceDataset data, StepContext pass);

    /**
     * The same so many times in a row, with nothing between them that is not the op's: what
     * benchmarks time. On a device it waits once, at the end.
     */
    default void run(Op op, DeviceDataset data, StepContext pass, int times) {
        for (int i = 0; i < times; i++) {
            run(op, data, pass);
        }
    }

    @Override
    void close();
}
