package org.quern.backend.trace;

import org.quern.backend.Backend;
import org.quern.plan.Plan;

/**
 * Computes nothing; counts what a device would be asked to do. For tests of what a run costs; it is
 * opened directly, not found by name, since nobody wants to train on it.
 */
public final class TraceBackend implements Backend {
    @Override
    public String name() {
        return "trace";
    }

    @Override
    public int priority() {
        return -2;
    }

    @Override
    public Availability availability() {
        return new Availability(true, "counts ops and copies, computes nothing");
    }

    @Override
    public TraceExecutor open(Plan plan, Options options) {
        return new TraceExecutor(plan);
    }
}
