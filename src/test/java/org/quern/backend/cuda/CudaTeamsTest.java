package org.quern.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Jvm;
import org.quern.backend.Usable;

/**
 * How many teams a device has room for, which the driver knows, and by which teams several
 * trainings end soonest.
 */
class CudaTeamsTest {
    @TempDir Path folder;

    /** Of the tutorial's network there is a kernel; of 784-64-10 there is none. */
    @ParameterizedTest(name = "{0}: {2} of {1}, {3} clusters at a time, failing {4}: {5}")
    @CsvSource({
        "9.0, 48-15-10, 16, , , '11 by a cluster of 12 blocks, the kernel for 784-48-15-10-adam'",
        "9.0, 48-15-10, 16, 7, , '7 by a cluster of 12 blocks, the kernel for 784-48-15-10-adam'",
        // two to a multiprocessor, if the driver says so
        "9.0, 48-15-10, 16, 22, , '22 by a cluster of 12 blocks, the kernel for 784-48-15-10-adam'",
        // a driver that does not say
        "9.0, 48-15-10, 1, , cuOccupancyMaxActiveClusters:1:801,"
                + " '6 by a cluster of 12 blocks, the kernel for 784-48-15-10-adam'",
        // no cluster at all
        "9.0, 48-15-10, 1, 0, , 11 by a grid of 12 blocks",
        "8.0, 48-15-10, 12, , , 16 by a grid of 8 blocks",
        "9.0, 64-10, 1, , , 8 by a cluster of 16 blocks",
        "9.0, 64-10, 8, , , 8 by a cluster of 16 blocks",
        "9.0, 64-10, 9, , , 16 by a cluster of 8 blocks",
        "9.0, 64-10, 64, , , 33 by a cluster of 4 blocks",
        "9.0, 40-40-10, 11, , , 11 by a cluster of 12 blocks",
        "9.0, 40-40-10, 17, , , 33 by a cluster of 4 blocks",
    })
    void trainingsSideBySide(
            String capability,
            String widths,
            int trainings,
            String clusters,
            String fail,
            String expected)
            throws IOException {
        Usable.named("cuda");
        Path report = folder.resolve("report.txt");
        Jvm.Outcome outcome =
                new Jvm(folder)
                        .with("QUERN_CUDASIM_REPORT", report)
                        .with("QUERN_CUDASIM_UNITS", 132)
                        .with("QUERN_CUDASIM_CC", capability)
                        .with("QUERN_CUDASIM_CLUSTERS", clusters)
                        .with("QUERN_CUDASIM_FAIL", fail)
                        .run(
                                CudaTrouble.class,
                                "beside",
                                Integer.toString(trainings),
                                "dense " + widths.replace("-", " relu, dense "));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out().strip()).isEqualTo(expected);
        assertThat(report).doesNotExist();
    }
}
