package org.quern.backend;

import org.quern.plan.Plan;

/**
 * A way to execute plans. Found through {@link java.util.ServiceLoader}; constructing one loads
 * nothing and cannot fail. With {@link Executor} this is the whole interface between Quern and what
 * it runs on.
 */
public interface Backend {
    /** Its name on the command line: one lower-case word. */
    String name();

    /** Place in the order in which {@code auto} tries backends, highest first; below 0: never. */
    int priority();

    /**
     * Whether it can run here. Looks once and remembers: the same sentence on every later call.
     * Never throws.
     */
    Availability availability();

    /**
     * Prepares to execute a plan. The state is all zeros until written.
     *
     * @throws org.quern.QuernException with the reason and the cure, if it cannot run here
     */
    Executor open(Plan plan, Options options);

    /**
     * How to run.
     *
     * @param threads CPU threads that may be used; 0 leaves it to the backend
     */
    record Options(int threads) {
        /** Everything left to the backend. */
        public static final Options DEFAULT = new Options(0);

        /** Checks the number. */
        public Options {
            if (threads < 0) {
                throw org.quern.QuernException.usage("threads %d: give 1 or more, or 0", threads);
            }
        }
    }

    /**
     * Whether a backend can run, in a sentence.
     *
     * @param usable whether it can
     * @param detail if so, on what (device, instruction set, threads); if not, the reason and the
     *     cure
     */
    record Availability(boolean usable, String detail) {}
}
