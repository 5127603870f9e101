package org.quern.backend.gpu;

/**
 * The shapes of tile in which {@code kernels/ops/dense.cl} computes products, and the choice among
 * them: the largest that still gives every multiprocessor something to do.
 */
public enum Tiling {
    /** 8 × 8 outputs a group, four threads for each. */
    SMALL(8),
    /** 32 × 32 outputs a group, four a thread. */
    MEDIUM(32),
    /** 128 × 128 outputs a group, 64 a thread. */
    LARGE(128);

    private final int side;

    Tiling(int side) {
        this.side = side;
    }

    /** Chooses among them. */
    public interface Choice {
        /** The tile for a product with [m × n] outputs. */
        Tiling of(int m, int n);
    }

    /** The choice for a device with some multiprocessors. */
    public static Choice forUnits(int units) {
        return (m, n) -> {
            if (LARGE.groups(m) * LARGE.groups(n) >= units) {
                return LARGE;
            }
            return MEDIUM.groups(m) * MEDIUM.groups(n) * 2 >= units ? MEDIUM : SMALL;
        };
    }

    int side() {
        return side;
    }

    int groups(int extent) {
        return Call.groups(extent, side);
    }

    String kernel(String name) {
        return name + "_" + name().toLowerCase(java.util.Locale.ROOT);
    }
}
