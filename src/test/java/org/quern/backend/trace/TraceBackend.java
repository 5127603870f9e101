package org.quern.backend.trace;

import org.quern.backend.Backend;
import org.quern.backend.gpu.KernelExecutor;
import org.quern.backend.gpu.Tiling;
import org.quern.plan.Plan;

/**
 * The driver of the GPU backends on a {@link TraceDevice}: what a run asks of a GPU. For tests of
 * what it costs; opened directly, not found by name, since nobody wants to train on it.
 */
public final class TraceBackend implements Backend {
    private final TraceDevice device = new TraceDevice();

    /** The one device, with its counts. */
    public TraceDevice device() {
        return device;
    }

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
        return new Availability(true, "counts launches and copies, computes nothing");
    }

    @Override
    public KernelExecutor open(Plan plan, Options options) {
        return new KernelExecutor(device, plan, Tiling.forUnits(device.computeUnits()), options);
    }
}
