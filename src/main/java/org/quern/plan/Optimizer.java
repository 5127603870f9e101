package org.quern.plan;

import static org.quern.QuernException.usage;

/**
 * How parameters follow their gradients. What depends on the step is computed once on the host, in
 * float64, and handed to kernels as two float32 numbers a step, {@link #rate} and {@link #decay},
 * so that every backend uses the same bits.
 */
public sealed interface Optimizer {

    /** Decoupled weight decay λ per unit of learning rate; 0 for none. */
    double weightDecay();

    /** Its name and its numbers as text, for files: of equal ones the same. */
    String text();

    /** Arrays of the size of the parameters that it keeps between steps. */
    int moments();

    /**
     * The step size that kernels use at global step {@code step} (from 0) under a learning rate.
     */
    float rate(double learningRate, long step);

    /** What parameters are multiplied by before the update: 1 − learningRate · λ. */
    default float decay(double learningRate) {
        return (float) (1 - learningRate * weightDecay());
    }

    /**
     * Adam (Kingma and Ba, arXiv 1412.6980) in the ε̂ form of Keras, with t = step + 1:
     *
     * <pre>
     * α = learningRate · √(1 − β₂ᵗ) / (1 − β₁ᵗ)
     * w ← w · decay;  m ← m + (g − m)(1 − β₁);  v ← v + (g² − v)(1 − β₂);  w ← w − α m / (√v + ε)
     * </pre>
     *
     * With weight decay this is AdamW (Loshchilov and Hutter, arXiv 1711.05101).
     */
    record Adam(double beta1, double beta2, double epsilon, double weightDecay)
            implements Optimizer {
        /** Keras' defaults: β₁ 0.9, β₂ 0.999, ε 1e-7, no weight decay. */
        public static final Adam DEFAULT = new Adam(0.9, 0.999, 1e-7, 0);

        /** Checks the ranges. */
        public Adam {
            if (!(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1)) {
                throw usage("Adam: beta1 %s and beta2 %s must be in [0, 1)", beta1, beta2);
            }
            if (!(epsilon > 0)) {
                throw usage("Adam: epsilon %s must be above 0", epsilon);
            }
            checkDecay(weightDecay);
        }

        @Override
        public String text() {
            return "adam %s %s %s %s".formatted(beta1, beta2, epsilon, weightDecay);
        }

        @Override
        public int moments() {
            return 2;
        }

        @Override
        public float rate(double learningRate, long step) {
            return (float)
                    (learningRate
                            * Math.sqrt(1 - power(beta2, step + 1))
                            / (1 - power(beta1, step + 1)));
        }

        /**
         * β^t by squaring: the same bits everywhere, as StrictMath's would be, but without that
         * one's arrays. The relative error grows like t ε while β^t falls, so 1 − β^t stays exact
         * to some hundred ε.
         */
        private static double power(double beta, long t) {
            double result = 1;
            double factor = beta;
            for (long rest = t; rest > 0; rest >>= 1) {
                if ((rest & 1) != 0) {
                    result *= factor;
                }
                factor *= factor;
            }
            return result;
        }
    }

    /**
     * Stochastic gradient descent with momentum μ in Keras' form: {@code w ← w · decay; u ← μ u −
     * learningRate · g; w ← w + u}. Without momentum u is not kept.
     */
    record Sgd(double momentum, double weightDecay) implements Optimizer {
        /** Checks the ranges. */
        public Sgd {
            if (!(momentum >= 0 && momentum < 1)) {
                throw usage("SGD: momentum %s must be in [0, 1)", momentum);
            }
            checkDecay(weightDecay);
        }

        @Override
        public String text() {
            return "sgd %s %s".formatted(momentum, weightDecay);
        }

        @Override
        public int moments() {
            return momentum > 0 ? 1 : 0;
        }

        @Override
        public float rate(double learningRate, long step) {
            return (float) learningRate;
        }
    }

    private static void checkDecay(double weightDecay) {
        if (!(weightDecay >= 0 && weightDecay < Double.POSITIVE_INFINITY)) {
            throw usage("weight decay %s must be 0 or more", weightDecay);
        }
    }
}
