package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.quern.QuernException;
import org.quern.QuernException.Kind;

/** Rows that a program has become the table that a file with the same rows would be. */
class RowsTest {
    private static final float NAN = Float.NaN;

    enum Ocean {
        BAY,
        INLAND {
            @Override
            public String toString() {
                return "not its name";
            }
        }
    }

    private record House(
            int id,
            double income,
            Integer rooms,
            Ocean ocean,
            boolean isNew,
            char grade,
            long price) {}

    private static final List<House> HOUSES =
            List.of(
                    new House(1, 8.5, 3, Ocean.INLAND, true, 'a', 300_000),
                    new House(2, NAN, null, null, false, 'b', 200_000));

    private static final Header PLAIN = Header.columns().number("a").category("c").target("t");

    private static Map<String, Object> map(Object a, Object c, Object t) {
        Map<String, Object> map = new HashMap<>();
        map.put("a", a);
        map.put("c", c);
        map.put("t", t);
        return map;
    }

    private static Dataset read(Object... rows) {
        return Dataset.ofRows("rows", PLAIN, Arrays.asList(rows));
    }

    private static void refused(Kind kind, String message, Runnable code) {
        assertThatThrownBy(code::run)
                .isInstanceOf(QuernException.class)
                .hasMessage(message)
                .extracting(e -> ((QuernException) e).kind())
                .isEqualTo(kind);
    }

    private static void refused(String message, Object... rows) {
        refused(Kind.DATA, message, () -> read(rows));
    }

    @Test
    void recordsByTheTypesOfTheirComponents() {
        Header header = Header.of(House.class).without("id").target("price");
        Dataset houses = Dataset.ofRows("houses", header, HOUSES);
        assertThat(houses.header())
                .isEqualTo(
                        new Header(
                                List.of(
                                        Column.numbers("income"),
                                        Column.numbers("rooms"),
                                        new Column("ocean", List.of("INLAND"), 0),
                                        new Column("isNew", List.of("true", "false"), 0),
                                        new Column("grade", List.of("a", "b"), 0)),
                                List.of(Column.numbers("price"))));
        assertThat(houses.values()).containsExactly(8.5f, 3, 0, 0, 0, NAN, NAN, NAN, 1, 1);
        assertThat(houses.targets()).containsExactly(300_000, 200_000);
        assertThat(houses.hasLabels()).isFalse();
    }

    @Test
    void aColumnIsWhatIsSaidOfItLast() {
        Header header = Header.of(House.class).category("id").label("ocean").number("isNew");
        assertThat(header.inputs().stream().map(Column::name))
                .containsExactly("id", "income", "rooms", "isNew", "grade", "price");
        assertThat(header.targets()).containsExactly(Column.category("ocean"));
        Dataset houses = Dataset.ofRows("houses", header, HOUSES.subList(0, 1));
        assertThat(houses.values()).containsExactly(0, 8.5f, 3, 1, 0, 300_000);
        assertThat(houses.header().inputs().get(0).values()).containsExactly("1");
        assertThat(houses.label(0)).isEqualTo("INLAND");
        refused(
                Kind.USAGE,
                "there is no column town to leave out",
                () -> Header.of(House.class).without("town"));
    }

    @Test
    void aComponentOfAnotherTypeIsRefused() {
        record Dated(double x, LocalDate built) {}
        refused(
                Kind.USAGE,
                "Dated: component built is of type LocalDate, which is no number, text, enum or"
                        + " boolean: name the columns by Header.columns() instead",
                () -> Header.of(Dated.class));
        Dataset rest =
                Dataset.ofRows(
                        "rest",
                        Header.columns().number("x"),
                        List.of(new Dated(2, LocalDate.EPOCH)));
        assertThat(rest.values()).containsExactly(2);
    }

    @Test
    void numbersOfEveryTypeAreNumbersAndNames() {
        Object[] threes = {
            (byte) 3,
            (short) 3,
            3,
            3L,
            3f,
            3.0,
            BigInteger.valueOf(3),
            new BigDecimal("3.00"),
            new AtomicLong(3)
        };
        Dataset all = read(Arrays.stream(threes).map(three -> map(three, three, three)).toArray());
        assertThat(all.header().inputs().get(1).values()).containsExactly("3");
        for (int row = 0; row < threes.length; row++) {
            assertThat(all.value(row, 0)).isEqualTo(3);
            assertThat(all.value(row, 1)).isZero();
            assertThat(all.targets()[row]).isEqualTo(3);
        }
    }

    @Test
    void nullAndNanAreGaps() {
        Dataset all = read(map(null, null, 1), map(NAN, Double.NaN, 2), map(1, "x", 3));
        assertThat(all.values()).containsExactly(NAN, NAN, NAN, NAN, 1, 0);
    }

    @Test
    void arraysAndListsHoldInputsThenTargets() {
        Dataset all = read(new Object[] {1, "x", 5}, Arrays.asList(2.5, null, 6));
        assertThat(all.values()).containsExactly(1, 0, 2.5f, NAN);
        assertThat(all.targets()).containsExactly(5, 6);
        Header numbers = Header.columns().number("a", "b").target("s", "t");
        Dataset doubles =
                Dataset.ofRows("d", numbers, List.of(new double[] {1, 2, 3, 4}, new int[4]));
        assertThat(doubles.values()).containsExactly(1, 2, 0, 0);
        assertThat(doubles.targets()).containsExactly(3, 4, 0, 0);
        assertThat(doubles.targetWidth()).isEqualTo(2);
    }

    @Test
    void rowsOfFloatsNeedNoNames() {
        Dataset rows = Dataset.ofRows("rows", new float[][] {{1, NAN, 3}, {4, 5, 6}});
        assertThat(rows.values()).containsExactly(1, NAN, 3, 4, 5, 6);
        assertThat(rows.header()).isEqualTo(Header.unnamed(3, 0));
        Dataset labelled = rows.withLabels(List.of(Ocean.INLAND, Ocean.BAY));
        assertThat(labelled.classes()).containsExactly("BAY", "INLAND");
        assertThat(labelled.labels()).containsExactly(1, 0);
        assertThat(rows.withLabels(List.of(10, 9.0)).classes()).containsExactly("9", "10");
        Dataset targets = rows.withTargets(new float[] {1, 2, 3, 4}, 2);
        assertThat(Columns.fit(targets, true, true).targets()).hasSize(2);
        refused(
                Kind.DATA,
                "rows: label 1 (from 0) is null: give a text, an enum, a boolean or a number",
                () -> rows.withLabels(Arrays.asList("x", null)));
        refused(
                Kind.DATA,
                "rows, row 1 (from 0): 2 values for 3 columns",
                () -> Dataset.ofRows("rows", new float[][] {{1, 2, 3}, {4, 5}}));
        refused(
                Kind.DATA,
                "rows, row 0 (from 0): column 1 has no name: give arrays or lists",
                () -> Dataset.ofRows("rows", Header.unnamed(1, 0), List.of(Map.of("a", 1))));
    }

    @Test
    void labelsAreTextsEnumsBooleansOrNumbers() {
        Header header = Header.columns().number("a").label("l");
        List<List<?>> labels =
                List.of(
                        List.of("y", "x", "y"),
                        List.of(Ocean.INLAND, Ocean.BAY, Ocean.INLAND),
                        List.of(true, false, true),
                        List.of(10L, 9, 10.0));
        List<List<String>> classes =
                List.of(
                        List.of("x", "y"),
                        List.of("BAY", "INLAND"),
                        List.of("false", "true"),
                        List.of("9", "10"));
        for (int i = 0; i < labels.size(); i++) {
            List<?> of = labels.get(i);
            Dataset set =
                    Dataset.ofRows(
                            "rows", header, of.stream().map(l -> Map.of("a", 1, "l", l)).toList());
            assertThat(set.classes()).isEqualTo(classes.get(i));
            assertThat(set.labels()).containsExactly(1, 0, 1);
        }
    }

    @Test
    void aBadRowIsRefusedByNumberAndColumn() {
        Map<String, Object> good = map(1, "x", 2);
        String at = "rows, row 1 (from 0)";
        refused(at + ": a is \"1\" (String), which is no number", good, map("1", "x", 2));
        refused(at + ": a is BAY (Ocean), which is no number", good, map(Ocean.BAY, "x", 2));
        refused(
                at + ": a is not its name (Ocean), which is no number",
                good,
                map(Ocean.INLAND, "x", 2));
        refused(
                at + ": a is \"" + "1".repeat(40) + "...\" (String), which is no number",
                good,
                map("1".repeat(41) + "\n", "x", 2));
        refused(at + ": a is \"1\" (String), which is no number", good, map("1\n2", "x", 2));
        refused(
                at + ": c is 1970-01-01 (LocalDate), which is no text, enum, boolean or number",
                good,
                map(1, LocalDate.EPOCH, 2));
        refused(
                at + ": a is Infinity: every value must be a finite float32 number",
                good,
                map(Double.POSITIVE_INFINITY, "x", 2));
        refused(
                at + ": t is 1E+39: every value must be a finite float32 number",
                good,
                map(1, "x", new BigDecimal("1e39")));
        refused(at + ": t is missing, which is to be predicted", good, map(1, "x", null));
        refused(at + ": there is no c, only a: give null for a gap", good, Map.of("a", 1));
        refused(at + ": 1 values for 3 columns (a, c, t)", good, List.of(1));
        refused(at + " is null: give records, maps, arrays or lists", good, null);
        refused(at + " is a String: give records, maps, arrays or lists", good, "1,x,2");
        record Other(int a, String c) {}
        refused(at + ": Other has no component t, only a, c", good, new Other(1, "x"));
        record Failing(int a, String c, int t) {
            @Override
            public int t() {
                throw new IllegalStateException("no t");
            }
        }
        refused(
                at + ": t() failed: java.lang.IllegalStateException: no t",
                good,
                new Failing(1, "x", 2));
        refused("rows has no rows");
    }

    @Test
    void aHeaderMustSayWhatIsLearnedFromWhat() {
        refused(
                Kind.DATA,
                "rows: its header has no column that a model could learn from",
                () -> Dataset.ofRows("rows", Header.columns().target("t"), List.of()));
        refused(
                Kind.DATA,
                "rows: a label is predicted alone, but there are 2 columns to predict",
                () -> Dataset.ofRows("rows", PLAIN.label("l"), List.of()));
    }

    /** Whoever streams a table from a database can do so once. */
    @Test
    void rowsAreReadOnceOneAfterTheOther() {
        int[] given = {0};
        Iterable<double[]> once =
                () -> {
                    assertThat(given[0]).isZero();
                    return new Iterator<>() {
                        private final double[] reused = new double[2];

                        @Override
                        public boolean hasNext() {
                            return given[0] < 1000;
                        }

                        @Override
                        public double[] next() {
                            if (!hasNext()) {
                                throw new NoSuchElementException();
                            }
                            reused[0] = given[0]++;
                            reused[1] = -reused[0];
                            return reused;
                        }
                    };
                };
        Dataset all = Dataset.ofRows("rows", Header.columns().number("a").target("t"), once);
        assertThat(all.rows()).isEqualTo(1000);
        for (int row = 0; row < 1000; row++) {
            assertThat(all.value(row, 0)).isEqualTo(row);
            assertThat(all.targets()[row]).isEqualTo(-row);
        }
    }

    /** A float would tell times that are less than a minute apart not apart. */
    @Test
    void closeNumbersFarFromZeroKeepTheirDifferences() {
        long start = 1_700_000_000;
        List<Object> rows = new ArrayList<>();
        rows.add(map(null, "x", start));
        LongStream.range(0, 300).forEach(i -> rows.add(map(start + i, "x", start - i)));
        Dataset times = read(rows.toArray());
        double offset = times.header().inputs().get(0).offset();
        double ofTarget = times.header().targets().get(0).offset();
        assertThat(times.value(0, 0)).isNaN();
        for (int i = 0; i < 300; i++) {
            assertThat(times.value(i + 1, 0) + offset).isEqualTo(start + i);
            assertThat(times.targets()[i + 1] + ofTarget).isEqualTo(start - i);
        }
        assertThat(times.value(1, 1)).isZero();
        Header numbers = Header.columns().number("a").target("t");
        Dataset plain =
                Dataset.ofRows(
                        "rows",
                        numbers,
                        List.of(Map.of("a", 1e9, "t", 1e9), Map.of("a", 1e9 + 64, "t", 1e9 + 128)));
        assertThat(plain.asValues().values()).containsExactly(1e9f, (float) (1e9 + 64));
        assertThat(plain.asValues().targets()).containsExactly(1e9f, (float) (1e9 + 128));
    }

    @Test
    void numbersThatSpreadAreKeptAsTheyAre() {
        for (double[] column :
                new double[][] {{7, 7, 7}, {1e9, 0.1, 3}, {0, 0, 1e9}, {-1e9, 1e9, 0.3}}) {
            Header header = Header.columns().number("a");
            Dataset set =
                    Dataset.ofRows(
                            "rows", header, Arrays.stream(column).mapToObj(List::of).toList());
            assertThat(set.header().inputs().get(0).offset()).isZero();
            IntStream.range(0, 3)
                    .forEach(i -> assertThat(set.value(i, 0)).isEqualTo((float) column[i]));
        }
    }

    /** What a model knows of a table is the header for more of its rows. */
    @Test
    void rowsInTheColumnsOfAnotherTable() {
        Header known =
                new Header(
                        List.of(
                                new Column("a", null, 1e9), // as it was fitted
                                new Column("c", List.of("7", "x"), 0)),
                        List.of());
        Dataset rows = Dataset.ofRows("rows", known, List.of(map(1e9 + 1, "x", 0), map(5, "y", 0)));
        assertThat(rows.values()).containsExactly(1, 1, (float) (5 - 1e9), 2);
        assertThat(rows.header().inputs().get(1).values()).containsExactly("7", "x", "y");
        assertThat(Dataset.ofRows("rows", known, List.of(map(1e9, "07", 0))).value(0, 1)).isZero();
    }

    @Test
    void aColumnIsGivenOnce() {
        assertThatThrownBy(() -> Header.columns().number("a", "b", "a"))
                .hasMessage("column a is given twice");
    }
}
