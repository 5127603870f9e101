package org.quern;

import java.util.List;
import java.util.SplittableRandom;

/**
 * What should hold of any input, tried on many: each try draws its input from a seed of its own,
 * which a failure names. The seeds are 1, 2, 3 …, so that a failure is seen again.
 */
public final class Tries {
    private Tries() {}

    /** What is to hold of the input that is drawn. */
    public interface Property {
        void holds(Draw draw) throws Exception;
    }

    /** Fails with the first seed that a property does not hold for. */
    public static void of(int tries, Property property) {
        for (int seed = 1; seed <= tries; seed++) {
            Draw draw = new Draw(seed);
            try {
                property.holds(draw);
            } catch (Exception | AssertionError e) {
                throw new AssertionError(
                        "try with seed %d, which drew %s: %s"
                                .formatted(seed, draw.drawn, e.getMessage()),
                        e);
            }
        }
    }

    /** Draws values, and remembers them for the message. */
    public static final class Draw {
        /** Of so many numbers that are drawn from a range, one is the least and one the most. */
        private static final int EDGES = 20;

        private final SplittableRandom random;
        private final StringBuilder drawn = new StringBuilder();

        private Draw(long seed) {
            random = new SplittableRandom(seed);
        }

        private <T> T told(T value) {
            drawn.append(drawn.isEmpty() ? "" : ", ").append(value);
            return value;
        }

        /** A whole number, both limits included. */
        public int from(int least, int most) {
            int edge = random.nextInt(EDGES);
            return told(edge == 0 ? least : edge == 1 ? most : random.nextInt(least, most + 1));
        }

        /** A number, both limits included. */
        public double from(double least, double most) {
            int edge = random.nextInt(EDGES);
            return told(edge == 0 ? least : edge == 1 ? most : random.nextDouble(least, most));
        }

        /** Any number at all. */
        public long any() {
            return told(random.nextLong());
        }

        /** One of some values. */
        public <T> T of(List<T> values) {
            return told(values.get(random.nextInt(values.size())));
        }
    }
}
