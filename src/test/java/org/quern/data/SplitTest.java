package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.Tries;
import org.quern.data.Splitter.Split;
import org.quern.random.Permutation;
import org.quern.random.Streams;

class SplitTest {
    private static final Splitter ANY = new Splitter(1, true);

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
        Split split = new Splitter(seed, true).carve(numbered(rows), fraction, "validation");
        float[] all = new float[rows];
        System.arraycopy(split.rest().values(), 0, all, 0, split.rest().rows());
        System.arraycopy(split.part().values(), 0, all, split.rest().rows(), split.part().rows());
        Arrays.sort(all);
        assertThat(all).isEqualTo(numbered(rows).values());
        Split again = new Splitter(seed, true).carve(numbered(rows), fraction, "validation");
        assertThat(again.part().values()).isEqualTo(split.part().values());
    }

    @Test
    void aSortedFileSplitsEvenly() {
        Split split = ANY.carve(numbered(10_000), 0.2, "validation");
        assertThat(split.part().rows()).isEqualTo(2000);
        assertThat(split.part().name()).isEqualTo("numbers validation");
        assertThat(Statistics.perClass(split.part())).containsExactly(1000, 1000);
        Split plain = new Splitter(1, false).carve(numbered(10_000), 0.2, "validation");
        double share = Arrays.stream(plain.part().labels()).average().orElseThrow();
        assertThat(share).isCloseTo(0.5, within(0.05));
    }

    // ---- shares of classes

    @ParameterizedTest
    @CsvSource({
        // Hamilton's method: 4.7, 3.3 and 2 of ten
        "47 33 20, 10, 0, 5 3 2",
        "47 33 20, 10, 1, 5 3 2",
        // equal remainders: the first
        "10 10 10, 10, 1, 4 3 3",
        // a rare class has its row, and leaves one
        "990 10, 20, 1, 19 1",
        "990 10, 995, 1, 986 9",
        "998 2, 10, 1, 9 1",
        "998 2, 998, 1, 997 1",
        // a row alone is not carved out, but is not left out by a limit
        "999 1, 500, 1, 500 0",
        "999 1, 10, 0, 9 1",
        // not enough for all: the largest
        "5 9 7 0 6, 2, 1, 0 1 1 0 0",
        "2 2 2, 5, 1, 2 2 1",
        "1 1 1, 2, 1, 1 1 0",
        "0 8, 3, 1, 0 3"
    })
    void shares(String rows, int count, int kept, String shares) {
        assertThat(Splitter.shares(numbers(rows), count, kept)).isEqualTo(numbers(shares));
    }

    private static int[] numbers(String text) {
        return Stream.of(text.split(" ")).mapToInt(Integer::parseInt).toArray();
    }

    @Test
    void sharesAreExactToTheRow() {
        Tries.of(
                300,
                draw -> {
                    int[] rows = new int[draw.from(1, 40)];
                    for (int c = 0; c < rows.length; c++) {
                        rows[c] = draw.from(0, draw.from(1, 300));
                    }
                    int all = IntStream.of(rows).sum();
                    int count = (int) (all * draw.from(0.0, 1.0));
                    int kept = draw.from(0, 1);
                    int[] shares = Splitter.shares(rows, count, kept);
                    assertThat(IntStream.of(shares).sum()).isEqualTo(count);
                    boolean room = count >= rows.length && all - count >= rows.length;
                    for (int c = 0; c < rows.length; c++) {
                        double exact = (double) rows[c] * count / all;
                        assertThat(shares[c]).isBetween(0, rows[c]);
                        if (room && rows[c] > kept) {
                            assertThat(shares[c]).isBetween(1, rows[c] - kept);
                        }
                        if (IntStream.of(rows).allMatch(n -> (double) n * count / all >= 1)
                                && IntStream.of(rows)
                                        .allMatch(n -> (double) n * (all - count) / all >= 1)) {
                            assertThat((double) shares[c]).isCloseTo(exact, within(1.0));
                        }
                    }
                });
    }

    /** Where classes have no say, and in a limit of images, rows are the permutation's first. */
    @Test
    void rowsWithoutClassesAreDrawnAsEver() {
        Dataset numbers = numbered(100);
        Dataset targets = numbers.withTargets(numbers.values(), 1);
        Dataset images =
                Dataset.ofPixels("images", new int[] {1}, new byte[100])
                        .withLabels(numbers.labels(), numbers.classes());
        float[] first = new float[30];
        for (int i = 0; i < first.length; i++) {
            first[i] = Permutation.apply(100, 7, Streams.SPLIT.of(0), 0, i);
        }
        Arrays.sort(first);
        Splitter seven = new Splitter(7, true);
        assertThat(seven.limit(targets, 30).values()).isEqualTo(first);
        assertThat(seven.carve(targets, 0.3, "test").part().values()).isEqualTo(first);
        assertThat(new Splitter(7, false).limit(numbers, 30).values()).isEqualTo(first);
        int second = 0;
        for (float row : first) {
            second += numbers.labels()[(int) row];
        }
        assertThat(second).isNotEqualTo(15);
        assertThat(Statistics.perClass(seven.limit(images, 30)))
                .containsExactly(30 - second, second);
        assertThat(Statistics.perClass(seven.limit(numbers, 30))).containsExactly(15, 15);
    }

    @Test
    void eachRowIsInOneFold() {
        Tries.of(
                100,
                draw -> {
                    int rows = draw.from(2, 300);
                    int folds = draw.from(2, Math.min(rows, 12));
                    int[] labels = new int[rows];
                    for (int i = 0; i < rows; i++) {
                        labels[i] = Math.min(draw.from(0, 4), draw.from(0, 4));
                    }
                    Dataset set =
                            numbered(rows).withLabels(labels, List.of("a", "b", "c", "d", "e"));
                    Splitter splitter = new Splitter(draw.any(), true);
                    int[] tested = new int[rows];
                    for (int fold = 1; fold <= folds; fold++) {
                        Split split = splitter.fold(set, fold, folds);
                        assertThat(split.part().name()).isEqualTo("numbers fold " + fold);
                        assertThat(split.part().values()).isSorted();
                        assertThat(split.rest().values()).isSorted();
                        assertThat(split.part().rows() + split.rest().rows()).isEqualTo(rows);
                        assertThat(split.part().rows())
                                .isBetween(rows / folds, (rows + folds - 1) / folds);
                        for (float row : split.part().values()) {
                            tested[(int) row]++;
                        }
                        int[] all = Statistics.perClass(set);
                        int[] part = Statistics.perClass(split.part());
                        for (int c = 0; c < all.length; c++) {
                            assertThat(part[c])
                                    .isBetween(all[c] / folds, (all[c] + folds - 1) / folds);
                        }
                    }
                    assertThat(tested).containsOnly(1);
                });
    }

    @Test
    void foldsThatCannotBe() {
        assertThatThrownBy(() -> ANY.fold(numbered(4), 1, 5))
                .hasMessage(
                        "folds 5: numbers has 4 rows: give at least 2 folds, at most one a row");
        assertThatThrownBy(() -> ANY.fold(numbered(4), 1, 1))
                .hasMessageStartingWith("folds 1: numbers has 4 rows");
        assertThatThrownBy(() -> ANY.fold(numbered(4), 3, 2)).hasMessage("fold 3 of 2");
    }

    // ---- balance

    @Test
    void eachClassComesEquallyOften() {
        Tries.of(
                100,
                draw -> {
                    int rows = draw.from(1, 300);
                    int[] labels = new int[rows];
                    for (int i = 0; i < rows; i++) {
                        labels[i] = Math.min(draw.from(0, 3), draw.from(0, 3));
                    }
                    Dataset set = numbered(rows).withLabels(labels, List.of("a", "b", "c", "d"));
                    long seed = draw.any();
                    Dataset balanced = set.balanced(seed);
                    int[] before = Statistics.perClass(set);
                    int most = IntStream.of(before).max().orElseThrow();
                    int[] after = Statistics.perClass(balanced);
                    for (int c = 0; c < after.length; c++) {
                        assertThat(after[c]).isEqualTo(before[c] == 0 ? 0 : most);
                    }
                    int[] times = new int[rows];
                    for (int i = 0; i < balanced.rows(); i++) {
                        int row = (int) balanced.values()[i];
                        times[row]++;
                        assertThat(balanced.labels()[i]).isEqualTo(labels[row]);
                    }
                    for (int row = 0; row < rows; row++) {
                        int own = before[labels[row]];
                        assertThat(times[row]).isBetween(most / own, (most + own - 1) / own);
                    }
                    assertThat(set.balanced(seed).values()).isEqualTo(balanced.values());
                });
        int[] rare = new int[1000];
        Arrays.fill(rare, 0, 300, 1);
        Dataset set = numbered(1000).withLabels(rare, List.of("a", "b"));
        assertThat(set.balanced(1).values()).isNotEqualTo(set.balanced(2).values());
        assertThatThrownBy(() -> numbered(3).withTargets(new float[3], 1).balanced(1))
                .hasMessage("numbers has no classes to balance");
    }

    /** 46,000 rows of one class and one of each of 999 others: 46 million of 64 values. */
    @Test
    void moreThanCanBeHeldIsRefused() {
        int[] labels = new int[46_999];
        List<String> classes = IntStream.range(0, 1000).mapToObj(Integer::toString).toList();
        IntStream.range(46_000, labels.length).forEach(row -> labels[row] = row - 45_999);
        Dataset set =
                Dataset.ofPixels("images", new int[] {8, 8}, new byte[64 * labels.length])
                        .withLabels(labels, classes);
        assertThatThrownBy(() -> set.balanced(1))
                .hasMessage(
                        "images would be 46,000,000 rows with its classes balanced, too many to"
                                + " hold");
    }

    @Test
    void limitsKeepOrder() {
        Dataset limited = ANY.limit(numbered(100), 10);
        assertThat(limited.rows()).isEqualTo(10);
        assertThat(limited.values()).isSorted();
        assertThat(ANY.limit(numbered(100), 100).rows()).isEqualTo(100);
    }

    @Test
    void aSourcesValidationRowsAreTaken() {
        Dataset own = numbered(4).named("own");
        Splits source = new Splits(numbered(20), own, null, "source", null, "", null);
        Splits tested = source.withTest(0.25, ANY);
        for (Splits parts :
                List.of(tested.limited(6, ANY), tested.limited(6, ANY).withValidation(0.5, ANY))) {
            assertThat(parts.validation().name()).isEqualTo("own");
            assertThat(parts.validation().rows()).isEqualTo(4);
            assertThat(parts.train().rows()).isEqualTo(6);
            assertThat(parts.test().rows()).isEqualTo(5);
        }
        assertThat(source.withFold(2, 3, ANY).validation()).isSameAs(own);
        assertThat(tested.byHeart(3, ANY).validation()).isNull();
        Dataset turned = own.withLabels(new int[] {0, 1, 1, 0}, List.of("b", "a"));
        assertThat(new Splits(numbered(2), turned, null, "s", null, "", null).validation().labels())
                .containsExactly(1, 0, 0, 1);
        Dataset others = own.withLabels(new int[4], List.of("c"));
        assertThatThrownBy(
                        () ->
                                new Splits(numbered(9), others, null, "s", null, "", null)
                                        .withTest(0.2, ANY))
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
        assertThatThrownBy(() -> ANY.carve(numbered(10), 1, "validation"))
                .hasMessage("validation 1.0: give a fraction above 0 and below 1");
        assertThatThrownBy(() -> ANY.carve(numbered(1), 0.5, "validation"))
                .hasMessage("numbers has one row, which cannot be split");
        assertThatThrownBy(() -> ANY.limit(numbered(10), 0))
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
                .hasMessage("n: give pixels or values, and the other is null");
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
        assertThatThrownBy(() -> new Splits(train, added, "d").withTest(0.2, ANY))
                .hasMessage(
                        "test: row 1 (from 0) is of class \"x\", which training does not know: it"
                                + " knows a, b, c");
    }

    @Test
    void aClassWithoutTrainingRowsIsNotKnown() {
        Dataset train = labelled("train", List.of("a", "b", "c"), 0, 2);
        Dataset test = labelled("test", List.of("a", "b", "c"), 2, 1);
        assertThatThrownBy(() -> new Splits(train, test, "d").withTest(0.2, ANY))
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
        Dataset both = labelled("train", List.of("01", "001"), 0, 1);
        assertThat(test.inClassesOf(both.classes()).classes())
                .containsExactly("01", "001", "1.0", "2");
    }
}
