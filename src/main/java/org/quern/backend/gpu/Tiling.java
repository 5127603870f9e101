package org.quern.backend.gpu;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

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

    private static final int MOST_IDLE = 16;

    private final int side;

    Tiling(int side) {
        this.side = side;
    }

    /** Chooses among them. */
    public interface Choice {
        /** The tile for a product with [m × n] outputs. */
        Tiling of(int m, int n);

        /** Those that may be faster, that one first: the device is to be asked. */
        default List<Tiling> among(int m, int n) {
            return List.of(of(m, n));
        }
    }

    /** The choice for a device with some multiprocessors. */
    public static Choice forUnits(int units) {
        return (m, n) -> {
            if (LARGE.all(m, n) >= units) {
                return LARGE;
            }
            return MEDIUM.all(m, n) * 2 >= units ? MEDIUM : SMALL;
        };
    }

    /**
     * The same where the device's times decide: among all that leave no more than a few
     * multiprocessors without work, if the smallest tiles are more than the device does at once.
     * What drivers call a compute unit may be a sixteenth of a multiprocessor.
     */
    public static Choice measured(int units) {
        Choice rule = forUnits(units);
        return new Choice() {
            @Override
            public Tiling of(int m, int n) {
                return rule.of(m, n);
            }

            @Override
            public List<Tiling> among(int m, int n) {
                Tiling first = of(m, n);
                Stream<Tiling> others =
                        Stream.of(values())
                                .filter(tile -> tile != first)
                                .filter(tile -> MOST_IDLE * tile.all(m, n) >= units);
                return SMALL.all(m, n) <= units
                        ? List.of(first)
                        : Stream.concat(Stream.of(first), others).toList();
            }
        };
    }

    private int all(int m, int n) {
        return groups(m) * groups(n);
    }

    int side() {
        return side;
    }

    int groups(int extent) {
        return Call.groups(extent, side);
    }

    String kernel(String name) {
        return name + "_" + text();
    }

    String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
