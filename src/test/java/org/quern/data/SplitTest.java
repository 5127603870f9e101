package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.Tries;

class SplitTest {
    private static Dataset numbered(int rows) {
        float[] values = new float[rows];
        int[] labels = new int[rows];
        for (int i = 0; i < rows; i++) {
            values[i] = i;
            labels[i] = 2 * i / rows; // sorted by class
        }
        return Dataset.ofValues("numbers", new int[] {1}, values)
                .withLabels(labels, List.of("a", "b"));
    }

    @Test
    void noRowIsLostOrDoubled() {
        Tries.of(
                200,
                draw -> noRowIsLostOrDoubled(draw.from(2, 500), draw.from(0.01, 0.99), draw.any()));
    }

    private static void noRowIsLostOrDoubled(int rows, double fraction, long seed) {
        Split split = Split.carve(numbered(rows), fraction, seed, "validation");
        float[] all = new float[rows];
        System.arraycopy(split.rest().values(), 0, all, 0, split.rest().rows());
        System.arraycopy(split.part().values(), 0, all, split.rest().rows(), split.part().rows());
        Arrays.sort(all);
        assertThat(all).isEqualTo(numbered(rows).values());
        Split again = Split.carve(numbered(rows), fraction, seed, "validation");
        assertThat(again.part().values()).isEqualTo(split.part().values());
    }

    @Test
    void aSortedFileSplitsEvenly() {
        Split split = Split.carve(numbered(10_000), 0.2, 1, "validation");
        assertThat(split.part().rows()).isEqualTo(2000);
        assertThat(split.part().name()).isEqualTo("numbers validation");
        double share = Arrays.stream(split.part().labels()).average().orElseThrow();
        assertThat(share).isCloseTo(0.5, within(0.05));
    }

    @Test
    void limitsKeepOrder() {
        Dataset limited = Split.limit(numbered(100), 10, 3);
        assertThat(limited.rows()).isEqualTo(10);
        assertThat(limited.values()).isSorted();
        assertThat(Split.limit(numbered(100), 100, 3).rows()).isEqualTo(100);
    }

    @Test
    void aSourcesValidationRowsAreTaken() {
        Dataset own = numbered(4).named("own");
        Splits source = new Splits(numbered(20), own, null, "source", null, "", null);
        for (double fraction : new double[] {0, 0.5}) {
            Splits parts = source.carve(0.25, 6, fraction, 0, 1);
            assertThat(parts.validation().name()).isEqualTo("own");
            assertThat(parts.validation().rows()).isEqualTo(4);
            assertThat(parts.train().rows()).isEqualTo(6);
            assertThat(parts.test().rows()).isEqualTo(5);
        }
        assertThat(source.carve(0.25, 0, 0, 3, 1).validation()).isNull();
        Dataset turned = own.withLabels(new int[] {0, 1, 1, 0}, List.of("b", "a"));
        assertThat(new Splits(numbered(2), turned, null, "s", null, "", null).validation().labels())
                .containsExactly(1, 0, 0, 1);
        Dataset others = own.withLabels(new int[4], List.of("c"));
        assertThatThrownBy(
                        () ->
                                new Splits(numbered(9), others, null, "s", null, "", null)
                                        .carve(0.2, 0, 0, 0, 1))
                .hasMessageStartingWith("own: row 0 (from 0) is of class \"c\", which training");
    }

    @Test
    void transposing() {
        Dataset set =
                Dataset.ofPixels(
                        "p", new int[] {2, 3}, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
        assertThat(set.transposed().shape()).containsExactly(3, 2);
        assertThat(set.transposed().pixels())
                .containsExactly(1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12);
        assertThat(set.transposed().transposed().pixels()).isEqualTo(set.pixels());
        Dataset floats = Dataset.ofValues("f", new int[] {2, 2}, new float[] {1, 2, 3, 4});
        assertThat(floats.transposed().values()).containsExactly(1, 3, 2, 4);
        assertThatThrownBy(() -> numbered(3).transposed())
                .hasMessage("numbers has no images: only those can be transposed");
    }

    @Test
    void nonsenseIsRefused() {
        assertThatThrownBy(() -> Split.carve(numbered(10), 1, 1, "validation"))
                .hasMessage("validation 1.0: give a fraction above 0 and below 1");
        assertThatThrownBy(() -> Split.carve(numbered(1), 0.5, 1, "validation"))
                .hasMessage("numbers has one row, which cannot be split");
        assertThatThrownBy(() -> Split.limit(numbered(10), 0, 1))
                .hasMessage("limit 0: give at least 1 row");
    }

    @Test
    void dataSetsCheckThemselves() {
        assertThatThrownBy(() -> Dataset.ofPixels("p", new int[] {2, 2}, new byte[5]))
                .hasMessage("p: 5 values are not a whole number of rows of shape [2, 2]");
        assertThatThrownBy(
                        () ->
                                new Dataset(
                                        "n",
                                        new int[1],
                                        null,
                                        null,
                                        null,
                                        List.of(),
                                        null,
                                        0,
                                        null))
                .hasMessage("n: rows are of pixels or of values, and have labels or targets");
        assertThatThrownBy(() -> numbered(4).withLabels(new int[3], List.of("a")))
                .hasMessage("numbers: 3 labels for 4 rows");
        assertThatThrownBy(() -> numbered(2).withLabels(new int[] {0, 1}, List.of("a")))
                .hasMessage("numbers: row 1 has label 1, outside the 1 classes 0 to 0");
        assertThatThrownBy(() -> numbered(2).withTargets(new float[3], 2))
                .hasMessage("numbers: 3 target values are not 2 rows of 2");
    }

    // ---- classes of two sets

    private static Dataset labelled(String name, List<String> classes, int... labels) {
        return Dataset.ofValues(name, new int[] {1}, new float[labels.length])
                .withLabels(labels, classes);
    }

    @Test
    void testClassesAreNumberedAsThoseOfTraining() {
        Dataset train = labelled("train", List.of("a", "b", "c"), 0, 1, 2);
        Dataset permuted = labelled("test", List.of("c", "x", "a", "b"), 0, 2, 3, 0);
        Splits splits = new Splits(train, permuted, "d");
        assertThat(splits.test().labels()).containsExactly(2, 0, 1, 2);
        assertThat(splits.test().classes()).containsExactly("a", "b", "c");
        Dataset added = labelled("test", List.of("x", "a"), 1, 0);
        assertThat(new Splits(train, added, "d").test().classes())
                .containsExactly("a", "b", "c", "x");
        assertThatThrownBy(() -> new Splits(train, added, "d").carve(0.2, 0, 0, 0, 1))
                .hasMessage(
                        "test: row 1 (from 0) is of class \"x\", which training does not know: it"
                                + " knows a, b, c");
    }

    @Test
    void aClassWithoutTrainingRowsIsNotKnown() {
        Dataset train = labelled("train", List.of("a", "b", "c"), 0, 2);
        Dataset test = labelled("test", List.of("a", "b", "c"), 2, 1);
        assertThatThrownBy(() -> new Splits(train, test, "d").carve(0.2, 0, 0, 0, 1))
                .hasMessage(
                        "test: row 1 (from 0) is of class \"b\", which training does not know: it"
                                + " knows a, c");
    }

    @Test
    void classesThatAreNumbersAreComparedAsNumbers() {
        Dataset train = labelled("train", List.of("01", "02", "x"), 0, 1, 2);
        Dataset test = labelled("test", List.of("1.0", "2"), 0, 1);
        assertThat(test.inClassesOf(train.classes()).labels()).containsExactly(0, 1);
        // two classes of one number are told apart by their names alone
        Dataset both = labelled("train", List.of("1", "01"), 0, 1);
        assertThat(test.inClassesOf(both.classes()).classes())
                .containsExactly("1", "01", "1.0", "2");
    }
}
