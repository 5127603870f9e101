package org.quern.backend.reference;

import static org.quern.QuernException.given;

import org.quern.backend.Backend;
import org.quern.backend.Executor;
import org.quern.backend.Guard;
import org.quern.plan.Plan;

/**
 * Float64 and the plainest loops: the oracle that the others are checked against. Slow on purpose.
 */
public final class ReferenceBackend implements Backend {
    @Override
    public String name() {
        return "reference";
    }

    @Override
    public int priority() {
        return -1;
    }

    @Override
    public boolean onHost() {
        return true;
    }

    @Override
    public Availability availability() {
        return new Availability(true, "float64 loops, for checking");
    }

    @Override
    public Executor open(Plan plan, Options options) {
        given(options, "options").checkNoDevice(name());
        return new Guard(executor(given(plan, "plan")));
    }

    /** The executor itself, for checks that look into its arena. */
    public static ReferenceExecutor executor(Plan plan) {
        return new ReferenceExecutor(plan);
    }
}
