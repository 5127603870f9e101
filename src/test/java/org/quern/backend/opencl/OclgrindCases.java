package org.quern.backend.opencl;

import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.verify.AwkwardCases;
import org.quern.verify.KernelCase;

/** Runs the small kernel cases on OpenCL, in a process of its own, for {@link OclgrindTest}. */
final class OclgrindCases {
    /** Oclgrind interprets: some microseconds an operation. */
    private static final double MOST_FLOPS = 5e4;

    /** Sums over a thousand rows alone took a quarter of the time. */
    private static final int MOST_ROWS = 1000;

    private OclgrindCases() {}

    public static void main(String[] arguments) {
        Backend opencl = new OpenclBackend();
        System.out.println(opencl.availability().detail());
        int done = 0;
        for (KernelCase one : AwkwardCases.all()) {
            if (one.operands().flops() <= MOST_FLOPS && one.rows() < MOST_ROWS) {
                Optional<String> wrong = one.check(opencl, Backend.Options.DEFAULT);
                wrong.ifPresent(System.out::println);
                done++;
            }
        }
        System.out.println(done + " cases");
    }
}
