package org.quern.plan;

import static org.quern.QuernException.choice;
import static org.quern.QuernException.expect;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * How parameters follow their gradients. This is all that Java knows of an optimizer: its name and
 * settings, what it keeps between steps and its rule, in float64 for the reference and in float32
 * for plain Java. What depends on the step is computed on the host, in float64, and handed to
 * kernels as two float32 numbers, {@link #rate} and {@link #decay}, the same bits everywhere.
 */
public sealed interface Optimizer {

    /** The kinds of optimizers, numbered in this order in C and in kernels. */
    enum Kind {
        ADAM(
                Adam.DEFAULT,
                1e-3,
                14,
                v -> new Adam(v.get(0), v.get(1), v.get(2), v.get(3)),
                "beta1",
                "beta2",
                "epsilon"),
        SGD(new Sgd(0, 0), 1e-3, 5, v -> new Sgd(v.get(0), v.get(1)), "momentum"),
        LION(Lion.DEFAULT, 1e-4, 9, v -> new Lion(v.get(0), v.get(1), v.get(2)), "beta1", "beta2");

        private final Optimizer standard;
        private final double learningRate;
        final double flops;
        private final Function<List<Double>, Optimizer> maker;
        private final List<String> settings;

        Kind(
                Optimizer standard,
                double learningRate,
                double flops,
                Function<List<Double>, Optimizer> maker,
                String... settings) {
            this.standard = standard;
            this.learningRate = learningRate;
            this.flops = flops;
            this.maker = maker;
            this.settings = Stream.concat(Stream.of(settings), Stream.of("weight-decay")).toList();
        }

        public String option() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Its settings by default, and {@code lr}, the learning rate to begin with. */
        public Map<String, Double> defaults() {
            Map<String, Double> defaults = new LinkedHashMap<>();
            for (int i = 0; i < settings.size(); i++) {
                defaults.put(settings.get(i), standard.values().get(i));
            }
            defaults.put("lr", learningRate);
            return defaults;
        }

        public static List<String> options() {
            return Arrays.stream(values()).map(Kind::option).toList();
        }

        /** The kind of that word; an unknown one is a usage error that lists all. */
        public static Kind of(String option) {
            return choice("optimizer", option, values(), Kind::option, Map.of());
        }
    }

    Kind kind();

    /** Its numbers, the last of them its weight decay. */
    List<Double> values();

    /** As files keep it: name and numbers, for instance {@code sgd 0.9 0.0}. */
    default String text() {
        return Loss.text(kind().option(), values());
    }

    /** The optimizer that the command line calls so, with its settings by name. */
    static Optimizer of(String option, ToDoubleFunction<String> numbers) {
        Kind kind = Kind.of(option);
        return kind.maker.apply(kind.settings.stream().map(numbers::applyAsDouble).toList());
    }

    /** For people, in a few words: here those of one whose first two numbers are betas. */
    default String summary() {
        List<Double> betas = values().subList(0, 2);
        boolean usual = betas.equals(kind().standard.values().subList(0, 2));
        String asked = usual ? "" : " " + betas.get(0) + " " + betas.get(1);
        return kind().option() + asked + decayText(weightDecay());
    }

    /** What its op over so many parameters is called in a list of kernels. */
    default String caseName(int parameters) {
        String form = weightDecay() > 0 ? ", weight decay" : "";
        return getClass().getSimpleName() + " " + parameters + form;
    }

    /** Decoupled weight decay λ per unit of learning rate; 0 for none. */
    double weightDecay();

    /** Arrays of the parameters' size that it keeps between steps, in the plan's state. */
    int moments();

    /** Whether a moment is a mean of squares, never below 0. */
    default boolean isSquare(int moment) {
        return false;
    }

    /** What its rule takes in C and in kernels beside the step's rate and decay, three at most. */
    float[] constants();

    /** The step size that kernels use at a global step, from 0, under a learning rate. */
    default float rate(double learningRate, long step) {
        return (float) learningRate;
    }

    /** What parameters are multiplied by before the update: 1 − learningRate · λ. */
    default float decay(double learningRate) {
        return (float) (1 - learningRate * weightDecay());
    }

    /**
     * The new parameter after a step in float64, the reference; its moments are changed.
     *
     * @hidden
     */
    double update(double w, double g, double[] moments, double rate, double decay);

    /**
     * A step of n parameters in float32, for plain Java: a loop that C2 vectorises.
     *
     * @hidden
     */
    void update(float[] w, float[] g, float[][] moments, int n, float rate, float decay);

    /**
     * How far the parameter and its moments in float32 may be from those of the reference.
     *
     * @param unit relative error of an operation
     * @param before the parameter and its moments; {@code after}: after the step
     * @hidden
     */
    double[] error(double unit, double g, double[] before, double[] after, double rate);

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

        public Adam {
            checkBetas("Adam", beta1, beta2);
            expect(epsilon > 0, "Adam: epsilon %s must be above 0", epsilon);
            checkDecay(weightDecay);
        }

        @Override
        public Kind kind() {
            return Kind.ADAM;
        }

        @Override
        public List<Double> values() {
            return List.of(beta1, beta2, epsilon, weightDecay);
        }

        @Override
        public int moments() {
            return 2;
        }

        @Override
        public boolean isSquare(int moment) {
            return moment == 1;
        }

        @Override
        public float[] constants() {
            return new float[] {(float) (1 - beta1), (float) (1 - beta2), (float) epsilon};
        }

        @Override
        public float rate(double learningRate, long step) {
            return (float)
                    (learningRate
                            * Math.sqrt(1 - power(beta2, step + 1))
                            / (1 - power(beta1, step + 1)));
        }

        /**
         * β^t by squaring: the same bits everywhere, as StrictMath's, but without its arrays. The
         * relative error grows like t ε while β^t falls: 1 − β^t is exact to some hundred ε.
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

        @Override
        public double update(double w, double g, double[] moments, double rate, double decay) {
            moments[0] += (g - moments[0]) * (1 - beta1);
            moments[1] += (g * g - moments[1]) * (1 - beta2);
            return w * decay - rate * moments[0] / (Math.sqrt(moments[1]) + epsilon);
        }

        @Override
        public void update(
                float[] w, float[] g, float[][] moments, int n, float rate, float decay) {
            float[] m = moments[0];
            float[] v = moments[1];
            float one = (float) (1 - beta1);
            float two = (float) (1 - beta2);
            float small = (float) epsilon;
            for (int i = 0; i < n; i++) {
                float mi = m[i] + (g[i] - m[i]) * one;
                float vi = v[i] + (g[i] * g[i] - v[i]) * two;
                m[i] = mi;
                v[i] = vi;
                w[i] = w[i] * decay - rate * mi / ((float) Math.sqrt(vi) + small);
            }
        }

        @Override
        public double[] error(double unit, double g, double[] before, double[] after, double rate) {
            double mError = unit * (Math.abs(before[1]) + Math.abs(g));
            double vError = unit * (before[2] + g * g);
            double root = Math.sqrt(after[2]);
            double below = root + epsilon;
            double update = rate * Math.abs(after[1]) / below;
            double rootError = root == 0 ? 0 : vError / (2 * root);
            double wError = unit * (Math.abs(before[0]) + update);
            return new double[] {
                wError + rate * mError / below + update * rootError / below, mError, vError
            };
        }
    }

    /**
     * Stochastic gradient descent with momentum μ in Keras' form: {@code w ← w · decay; u ← μ u −
     * learningRate · g; w ← w + u}. Without momentum u is not kept.
     */
    record Sgd(double momentum, double weightDecay) implements Optimizer {
        public Sgd {
            expect(momentum >= 0 && momentum < 1, "SGD: momentum %s must be in [0, 1)", momentum);
            checkDecay(weightDecay);
        }

        @Override
        public Kind kind() {
            return Kind.SGD;
        }

        @Override
        public List<Double> values() {
            return List.of(momentum, weightDecay);
        }

        @Override
        public String summary() {
            return (momentum == 0 ? "sgd" : "sgd with momentum " + momentum)
                    + decayText(weightDecay);
        }

        @Override
        public String caseName(int parameters) {
            return "Sgd " + parameters + (momentum > 0 ? ", momentum" : "");
        }

        @Override
        public int moments() {
            return momentum > 0 ? 1 : 0;
        }

        @Override
        public float[] constants() {
            return new float[] {(float) momentum};
        }

        @Override
        public double update(double w, double g, double[] moments, double rate, double decay) {
            double move = -rate * g;
            if (moments.length > 0) {
                move += momentum * moments[0];
                moments[0] = move;
            }
            return w * decay + move;
        }

        @Override
        public void update(
                float[] w, float[] g, float[][] moments, int n, float rate, float decay) {
            if (moments.length == 0) {
                for (int i = 0; i < n; i++) {
                    w[i] = w[i] * decay - rate * g[i];
                }
                return;
            }
            float[] u = moments[0];
            float heavy = (float) momentum;
            for (int i = 0; i < n; i++) {
                float move = heavy * u[i] - rate * g[i];
                u[i] = move;
                w[i] = w[i] * decay + move;
            }
        }

        @Override
        public double[] error(double unit, double g, double[] before, double[] after, double rate) {
            double sum = rate * Math.abs(g);
            for (double one : before) {
                sum += Math.abs(one);
            }
            return new double[] {unit * sum, unit * sum};
        }
    }

    /**
     * Lion (Chen et al., arXiv 2302.06675, algorithm 2):
     *
     * <pre>
     * c = m + (g − m)(1 − β₁);  w ← w · decay − learningRate · sign(c);  m ← m + (g − m)(1 − β₂)
     * </pre>
     */
    record Lion(double beta1, double beta2, double weightDecay) implements Optimizer {
        /**
         * The paper's β₁ 0.9 and β₂ 0.99, no weight decay. The paper wants a learning rate 3 to 10
         * times less than AdamW's: {@link Kind} has its authors' default, 1e-4.
         */
        public static final Lion DEFAULT = new Lion(0.9, 0.99, 0);

        public Lion {
            checkBetas("Lion", beta1, beta2);
            checkDecay(weightDecay);
        }

        @Override
        public Kind kind() {
            return Kind.LION;
        }

        @Override
        public List<Double> values() {
            return List.of(beta1, beta2, weightDecay);
        }

        @Override
        public int moments() {
            return 1;
        }

        @Override
        public float[] constants() {
            return new float[] {(float) (1 - beta1), (float) (1 - beta2)};
        }

        @Override
        public double update(double w, double g, double[] moments, double rate, double decay) {
            double change = g - moments[0];
            double direction = Math.signum(moments[0] + change * (1 - beta1));
            moments[0] += change * (1 - beta2);
            return w * decay - rate * direction;
        }

        @Override
        public void update(
                float[] w, float[] g, float[][] moments, int n, float rate, float decay) {
            float[] m = moments[0];
            float one = (float) (1 - beta1);
            float two = (float) (1 - beta2);
            for (int i = 0; i < n; i++) {
                float direction = Math.signum(m[i] + (g[i] - m[i]) * one);
                m[i] = m[i] + (g[i] - m[i]) * two;
                w[i] = w[i] * decay - rate * direction;
            }
        }

        @Override
        public double[] error(double unit, double g, double[] before, double[] after, double rate) {
            double mError = unit * (Math.abs(before[1]) + Math.abs(g));
            double wError = unit * (Math.abs(before[0]) + rate);
            // as near to 0 as this, the sign may be another
            boolean open = Math.abs(before[1] + (g - before[1]) * (1 - beta1)) <= mError;
            return new double[] {open ? wError + 2 * rate : wError, mError};
        }
    }

    private static String decayText(double weightDecay) {
        return weightDecay == 0 ? "" : ", weight decay " + weightDecay;
    }

    private static void checkBetas(String name, double beta1, double beta2) {
        String text = "%s: beta1 %s and beta2 %s must be in [0, 1)";
        expect(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, text, name, beta1, beta2);
    }

    private static void checkDecay(double weightDecay) {
        String message = "weight decay %s must be 0 or more";
        expect(weightDecay >= 0 && weightDecay < Double.POSITIVE_INFINITY, message, weightDecay);
    }
}
