package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.verify.AwkwardCases;
import org.quern.verify.Expected;
import org.quern.verify.KernelCase;

/**
 * The kernels on the simulator with every load and store checked: for bounds, for freed memory, for
 * races. Run in a process of its own, since the first fault ends a context; whole steps are in
 * CudaStepsCheckedTest, beside it.
 */
@Tag("slow")
class CudaCheckedTest {
    /**
     * With each way of products; twenty orders of blocks and threads, unchecked, are in GpuTest.
     */
    @TestFactory
    Stream<DynamicTest> everyKernelCase() {
        Backend cuda = Usable.named("cuda");
        return AwkwardCases.all().stream()
                .map(one -> DynamicTest.dynamicTest(one.name(), () -> eachWay(one, cuda)));
    }

    private static void eachWay(KernelCase one, Backend cuda) {
        Backend.Options options = Backend.Options.DEFAULT;
        Expected expected = new Expected(one);
        expected.isGivenBy(cuda, options.with(Backend.Gemm.OWN));
        if (one.op().isProduct()) { // any other runs the same kernel, whoever multiplies
            expected.isGivenBy(cuda, options.with(Backend.Gemm.CUBLAS));
        }
    }

    @AfterAll
    static void nothingWasReported() throws IOException {
        Path report = Path.of(System.getenv("QUERN_CUDASIM_REPORT"));
        assertThat(Files.exists(report) ? Files.readString(report) : "").isEmpty();
    }
}
