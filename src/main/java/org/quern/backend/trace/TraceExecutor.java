package org.quern.backend.trace;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.quern.backend.OpLoop;
import org.quern.backend.Pass;
import org.quern.backend.Resident;
import org.quern.backend.Steps;
import org.quern.data.Dataset;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Counts ops, copies between host and device, and allocations. Reads give zeros, logs a loss of 1
 * for each row.
 */
public final class TraceExecutor extends OpLoop {
    private final Map<String, Long> ops = new TreeMap<>();
    private long copies;
    private long bytes;
    private long allocations;
    private long steps;
    private int open;

    TraceExecutor(Plan plan) {
        super(plan);
        allocations = 1; // the arena
    }

    /**
     * What was asked for so far.
     *
     * @param ops runs of each kind of op
     * @param steps training steps
     * @param copies copies between host and device, in either direction
     * @param bytes bytes copied
     * @param allocations device allocations: the arena and each data set
     * @param open data sets that were not closed
     */
    public record Counts(
            Map<String, Long> ops,
            long steps,
            long copies,
            long bytes,
            long allocations,
            int open) {
        /** Runs of ops of all kinds. */
        public long launches() {
            return ops.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    /** What was asked for so far. */
    public Counts counts() {
        return new Counts(Map.copyOf(ops), steps, copies, bytes, allocations, open);
    }

    @Override
    public String device() {
        return "nothing";
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        copy(4 * slice.size());
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        copy(4 * slice.size());
        Arrays.fill(target, to, to + (int) slice.size(), 0);
    }

    @Override
    public Resident upload(Dataset data) {
        Resident inner = super.upload(data);
        allocations++;
        open++;
        copy((long) data.rows() * data.features() * (data.isPixels() ? 1 : 4));
        return new Counted(inner);
    }

    private final class Counted implements Resident {
        private final Resident inner;

        Counted(Resident inner) {
            this.inner = inner;
        }

        @Override
        public int rows() {
            return inner.rows();
        }

        @Override
        public void close() {
            open--;
        }
    }

    @Override
    public void train(Resident data, Steps newSteps) {
        steps += newSteps.count();
        super.train(((Counted) data).inner, newSteps);
        copy(8L * newSteps.count()); // step sizes in
        copy(8L * newSteps.count()); // the log out
    }

    @Override
    public void run(Op op, Resident data, Pass pass) {
        ops.merge(op.getClass().getSimpleName(), 1L, Long::sum);
        if (op instanceof Op.Metrics) {
            pass.log(pass.rows(), 0);
        }
    }

    private void copy(long size) {
        copies++;
        bytes += size;
    }

    @Override
    public void close() {
        // nothing is held
    }
}
