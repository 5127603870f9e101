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
 * How many teams a device has room for, of which the driver knows more than the multiprocessors.
 */
class CudaTeamsTest {
    private static final String TUTORIAL =
            "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10";

    @TempDir Path folder;

    @ParameterizedTest(name = "{0}: {1} at a time, failing {2}: {3}")
    @CsvSource({
        "9.0, , , 11", // 132 / 12
        "9.0, 7, , 7", // of clusters, the driver has the last word
        "9.0, 20, , 11", // and a block should have a multiprocessor to itself
        "9.0, 0, , 11", // no cluster at all: by a grid
        "9.0, , cuOccupancyMaxActiveClusters:1:801, 6", // a driver that does not say
        "8.0, , , 11"
    })
    void trainingsSideBySide(String capability, String clusters, String fail, int trainings)
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
                        .run(CudaTrouble.class, "beside", TUTORIAL);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out().strip()).isEqualTo(Integer.toString(trainings));
        assertThat(report).doesNotExist();
    }
}
