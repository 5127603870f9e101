package org.quern.verify;

import java.util.Optional;
import org.quern.backend.Executor;
import org.quern.plan.Op;

/** Whether an executor computes a kernel case rightly; made once, it serves several executors. */
public interface Check {
    /** Parameters from which on the optimizer's results are checked on a sample of them. */
    int LARGE = 4_000_000;

    /**
     * Writes the case's inputs, runs the op and compares with the float64 reference; the executor
     * is one of the case's plan, and its state is overwritten.
     *
     * @return what is wrong, in one line; empty if nothing
     */
    Optional<String> check(Executor executor);

    /** How much of the output is compared, in words. */
    String extent();

    /** Computes what a case must give; of a large elementwise one, for a sample of its values. */
    static Check of(KernelCase kernel) {
        boolean elementwise = kernel.op() instanceof Op.Update;
        return elementwise && kernel.plan().parameters().size() > LARGE
                ? new Sample(kernel)
                : new Expectation(kernel, kernel.inputs());
    }
}
