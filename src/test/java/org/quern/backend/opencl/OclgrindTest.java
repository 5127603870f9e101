package org.quern.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;

/** The kernels under Oclgrind, which looks for data races and accesses out of bounds. */
@Tag("slow")
class OclgrindTest {
    private static final Path LIBRARY = Path.of("/usr/lib/oclgrind/liboclgrind-rt.so");

    @TempDir Path folder;

    @Test
    void findsNothing() throws IOException {
        Assumptions.assumeTrue(
                Files.exists(LIBRARY), "Oclgrind is not installed (Debian: oclgrind)");
        Path log = folder.resolve("oclgrind.log");
        Jvm.Outcome outcome =
                new Jvm(folder)
                        .with("QUERN_LIBOPENCL", LIBRARY)
                        .with("OCLGRIND_DATA_RACES", "1")
                        .with("OCLGRIND_LOG", log)
                        .run(OclgrindCases.class);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).matches("Oclgrind Simulator [^\n]+\n[12][0-9]{2} cases\n");
        assertThat(Files.exists(log) ? Files.readString(log) : "").isEmpty();
        assertThat(outcome.code()).isZero();
    }
}
