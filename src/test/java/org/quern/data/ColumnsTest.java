package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ColumnsTest {
    private static final float GAP = Float.NaN;
    private static final Column AGE = Column.numbers("age");
    private static final Column TOWN = new Column("town", List.of("Rome", "Bonn", "Oslo"), 0);

    private static Dataset table(Column number, Column town, float... values) {
        List<Column> targets = List.of(Column.numbers("price"));
        return Dataset.ofTable("t", new Header(List.of(number, town), targets), values);
    }

    private static final Dataset TRAIN =
            table(AGE, TOWN, 1, 0, 3, 2, GAP, 0, 5, 2, 7, GAP)
                    .withTargets(new float[] {10, 20, 30, 40, 50}, 1);

    /** Else weights would be infinite when they are divided by the deviations. */
    @Test
    void numbersThatDifferByTooLittleAreRefused() {
        Dataset tiny = table(AGE, TOWN, 1e-40f, 0, 3e-40f, 2).withTargets(new float[2], 1);
        assertThatThrownBy(() -> Columns.fit(tiny, true, true))
                .hasMessage(
                        "t: the numbers of column 1 (age) differ by too little (1.000e-40) to be"
                                + " standardized: multiply them, or give --standardize off");
        assertThat(Columns.fit(tiny, false, true).inputs()).hasSize(2);
    }

    @Test
    void numbersAreStandardizedAndCategoriesAreSpread() {
        Columns columns = Columns.fit(TRAIN, true, true);
        assertThat(columns.names())
                .containsExactly(
                        "age",
                        "age missing (age is then 4.0)",
                        "town=Oslo",
                        "town=Rome",
                        "town missing");
        assertThat(columns.inputs().get(0))
                .isEqualTo(new Columns.Input("age", null, 0, 4, Math.sqrt(5), 1, 7, true));
        float one = (float) (1 / Math.sqrt(5));
        Dataset rows = columns.standardized(TRAIN);
        assertThat(rows.header()).isNull();
        assertThat(rows.shape()).containsExactly(5);
        assertThat(rows.values())
                .containsExactly(
                        new float[] {
                            -3 * one, 0, 0, 1, 0, //
                            -one, 0, 1, 0, 0, //
                            0, 1, 0, 1, 0, //
                            one, 0, 1, 0, 0, //
                            3 * one, 0, 0, 0, 1
                        },
                        within(1e-6f));
        float step = (float) Math.sqrt(0.5);
        assertThat(rows.targets())
                .containsExactly(new float[] {-2 * step, -step, 0, step, 2 * step}, within(1e-6f));
        List<String> notes = new ArrayList<>();
        Dataset raw = columns.encoded(TRAIN, notes);
        assertThat(notes).isEmpty();
        assertThat(raw.targets()).containsExactly(10, 20, 30, 40, 50);
        assertThat(raw.row(2).values()).containsExactly(4, 1, 0, 1, 0);
        assertThat(raw.row(4).values()).containsExactly(7, 0, 0, 0, 1);
    }

    @Test
    void withoutStandardizingNumbersGoInAsTheyAre() {
        Columns columns = Columns.fit(TRAIN, false, false);
        Dataset rows = columns.standardized(TRAIN);
        assertThat(rows.values()).containsExactly(columns.encoded(TRAIN, null).values());
        assertThat(rows.targets()).containsExactly(TRAIN.targets());
        assertThat(rows.row(3).values()).containsExactly(5, 0, 1, 0, 0);
    }

    /** Columns of another file may be in another order, of other values, with gaps and others. */
    @Test
    void otherTablesAreMatchedByNameAndWhatIsStrangeIsTold() {
        Dataset known = table(AGE, TOWN, 1, 0, 3, 2, 5, 0, 7, 2);
        Columns columns = Columns.fit(known, true, false);
        Column town = new Column("town", List.of("Oslo", "Bonn", "Rome", "Köln"), 0);
        Header other = new Header(List.of(town, Column.numbers("more"), AGE), List.of());
        float[] values = {0, 9, 7, 1, 9, 3, 2, 9, GAP, GAP, 9, 1, 3, 9, 99};
        List<String> notes = new ArrayList<>();
        Dataset rows = columns.encoded(Dataset.ofTable("o", other, values), notes);
        assertThat(rows.values()).containsExactly(7, 1, 0, 3, 0, 0, 4, 0, 1, 1, 0, 0, 99, 0, 0);
        assertThat(notes)
                .containsExactly(
                        "age: 1 of 5 rows lie far outside 1 to 7, all that training saw",
                        "age: missing in 1 of 5 rows, but none in training: taken as its mean",
                        "town: values in 2 of 5 rows that training did not know (\"Bonn\","
                                + " \"Köln\")",
                        "town: missing in 1 of 5 rows, but none in training: taken as none of its"
                                + " values");
        Header lacking = new Header(List.of(Column.numbers("more"), town), List.of());
        assertThatThrownBy(
                        () ->
                                columns.encoded(
                                        Dataset.ofTable("o", lacking, new float[] {1, 0}), null))
                .hasMessage("o has no column age, which the model was trained on");
        assertThatThrownBy(() -> columns.encoded(table(AGE, Column.numbers("town"), 1, 0), null))
                .hasMessage("t: column town holds numbers, but the model was trained on text");
        assertThatThrownBy(
                        () ->
                                columns.encoded(
                                        table(new Column("age", List.of("old"), 0), TOWN, 0, 0),
                                        null))
                .hasMessage("t: column age holds text, but the model was trained on numbers");
    }

    @Test
    void mostRowsInAnotherUnitAreTold() {
        float[] ages = new float[40];
        for (int i = 0; i < 20; i++) {
            ages[2 * i] = 1000 + i;
        }
        Columns columns = Columns.fit(table(AGE, TOWN, ages), true, false);
        for (int i = 0; i < 20; i++) {
            ages[2 * i] = i < 11 ? 990 : 1010;
        }
        List<String> notes = new ArrayList<>();
        columns.encoded(table(AGE, TOWN, ages), notes);
        assertThat(notes)
                .containsExactly(
                        "age: 11 of 20 rows lie outside 1000 to 1019, all that training saw");
    }

    /** Numbers alone are encoded row by row, and beside text column by column. */
    @Test
    void numbersHaveTheSameBitsAloneAndBesideText() {
        Random random = new Random(5);
        float[] values = new float[60];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 3 == 2 ? 7 : (float) random.nextGaussian() * 1000;
        }
        values[0] = -0f;
        values[3] = Float.MIN_VALUE;
        float[] gaps = values.clone();
        gaps[0] = GAP;
        gaps[1] = GAP;
        gaps[5] = -0f;
        for (boolean standardize : new boolean[] {true, false}) {
            for (double offset : new double[] {0, 1e6 + 0.1}) {
                Columns alone = Columns.fit(numbers(values, offset, false), standardize, false);
                Columns beside = Columns.fit(numbers(values, offset, true), standardize, false);
                assertThat(bits(alone.standardized(numbers(values, offset, false))))
                        .isEqualTo(bits(beside.standardized(numbers(values, offset, true))));
                for (double other : new double[] {0, offset}) {
                    assertThat(bits(alone.encoded(numbers(gaps, other, false), null)))
                            .isEqualTo(bits(beside.encoded(numbers(gaps, other, true), null)));
                }
            }
        }
    }

    /** Three numbers a row, the second with an offset, and a town. */
    private static Dataset numbers(float[] values, double offset, boolean town) {
        List<Column> columns = new ArrayList<>();
        columns.add(AGE);
        columns.add(new Column("far", null, offset));
        columns.add(Column.numbers("same"));
        int width = 3;
        if (town) {
            columns.add(TOWN);
            width = 4;
        }
        float[] all = new float[values.length / 3 * width];
        for (int i = 0; i < values.length; i++) {
            all[i / 3 * width + i % 3] = values[i];
        }
        return Dataset.ofTable("t", new Header(columns, List.of()), all);
    }

    /** Of the numbers of each row, without the town. */
    private static List<Integer> bits(Dataset encoded) {
        List<Integer> bits = new ArrayList<>();
        for (int row = 0; row < encoded.rows(); row++) {
            for (int i = 0; i < 3; i++) {
                bits.add(Float.floatToRawIntBits(encoded.value(row, i)));
            }
        }
        return bits;
    }

    @Test
    void columnsWithoutNamesAreTakenByPosition() {
        Dataset rows = Dataset.ofValues("v", new int[] {2}, new float[] {1, 2, 3, 6});
        Columns columns = Columns.fit(rows.asTable(), true, false);
        assertThat(columns.names()).containsExactly("column 1", "column 2");
        assertThat(columns.standardized(rows.asTable()).values()).containsExactly(-1, -1, 1, 1);
        Dataset more = Dataset.ofValues("m", new int[] {3}, new float[] {1, 2, 3});
        assertThatThrownBy(() -> columns.encoded(more.asTable(), null))
                .hasMessage(
                        "m has 3 columns, but the model takes 2, and there are no names to tell");
        // a header on one side is no reason to look for names on the other
        Dataset named = table(AGE, Column.numbers("size"), 1, 2);
        assertThat(columns.encoded(named, null).values()).containsExactly(1, 2);
    }

    @Test
    void whatTellsNothingIsLeftOutAndSaid() {
        List<String> names = IntStream.range(0, 40).mapToObj(i -> "name " + i).toList();
        Column name = new Column("name", names, 0);
        Column same = new Column("same", List.of("x"), 0);
        Header header = new Header(List.of(name, Column.numbers("one"), AGE, same), List.of());
        float[] values = new float[160];
        for (int i = 0; i < 40; i++) {
            values[4 * i] = i;
            values[4 * i + 1] = 0.1f;
            values[4 * i + 2] = i % 2;
        }
        Dataset table = Dataset.ofTable("t", header, values);
        Columns columns = Columns.fit(table, true, false);
        assertThat(columns.leftOut())
                .isEqualTo(
                        "one, same (the same in all training rows); name (text with too many"
                                + " different values)");
        assertThat(columns.names()).containsExactly("one", "age");
        assertThat(columns.header().inputs()).containsExactly(AGE);
        // the constant counts for nothing even where it is another
        Dataset other = Dataset.ofTable("o", new Header(List.of(AGE), List.of()), new float[] {1});
        assertThat(columns.standardized(other).values()).containsExactly(0, 1);
        values[1] = 77;
        assertThat(columns.standardized(table).values()[0]).isZero();
    }

    /** Large numbers close to one another are kept apart by an offset, and come back in full. */
    @Test
    void anOffsetKeepsLargeNumbersApart() {
        Column time = new Column("time", null, 1.7e9);
        float[] values = {0, 0, 1, 2, 2, 0, 3, 2};
        Columns columns = Columns.fit(table(time, TOWN, values), true, false);
        Columns.Input input = columns.inputs().get(0);
        assertThat(input.mean()).isEqualTo(1.7e9 + 1.5);
        assertThat(input.deviation()).isCloseTo(Math.sqrt(1.25), within(1e-12));
        assertThat(input.min()).isEqualTo(1.7e9);
        assertThat(columns.encoded(table(time, TOWN, values), null).values()[3]).isEqualTo(1);
        Column moved = new Column("time", null, 1.7e9 + 2);
        assertThat(columns.encoded(table(moved, TOWN, -1, 2), null).values()[0]).isEqualTo(1);
        assertThat(columns.standardized(table(moved, TOWN, -1, 2)).values()[0])
                .isCloseTo((float) (-0.5 / Math.sqrt(1.25)), within(1e-6f));
    }

    @Test
    void allGapsAreNoColumn() {
        Dataset table = table(AGE, TOWN, GAP, 0, GAP, 2);
        Columns columns = Columns.fit(table, true, false);
        assertThat(columns.standardized(table).values()).containsExactly(0, 1, 0, 1, 0, 1, 1, 0);
        assertThat(Arrays.stream(columns.factors()).allMatch(Double::isFinite)).isTrue();
    }

    /** Who runs the model elsewhere is told what to take from a number. */
    @Test
    void aNameSaysTheOffset() {
        Column time = new Column("time", null, 1.7e9);
        Columns columns = Columns.fit(table(time, TOWN, 0, 0, 1, GAP), true, false);
        assertThat(columns.names())
                .containsExactly("time - 1700000000", "town=Rome", "town missing");
    }

    @Test
    void moreThanCanBeHeldIsRefused() {
        List<String> towns = IntStream.range(0, 200).mapToObj(Integer::toString).toList();
        float[] few = new float[2000];
        float[] many = new float[11_000_000];
        for (int i = 0; i < few.length; i++) {
            few[i] = i % towns.size();
        }
        Header header = new Header(List.of(new Column("town", towns, 0)), List.of());
        Columns columns = Columns.fit(Dataset.ofTable("few", header, few), true, false);
        assertThatThrownBy(() -> columns.standardized(Dataset.ofTable("many", header, many)))
                .hasMessage(
                        "many has 2,200,000,000 values, more than the 2,147,483,639 that a data"
                                + " set can hold");
    }

    /** Rows in several places have the columns that they have in one. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 31, 257})
    void momentsOfPartsAreThoseOfAll(int parts) {
        int rows = 1009;
        int width = 4; // numbers, with gaps, a constant, none but gaps
        float[] values = new float[rows * width];
        float[] targets = new float[rows];
        Random random = new Random(parts);
        for (int row = 0; row < rows; row++) {
            values[row * width] = (float) (1e6 + random.nextGaussian());
            values[row * width + 1] = row % 7 == 0 ? Float.NaN : (float) random.nextGaussian();
            values[row * width + 2] = 5;
            values[row * width + 3] = Float.NaN;
            targets[row] = (float) (3 + 100 * random.nextDouble());
        }
        Header header = Header.columns().number("a", "b", "c", "d").target("y");
        Columns whole =
                Columns.fit(
                        Dataset.ofTable("rows", header, values).withTargets(targets, 1),
                        true,
                        true);
        List<Moments> inputs = new ArrayList<>();
        List<Moments> labels = new ArrayList<>();
        for (int part = 0; part < parts; part++) {
            int from = part * rows / parts;
            int to = (part + 1) * rows / parts;
            float[] some = Arrays.copyOfRange(values, from * width, to * width);
            for (int c = 0; c < width; c++) {
                Moments of = new Moments(some, c, width, 0);
                if (part == 0) {
                    inputs.add(of);
                } else {
                    inputs.set(c, inputs.get(c).plus(of));
                }
            }
            Moments of = new Moments(Arrays.copyOfRange(targets, from, to), 0, 1, 0);
            labels = List.of(labels.isEmpty() ? of : labels.get(0).plus(of));
        }
        Columns joined = Columns.fit("rows", header, rows, inputs, labels, true, true);
        assertThat(joined)
                .usingRecursiveComparison()
                .withComparatorForType(
                        (one, other) -> Math.abs(one - other) <= 1e-9 * Math.abs(one) ? 0 : 1,
                        Double.class)
                .isEqualTo(whole);
        assertThat(joined.inputs().get(2).deviation()).isZero();
        assertThat(joined.inputs().get(3).gaps()).isTrue();
    }
}
