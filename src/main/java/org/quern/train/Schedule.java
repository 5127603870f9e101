package org.quern.train;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.Locale;

/** The learning rate as a function of the step. */
public sealed interface Schedule {

    /** The learning rate at a global step, counted from 0, of a run of {@code totalSteps}. */
    double at(long step, long stepsPerEpoch, long totalSteps);

    /** The learning rate that it starts from, or rises to first. */
    double rate();

    /** The schedule as text that {@link #parse} reads, without the rate. */
    String text();

    record Constant(double rate) implements Schedule {
        public Constant {
            checkRate(rate);
        }

        @Override
        public double at(long step, long stepsPerEpoch, long totalSteps) {
            return rate;
        }

        @Override
        public String text() {
            return "constant";
        }
    }

    /** {@code rate · factor^⌊epoch / every⌋}. */
    record Step(double rate, int every, double factor) implements Schedule {
        public Step {
            checkRate(rate);
            String text = "schedule step %d %s: give epochs of at least 1 and a factor above 0";
            boolean fits = every >= 1 && factor > 0 && factor < Double.POSITIVE_INFINITY;
            expect(fits, text, every, factor);
        }

        @Override
        public double at(long step, long stepsPerEpoch, long totalSteps) {
            expect(stepsPerEpoch > 0, "an epoch of %d steps: it has at least 1", stepsPerEpoch);
            return rate * StrictMath.pow(factor, (double) (step / stepsPerEpoch / every));
        }

        @Override
        public String text() {
            return "step " + every + " " + factor;
        }
    }

    /**
     * Half a cosine from the rate to {@code floor · rate} at the last step: at step s of S {@code
     * rate · (floor + (1 − floor) · (1 + cos(π s / S)) / 2)} (Loshchilov and Hutter, arXiv
     * 1608.03983, without restarts).
     */
    record Cosine(double rate, double floor) implements Schedule {
        public Cosine {
            checkRate(rate);
            String message = "schedule cosine %s: the floor is a fraction from 0 to 1";
            expect(floor >= 0 && floor <= 1, message, floor);
        }

        @Override
        public double at(long step, long stepsPerEpoch, long totalSteps) {
            double done = Math.min(1, (double) step / Math.max(1, totalSteps));
            return rate * (floor + (1 - floor) * 0.5 * (1 + StrictMath.cos(Math.PI * done)));
        }

        @Override
        public String text() {
            return floor == 0 ? "cosine" : "cosine " + floor;
        }
    }

    /** A linear rise over the first steps, {@code (s + 1) / (steps + 1)} of the other schedule. */
    record Warmup(long steps, Schedule then) implements Schedule {
        public Warmup {
            if (steps < 1 || then instanceof Warmup) {
                throw usage("schedule warmup %d: give it once, with at least 1 step", steps);
            }
        }

        @Override
        public double at(long step, long stepsPerEpoch, long totalSteps) {
            double rate = then.at(step, stepsPerEpoch, totalSteps);
            return step < steps ? rate * (step + 1) / (steps + 1.0) : rate;
        }

        @Override
        public double rate() {
            return then.rate();
        }

        @Override
        public String text() {
            return "warmup " + steps + " " + then.text();
        }
    }

    /** Reads {@code [warmup STEPS] constant | step EPOCHS FACTOR | cosine [FLOOR]}. */
    static Schedule parse(String text, double rate) {
        String[] words = given(text, "text").trim().toLowerCase(Locale.ROOT).split("\\s+");
        try {
            if (words[0].equals("warmup") && words.length > 2) {
                String rest = text.trim().split("\\s+", 3)[2];
                return new Warmup(Long.parseLong(words[1]), parse(rest, rate));
            }
            if (words[0].equals("constant") && words.length == 1) {
                return new Constant(rate);
            }
            if (words[0].equals("step") && words.length == 3) {
                return new Step(rate, Integer.parseInt(words[1]), Double.parseDouble(words[2]));
            }
            if (words[0].equals("cosine") && words.length <= 2) {
                return new Cosine(rate, words.length == 1 ? 0 : Double.parseDouble(words[1]));
            }
        } catch (NumberFormatException e) {
            throw usage("schedule \"%s\": %s is not a number", text, e.getMessage());
        }
        throw usage(
                "schedule \"%s\" is not understood: use constant, \"step EPOCHS FACTOR\" or"
                        + " cosine, with \"warmup STEPS\" before it if wanted",
                text);
    }

    private static void checkRate(double rate) {
        String other = "learning rate %s must be above 0 and finite";
        expect(rate > 0 && rate < Double.POSITIVE_INFINITY, other, rate);
    }
}
