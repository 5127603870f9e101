package org.quern;

import static com.tngtech.archunit.core.domain.JavaModifier.PUBLIC;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.plan.Loss;
import org.quern.run.Prediction;
import org.quern.train.Checkpoint;
import org.quern.train.EpochResult;
import org.quern.train.Evaluation;
import org.quern.train.History;

/** What a program prints of the API's values says something, the same in every country. */
class PrintedTest {
    private static final Dataset PIXELS =
            Dataset.ofPixels("digits", new int[] {1, 2}, new byte[6])
                    .withLabels(new int[] {0, 1, 1}, List.of("no", "yes"));
    private static final EpochResult EPOCH =
            new EpochResult(3, 0.25, 0.5, 1.5, 0.75, 1e-3, 1.25, 100, 1, 1);

    @Test
    void noRecordPrintsTheAddressOfAnArray() {
        List<JavaClass> silent =
                new ClassFileImporter()
                                .withImportOption(new ImportOption.DoNotIncludeTests())
                                .importPackages(
                                        Stream.of("data", "model", "train", "run", "io")
                                                .map(name -> "org.quern." + name)
                                                .toArray(String[]::new))
                                .stream()
                                .filter(JavaClass::isRecord)
                                .filter(one -> one.getModifiers().contains(PUBLIC))
                                .filter(
                                        one ->
                                                one.getFields().stream()
                                                        .anyMatch(f -> f.getRawType().isArray()))
                                .filter(one -> !declaresToString(one))
                                .toList();
        assertThat(silent).isEmpty();
    }

    /** A record has one of the compiler's, which begins with a call of its bootstrap method. */
    private static boolean declaresToString(JavaClass one) {
        return one.getMethod("toString").getCallsFromSelf().stream().findAny().isPresent();
    }

    @Test
    void eachSaysWhatItIs() {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.GERMANY);
            assertThat(PIXELS).hasToString("digits: 3 rows of 1 x 2 pixels, 2 classes");
            assertThat(new Splits(PIXELS, PIXELS, "some digits"))
                    .hasToString(
                            """
                            some digits
                            train       digits: 3 rows of 1 x 2 pixels, 2 classes
                            test        digits: 3 rows of 1 x 2 pixels, 2 classes""");
            assertThat(Dataset.ofValues("rows", new int[] {1}, new float[2]))
                    .hasToString("rows: 2 rows of 1 values");
            assertThat(EPOCH)
                    .hasToString(
                            "epoch 3: loss 0.2500, accuracy 0.5000, validation loss 1.5000,"
                                    + " validation accuracy 0.7500, 1.25 s");
            assertThat(new History(List.of(EPOCH), 3, History.End.STOPPED, true))
                    .hasToString(EPOCH + "\nstopped, best epoch 3");
            assertThat(new Checkpoint(7, 1234, new float[1], List.of(EPOCH), 0, 0, null))
                    .hasToString("checkpoint of seed 7 after 1,234 steps, in epoch 2");
            assertThat(
                            new Prediction(
                                    List.of("no", "yes"),
                                    new float[] {0.25f, 0.75f},
                                    true,
                                    List.of()))
                    .hasToString("yes (0.7500)");
            Evaluation two = Evaluation.of(Loss.CROSS_ENTROPY, new float[6], PIXELS);
            assertThat(two)
                    .hasToString(
                            "accuracy 0.3333 (baseline 0.6667), 2 wrong\n"
                                    + "loss 0.6931 (cross_entropy) on 3 rows");
            assertThat(two.confusion())
                    .hasToString(
                            """
                                 no yes
                             no   1   0
                            yes   2   0""");
        } finally {
            Locale.setDefault(before);
        }
    }
}
