package org.quern.peers;

/**
 * What every peer trains: Quern's two measured networks, with its defaults (Keras') in all else.
 */
public enum Workload {
    /** 784-48-15-10 of the Keras tutorial; the second layer is linear. */
    TUTORIAL(new int[] {784, 48, 15, 10}, new boolean[] {true, false}, 0.3f, 32),
    /** 784-800-800-10. */
    WIDE(new int[] {784, 800, 800, 10}, new boolean[] {true, true}, 0.5f, 128);

    /** Adam's settings. */
    public static final float RATE = 1e-3f;

    public static final float BETA1 = 0.9f;
    public static final float BETA2 = 0.999f;
    public static final float EPSILON = 1e-7f;

    /** Inputs, then the units of each layer. */
    public final int[] widths;

    /** For each hidden layer, whether a ReLU follows it; where not, it is linear. */
    public final boolean[] relu;

    /** The probability of dropping a unit, after each hidden layer. */
    public final float dropout;

    /** Rows in a training step. */
    public final int batch;

    Workload(int[] widths, boolean[] relu, float dropout, int batch) {
        this.widths = widths;
        this.relu = relu;
        this.dropout = dropout;
        this.batch = batch;
    }

    /** The number of dense layers. */
    public int layers() {
        return widths.length - 1;
    }
}
