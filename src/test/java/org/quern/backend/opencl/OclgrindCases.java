package org.quern.backend.opencl;

import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.plan.Op;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;

/** Runs the small kernel cases on OpenCL, in a process of its own, for {@link OclgrindTest}. */
final class OclgrindCases {
    /** Oclgrind interprets: some microseconds an operation. */
    private static final double MOST_FLOPS = 5e4;

    private OclgrindCases() {}

    /** It took a quarter of the time; its loop goes round more than once for 70 rows, too. */
    private static boolean isLongSum(KernelCase one) {
        return one.op() instanceof Op.DenseBackwardWeights && one.rows() > 1000;
    }

    public static void main(String[] arguments) {
        Backend opencl = new OpenclBackend();
        System.out.println(opencl.availability().detail());
        int done = 0;
        for (KernelCase one : AwkwardCases.all()) {
            if (one.operands().flops() <= MOST_FLOPS && !isLongSum(one)) {
                Optional<String> wrong = one.check(opencl, Backend.Options.DEFAULT);
                wrong.ifPresent(System.out::println);
                done++;
            }
        }
        System.out.println(done + " cases");
    }
}
