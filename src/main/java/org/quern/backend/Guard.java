package org.quern.backend;

import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.quern.data.Dataset;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * What stands before every executor, so that no mistake of a program reaches native code or a
 * device: one call at a time, each looked at first; data that knows its owner; after {@link
 * #close}, which waits for the call in progress, nothing but a sentence. What nobody closes is
 * closed when the garbage collector finds it, and a warning says so, once.
 *
 * @hidden
 */
public final class Guard implements Executor {
    private static final Cleaner CLEANER = Cleaner.create();
    private static final AtomicBoolean WARNED = new AtomicBoolean();

    private final Plan plan;
    private final Held held;
    private final Cleaner.Cleanable cleanable;
    private final Turn turn = this::leave;

    /** Takes over an executor that checks nothing. */
    public Guard(Executor executor) {
        plan = executor.plan();
        held = new Held(executor);
        cleanable = CLEANER.register(this, held);
    }

    /** The executor and the data on it: all that is left when nobody has the guard any more. */
    private static final class Held implements Runnable {
        final Executor executor;
        final Set<Resident> residents = new LinkedHashSet<>();
        final ReentrantLock lock = new ReentrantLock();

        /** By its owner; those who wait their turn are then refused, so that it soon happens. */
        volatile boolean isClosed;

        Held(Executor executor) {
            this.executor = executor;
        }

        /** A listener may hear of steps while they run. */
        void checkOutside() {
            if (lock.isHeldByCurrentThread()) {
                throw usage(
                        "a listener cannot use the executor that calls it: wait until the epoch has"
                                + " ended");
            }
        }

        /** What the owner of some data knows of it, if that is this. */
        Resident own(DeviceDataset data) {
            if (!(given(data, "data") instanceof Resident own) || own.owner != this) {
                throw usage("the data was uploaded to another executor: upload it to this one");
            }
            if (own.isClosed) {
                throw usage("this data set was closed: upload it again");
            }
            return own;
        }

        @Override
        public void run() {
            if (!isClosed && !WARNED.getAndSet(true)) {
                System.getLogger("org.quern")
                        .log(
                                System.Logger.Level.WARNING,
                                "a Trainer, Training, Predictor or Executor was never closed; its"
                                        + " memory is freed only now that the garbage collector has"
                                        + " found it: close it when it is done (this is said once)");
            }
            lock.lock(); // waits for the call in progress
            try {
                Release release = new Release();
                for (Resident resident : residents) {
                    resident.isClosed = true;
                    release.then(resident.data::close);
                }
                residents.clear();
                release.then(executor::close).end();
            } finally {
                lock.unlock();
            }
        }
    }

    /** A data set of one executor. */
    static final class Resident implements DeviceDataset {
        final Held owner;
        final DeviceDataset data;
        boolean isClosed;
        boolean hasTargets; // which the plan's loss takes: looked at once

        Resident(Held owner, DeviceDataset data) {
            this.owner = owner;
            this.data = data;
        }

        @Override
        public Dataset set() {
            return data.set();
        }

        @Override
        public void close() {
            owner.checkOutside();
            owner.lock.lock();
            try {
                if (!isClosed) {
                    isClosed = true;
                    owner.residents.remove(this);
                    data.close();
                }
            } finally {
                owner.lock.unlock();
            }
        }
    }

    /** A call that has been let in. */
    private interface Turn extends AutoCloseable {
        @Override
        void close();
    }

    private void enter() {
        held.checkOutside();
        held.lock.lock();
        if (held.isClosed) {
            held.lock.unlock();
            throw usage("this executor was closed: open another");
        }
    }

    private void leave() {
        held.lock.unlock();
        Reference.reachabilityFence(this); // or it might be found while its last call goes on
    }

    @Override
    public Plan plan() {
        return plan;
    }

    @Override
    public String device() {
        return held.executor.device();
    }

    @Override
    public String notice() {
        return held.executor.notice();
    }

    @Override
    public KernelImage code() {
        return held.executor.code();
    }

    @Override
    public boolean reportsProgress() {
        return held.executor.reportsProgress();
    }

    @Override
    public String engine(Dataset set) {
        given(set, "data");
        enter();
        try (turn) {
            return held.executor.engine(set);
        }
    }

    private void check(Slice slice, float[] values, int from) {
        given(slice, "slice");
        given(values, "values");
        check(slice);
        checkRoom(slice.size(), from, values.length);
    }

    private void check(Slice slice) {
        boolean hasSize = slice.rows() >= 0 && slice.columns() >= 0;
        if (!hasSize || slice.offset() < 0 || slice.offset() > plan.arena() - slice.size()) {
            throw usage("%s is not of this plan, whose arena has %,d values", slice, plan.arena());
        }
    }

    private static void checkRoom(long size, int from, int length) {
        if (from < 0 || from > length - size) {
            throw usage(
                    "%,d values from index %,d on do not fit an array of %,d", size, from, length);
        }
    }

    private static void checkRows(long first, long rows, int all) {
        if (first < 0 || rows < 0 || first > all - rows) {
            throw usage("%,d rows from row %,d on: the data has %,d rows", rows, first, all);
        }
    }

    @Override
    public void write(Slice slice, float[] source, int from) {
        check(slice, source, from);
        enter();
        try (turn) {
            held.executor.write(slice, source, from);
        }
    }

    @Override
    public void read(Slice slice, float[] target, int to) {
        check(slice, target, to);
        enter();
        try (turn) {
            held.executor.read(slice, target, to);
        }
    }

    @Override
    public void initialise(long seed) {
        enter();
        try (turn) {
            held.executor.initialise(seed);
        }
    }

    @Override
    public boolean finite(Slice slice) {
        check(given(slice, "slice"));
        enter();
        try (turn) {
            return held.executor.finite(slice);
        }
    }

    @Override
    public DeviceDataset upload(Dataset set) {
        DeviceDataset.check(plan, given(set, "data"));
        enter();
        try (turn) {
            Resident resident = new Resident(held, held.executor.upload(set));
            held.residents.add(resident);
            return resident;
        }
    }

    @Override
    public void train(DeviceDataset data, Steps steps) {
        given(steps, "steps");
        enter();
        try (turn) {
            Resident own = held.own(data);
            if (!own.hasTargets) {
                DeviceDataset.checkTargets(plan, own.set());
                own.hasTargets = true;
            }
            held.executor.train(own.data, steps);
        }
    }

    @Override
    public void infer(DeviceDataset data, int first, int rows, float[] outputs) {
        given(outputs, "outputs");
        enter();
        try (turn) {
            Resident own = held.own(data);
            checkRows(first, rows, own.rows());
            checkRoom((long) rows * plan.outputSize(), 0, outputs.length);
            held.executor.infer(own.data, first, rows, outputs);
        }
    }

    @Override
    public void infer(Dataset rows, float[] outputs) {
        DeviceDataset.check(plan, given(rows, "rows"));
        given(outputs, "outputs");
        checkRoom((long) rows.rows() * plan.outputSize(), 0, outputs.length);
        enter();
        try (turn) {
            held.executor.infer(rows, outputs);
        }
    }

    @Override
    public void infer(byte[] pixels, float[] values, int rows, float[] outputs) {
        int given = pixels != null ? pixels.length : given(values, "values").length;
        given(outputs, "outputs");
        if (rows < 0 || (long) rows * plan.inputSize() > given) {
            throw usage("%,d rows of %,d values: the array has %,d", rows, plan.inputSize(), given);
        }
        checkRoom((long) rows * plan.outputSize(), 0, outputs.length);
        enter();
        try (turn) {
            held.executor.infer(pixels, values, rows, outputs);
        }
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass) {
        run(op, data, pass, 1);
    }

    @Override
    public void run(Op op, DeviceDataset data, StepContext pass, int times) {
        given(op, "op");
        given(pass, "pass");
        if (!plan.training().contains(op) && !plan.inference().contains(op)) {
            throw usage("the %s of %s is not an op of this plan", op.what(), op.layer());
        }
        int most = pass.isTraining() ? plan.batch() : plan.inferenceBatch();
        if (pass.rows() > most) {
            throw usage("a pass of %,d rows: the plan takes %,d", pass.rows(), most);
        }
        enter();
        try (turn) {
            Resident own = held.own(data);
            checkRows(pass.first(), pass.rows(), own.rows());
            if (op instanceof Op.CrossEntropy loss) {
                checkClasses(loss, pass.rows());
            }
            held.executor.run(op, own.data, pass, times);
        }
    }

    /** That targets, which a caller may have written, are places among the logits. */
    private void checkClasses(Op.CrossEntropy loss, int rows) {
        Slice targets = loss.targets().first(rows);
        float[] values = new float[(int) targets.size()];
        held.executor.read(targets, values, 0);
        for (int i = 0; i < values.length; i += targets.columns()) {
            if (!(values[i] >= 0 && values[i] < loss.logits().columns())) {
                throw usage(
                        "target %s of row %d in the arena is none of the %d classes",
                        values[i], i / targets.columns(), loss.logits().columns());
            }
        }
    }

    /** Waits for the call in progress, then gives back memory and threads. */
    @Override
    public void close() {
        held.checkOutside();
        held.isClosed = true;
        cleanable.clean();
    }
}
