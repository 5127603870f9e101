package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.run.RunFolder;

/** Early stopping says what it goes by, and goes by rows that are not trained on unless told. */
class StoppingLineTest {
    private static final String TRAIN = "train --data generated:200,50 --backend java --epochs 2";

    @TempDir Path folder;

    private Cli.Outcome run(String line) {
        return new Cli(folder).run(line.split(" "));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "--early-stopping 3; 180; by the validation loss, 20 of 200 training rows set aside to validate (--validation 0.1)",
                "--early-stopping 3 --validation 0.2; 160; by the validation loss, 40 of 200 training rows set aside to validate (--validation 0.2)",
                "--early-stopping 3 --validation 0; 200; by the training loss, nothing set aside (--validation 0)",
                "--early-stopping 3 --overfit 50; 50; 'by the training loss, nothing set aside: the rows are to be learned by heart (--overfit)'",
                "--validation 0.1; 180;",
                "--seed 1; 200;"
            })
    void whatItGoesBy(String options, int rows, String said) {
        Cli.Outcome outcome = run(TRAIN + " " + options);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).contains(": " + rows + " to train, ");
        if (said == null) {
            assertThat(outcome.out()).doesNotContain("stopping ");
        } else {
            assertThat(outcome.lines()).contains("stopping  " + said);
        }
    }

    @Test
    void aRunIsGoneOnWithAsItWasStarted() {
        Path run = folder.resolve("run");
        assertThat(run(TRAIN + " --early-stopping 3 --out " + run).err()).isEmpty();
        assertThat(RunFolder.settings(run)).containsEntry("validation", "0.1");
        Cli.Outcome resumed = run("train --early-stopping 3 --resume " + run);
        assertThat(resumed.err()).isEmpty();
        assertThat(resumed.out()).contains("stopping  by the validation loss, 20 of 200 ");
        Path old = folder.resolve("old");
        assertThat(run(TRAIN + " --early-stopping 3 --validation 0 --out " + old).err()).isEmpty();
        assertThat(run("train --early-stopping 3 --resume " + old).out())
                .contains("stopping  by the training loss, nothing set aside (--validation 0)");
    }
}
