package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.QuernException;
import org.quern.data.TableFormat.Labels;

/** Tables: header, label, numbers, and what is refused. */
class CsvTest {
    private static final TableFormat FIRST = TableFormat.UNKNOWN.withLabel("0");

    @TempDir Path folder;

    private Path csv(String text) throws IOException {
        return Files.writeString(folder.resolve("t.csv"), text.replace("\\n", "\n"));
    }

    private Splits read(String text) throws IOException {
        return DataReader.read(csv(text));
    }

    private Splits read(String text, TableFormat format) throws IOException {
        return DataReader.read(csv(text), format);
    }

    /** The message behind the file's name. */
    private AbstractThrowableAssert<?, ?> refused(String text, TableFormat format, String message)
            throws IOException {
        Path file = csv(text);
        return assertThatThrownBy(() -> DataReader.read(file, format))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA))
                .hasMessage(file + message);
    }

    private static String row(int count, String value) {
        return IntStream.range(0, count).mapToObj(i -> value).collect(Collectors.joining(","));
    }

    private static String names(int count) {
        return IntStream.range(0, count).mapToObj(i -> "c" + i).collect(Collectors.joining(","));
    }

    // ---- what the values are

    @Test
    void aTableIsNoImageWhateverItsNumbers() throws IOException {
        for (String values : new String[] {"0,255", "1,10", "0,1", "-1,2.5"}) {
            Dataset set = read("label,a,b\\n7,%s\\n3,1,2\\n".formatted(values)).train();
            assertThat(set.isImage()).as(values).isFalse();
            assertThat(set.isPixels()).as(values).isFalse();
            assertThat(set.values()).hasSize(4);
        }
    }

    @Test
    void rowsOf784FromZeroTo255AreMnistsPixels() throws IOException {
        Dataset pixels = read("label,%s\\n7,%s\\n".formatted(names(784), row(784, "200"))).train();
        assertThat(pixels.shape()).containsExactly(28, 28);
        assertThat(pixels.isPixels()).isTrue();
        assertThat(pixels.value(0, 5)).isEqualTo(200);
        Dataset unit = read("label,%s\\n7,%s\\n".formatted(names(784), row(784, "0.5"))).train();
        assertThat(unit.isImage()).isFalse();
        assertThat(unit.shape()).containsExactly(28, 28);
    }

    private static final TableFormat CLASSES = TableFormat.UNKNOWN.withLabels(Labels.CLASSES);

    @Test
    void numbersAreWhatPeopleWrite() throws IOException {
        assertThat(read("label,a\\nx,+1.5e-3\\ny,.5\\nz,1.\\n").train().values())
                .containsExactly(1.5e-3f, .5f, 1f);
        for (String none : "3f|0d|1D|0x1p3|Infinity|-inf|--1|1e|red|１|1e5.5".split("\\|")) {
            refused(
                    "label,a\\nx,1\\ny,2\\nz,\"%s\"\\n".formatted(none),
                    TableFormat.UNKNOWN,
                    (":4 column 2 (a) is \"%s\", not a number: correct it, or give --missing \"%s\" to"
                                    + " count it as a gap, or --category \"a\" to take the column as"
                                    + " categories")
                            .formatted(none, none));
        }
        refused(
                "label,a\\nx,1\\ny,1e39\\n",
                TableFormat.UNKNOWN,
                ":3 column 2 (a) is \"1e39\", too large for float32: correct it, or give --missing"
                        + " \"1e39\" to count it as a gap, or --category \"a\" to take the column as"
                        + " categories");
    }

    /** What people print is refused even where all of a column is so: it is no category. */
    @ParameterizedTest
    @ValueSource(
            strings = {"1,5", "1,000", "1,000.50", "1 000", "12%", "12 %", "$5", "-3,5", "1'000"})
    void numbersInAnotherDressAreRefused(String dressed) throws IOException {
        Path file = csv("label,a\\nx,\"%1$s\"\\ny,\"%1$s\"\\n".formatted(dressed));
        assertThatThrownBy(() -> DataReader.read(file))
                .hasMessageStartingWith(
                        "%s:2 column 2 (a) is \"%s\", not a plain number such as 1000.5: correct it"
                                .formatted(file, dressed));
    }

    // ---- the header

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "label,0,1\\n7,1.5,2\\n3,1,2\\n | a known name in the label's column",
                "0,1,label\\n1.5,2,7\\n1,2,3\\n | the same in the last",
                "Y,0,1\\n7,1.5,2\\n3,1,2\\n | in capitals",
                "\ufefflabel,a,b\\n7,1.5,2\\n3,1,2\\n | behind a byte-order mark",
                "\ufeffa,b,target\\n1.5,2,7\\n1,2,3\\n | the same, the label last",
                "label,?,\\n7,1.5,2\\n3,1,2\\n | names that stand for missing values",
                "class,a,b\\nclass 1,1.5,2\\nclass 2,1,2\\n | names as classes"
            })
    void firstLinesThatAreHeaders(String text, String why) throws IOException {
        Splits splits = read(text);
        assertThat(splits.train().rows()).as(why).isEqualTo(2);
        assertThat(splits.reading()).contains("line 1 is a header");
        assertThat(splits.train().classes()).hasSize(2).doesNotContain("label");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "5,1,2\\n3,1,2\\n3,4,5\\n | 5;3",
                "\ufeff5,1,2\\n3,1,2\\n5,4,5\\n | 5;3",
                "setosa,1.5,2\\nvirginica,1,2\\nsetosa,1,1\\n | setosa;virginica",
                "y,1.5,2\\nn,1,2\\ny,1,1\\n | y;n",
                "0,1,2\\n1,1,2\\n0,4,5\\n | 0;1"
            })
    void firstLinesThatAreRows(String text, String classes) throws IOException {
        Splits splits = read(text, FIRST);
        assertThat(splits.train().rows()).isEqualTo(3);
        assertThat(splits.train().classes()).containsExactlyInAnyOrder(classes.split(";"));
        assertThat(splits.reading()).doesNotContain("is a header");
    }

    @Test
    void aColumnOfNumbersBelowATextMakesAHeader() throws IOException {
        TableFormat kind = TableFormat.UNKNOWN.withLabel("kind");
        assertThat(read("a,kind\\n1,x\\n2,y\\n", kind).train().rows()).isEqualTo(2);
    }

    @Test
    void aMissingValueInTheFirstRowMakesNoHeader() throws IOException {
        Dataset set = read("0,?,?,3\\n1,1,21,3\\n1,2,3,4\\n", FIRST).train();
        assertThat(set.values()).containsExactly(Float.NaN, Float.NaN, 3, 1, 21, 3, 2, 3, 4);
    }

    @Test
    void theHeaderIsWhatIsSaid() throws IOException {
        TableFormat yes = TableFormat.of("1", "yes", "auto", "", "");
        Splits named = read("0,1,2\\n5,6,7\\n", yes);
        assertThat(named.train().rows()).isEqualTo(1);
        assertThat(named.reading()).isEqualTo("line 1 is a header; label \"1\" (column 2)");
        Splits row = read("5,6,7\\n8,9,7\\n", TableFormat.of("1", "no", "auto", "", ""));
        assertThat(row.train().rows()).isEqualTo(2);
        assertThat(row.reading()).isEqualTo("no header; label column 2");
        refused( // no blank, as Java's own trim takes it
                "label,a\\n1,2\u0001\\n1,3\\n",
                FIRST,
                ":2 column 2 (a) is \"2\u0001\", not a number: correct it, or give --missing \"2\u0001\" to"
                        + " count it as a gap, or --category \"a\" to take the column as categories");
        refused(
                "label,a\\n1,2\\n",
                TableFormat.of("0", "no", "auto", "", ""),
                ":1 column 2 is \"a\", not a number: correct it, or give --missing \"a\" to count it"
                        + " as a gap, or --category \"#1\" to take the column as categories");
    }

    @Test
    void aLineThatCountsIsPointedOut() throws IOException {
        assertThat(read("0,1,2\\n5,6,7\\n", FIRST).reading())
                .isEqualTo(
                        "line 1 is a row (0, 1, 2 ...: if these are names, give --header yes);"
                                + " label column 1");
        refused(
                "0,1,2\\n5,6,7\\n",
                TableFormat.UNKNOWN,
                " has no header: say which column holds the labels, --label 0 (the first) to"
                        + " --label 2 (the last); if line 1 holds names, give --header yes");
    }

    @Test
    void equalNamesAreRefused() throws IOException {
        refused(
                "a,label,a\\n1,2,3\\n",
                TableFormat.UNKNOWN,
                ": columns 1 and 3 are both called \"a\": rename one");
    }

    // ---- the label

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a,b,label | label",
                "y,target,class,label | label",
                "y,target,Class | Class",
                "y,TARGET | TARGET",
                "x,Y | Y"
            })
    void theBestNameWins(String header, String label) throws IOException {
        int columns = header.split(",").length;
        Splits splits = read(header + "\\n" + row(columns, "1.5") + "\\n");
        assertThat(splits.label()).isEqualTo(label);
        assertThat(splits.reading()).contains("label \"" + label + "\" (column ");
    }

    @Test
    void noOtherColumnIsGuessed() throws IOException {
        refused(
                "Pregnancies,Age,Outcome\\n1,30,0\\n",
                TableFormat.UNKNOWN,
                ": which column holds the labels? Name it by --label: Pregnancies, Age, Outcome");
        refused(
                "1,30,0\\n2,40,1\\n",
                TableFormat.UNKNOWN,
                " has no header: say which column holds the labels, --label 0 (the first) to"
                        + " --label 2 (the last)");
        refused(
                "colour,kind\\nred,x\\nblue,y\\n",
                TableFormat.UNKNOWN,
                " has no header: say which column holds the labels, --label 0 (the first) to"
                        + " --label 1 (the last); if line 1 holds names, give --header yes");
        refused(
                "a,b\\n1,2\\n",
                TableFormat.UNKNOWN.withLabel("color"),
                " has no column \"color\" for the labels: it has a, b");
        refused(
                "1,2\\n3,4\\n",
                TableFormat.UNKNOWN.withLabel("color"),
                " has no column \"color\" for the labels, for it has no header: give --label 0 (the"
                        + " first) to --label 1 (the last)");
        assertThatThrownBy(() -> read(names(30) + "\\n" + row(30, "1") + "\\n"))
                .hasMessageEndingWith(", c18, c19 and 10 more");
    }

    @Test
    void namesComeBeforeIndices() throws IOException {
        assertThat(
                        read("1,0,a\\n5,6,7\\n", TableFormat.of("0", "yes", "auto", "", ""))
                                .train()
                                .classes())
                .containsExactly("6");
        assertThat(read("a,kind,c\\n1,x,10\\n3,y,9\\n", TableFormat.UNKNOWN.withLabel("1")).label())
                .isEqualTo("kind");
    }

    @Test
    void numbersAreComparedAsNumbers() throws IOException {
        Dataset set =
                read("label,a\\n1,0\\n1.0,0\\n0.1e1,0\\n+1,0\\n1e0,0\\n10,0\\n9.50,0\\n", CLASSES)
                        .train();
        assertThat(set.classes()).containsExactly("1", "9.5", "10");
        assertThat(set.labels()).containsExactly(0, 0, 0, 0, 0, 2, 1);
        assertThat(read("label,a\\n0,1\\n-0,1\\n1e-99999999999,1\\n1,1\\n").train().classes())
                .containsExactly("0", "1");
        // as texts, where not all are numbers; sodium is not "not available"
        assertThat(read("label,a\\nNa,0\\n1.0,0\\n1,0\\n").train().classes())
                .containsExactly("1", "1.0", "Na");
    }

    /** A point is a thousands separator where commas are decimal, in labels as in other columns. */
    @Test
    void labelsHaveTheFilesDecimalMark() throws IOException {
        String text = "m2;rooms;price\\n76,9;1;1.923\\n16,4;3;410\\n20,5;2;410\\n";
        TableFormat price = TableFormat.UNKNOWN.withLabel("price");
        String refusal = ":2 column 3 (price) is \"1.923\", not a plain number such as 1000,5";
        for (TableFormat format : List.of(price, price.withLabels(Labels.NUMBERS))) {
            assertThatThrownBy(() -> read(text, format)).hasMessageContaining(refusal);
        }
        assertThat(read(text, price.withLabels(Labels.CLASSES)).train().classes()).hasSize(2);
    }

    @Test
    void labelsByNumberSayFromWhereTheyCount() throws IOException {
        String text = "a,b,kind\\n1,2,x\\n3,4,y\\n";
        TableFormat second = TableFormat.UNKNOWN.withLabel("2");
        assertThat(read(text, second).reading())
                .contains("label \"kind\" (column 3); --label 2 counts from 0");
        assertThat(read(text, second.withLabel("kind")).reading()).doesNotContain("counts");
    }

    @Test
    void aLabelIsAColumn() {
        for (String label : List.of(",", " ", " , ")) {
            assertThatThrownBy(() -> read("a,b\\n1,2\\n", TableFormat.UNKNOWN.withLabel(label)))
                    .isInstanceOf(QuernException.class)
                    .hasMessage("label \"%s\": name a column", label);
        }
    }

    @Test
    void oneColumnAsksForTheSeparator() throws IOException {
        String text = "a|b|y\\n1|2|x\\n3|4|z\\n";
        for (String label : new String[] {null, "y", "2"}) {
            TableFormat format = TableFormat.UNKNOWN.withLabel(label);
            assertThatThrownBy(() -> read(text, format))
                    .hasMessageContaining(" has 1 column; it needs")
                    .hasMessageContaining("--separator");
        }
    }

    /** Rows for a model: what it takes is no label, whatever its name. */
    @Test
    void allColumnsThatAModelTakesAreInputs() throws IOException {
        Path file = csv("x,y\\n1,2\\n");
        Splits both = DataReader.rows(file, TableFormat.UNKNOWN, 2);
        assertThat(both.train().values()).containsExactly(1, 2);
        assertThat(both.reading()).contains("all columns are taken as inputs, y too");
        Path other = csv("a,b\\n1,2\\n");
        assertThatThrownBy(() -> DataReader.rows(other, TableFormat.UNKNOWN, 784))
                .hasMessageContaining(
                        " has 2 columns, but the model takes 784 inputs and, optionally, a label");
    }

    /** A model's input is none of its labels, and another label is told. */
    @Test
    void labelsOfAKnownTable() throws IOException {
        TableFormat known =
                TableFormat.UNKNOWN.withKnown(
                        new Header(
                                List.of(Column.numbers("a"), Column.numbers("b")),
                                List.of(Column.numbers("price"))));
        Path file = csv("a,b,price,cost\\n1,2,0.5,3\\n4,5,6,7.5\\n");
        assertThatThrownBy(() -> DataReader.rows(file, known.withLabel("a"), 2))
                .hasMessage("--label a: the model takes this column, and predicts price");
        assertThat(DataReader.rows(file, known.withLabel("cost"), 2).reading())
                .contains("label \"cost\" (column 4)", "the model calls it price");
        assertThat(DataReader.rows(file, known.withLabel("price"), 2).reading())
                .doesNotContain("the model calls");
    }

    @Test
    void codesKeepTheirLeadingZeros() throws IOException {
        String text = "label,zip,a\\n01,00501,1\\n1,501,2\\n02,00501,3\\n1,10001,4\\n";
        TableFormat byZip = TableFormat.of("", "auto", "auto", "", "zip");
        Dataset set = read(text, byZip).train();
        assertThat(set.classes()).containsExactly("01", "1", "02");
        assertThat(set.labels()).containsExactly(0, 1, 2, 1);
        assertThat(set.header().inputs().get(0).values()).containsExactly("00501", "501", "10001");
        // a spreadsheet drops them: a model knows its codes without them, too, if that is clear
        TableFormat known = byZip.withKnown(set.header());
        Dataset later = read("label,zip,a\\n2,10001.0,1\\n", known).train();
        assertThat(later.column(0)).containsExactly(2);
        assertThat(later.inClassesOf(set.classes()).labels()).containsExactly(2);
    }

    @Test
    void zerosThatAreDroppedAreTold() throws IOException {
        String text = "label,zip,part,a\\nx,00501,07,0\\ny,10001,11,0.5\\n";
        String told =
                "leading zeros (00501) are dropped from \"zip\" (column 2), \"part\""
                        + " (column 3): --category keeps those of a column";
        assertThat(read(text).reading()).contains(told);
        assertThat(read("label,a\\nx,0\\ny,0.5\\ny,10\\n").reading()).doesNotContain("zeros");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "NA", "nan", "NaN", "N/A", "null", "?", "  ", "None", "<NA>"})
    void missingLabelsAreRefusedByLine(String missing) throws IOException {
        refused(
                "label,a\\nx,1\\n%1$s,2\\ny,3\\n%1$s,4\\n".formatted(missing),
                TableFormat.UNKNOWN,
                ":3 has no label (column 1 is \"%s\"); 2 rows have none: fill them in, or remove the rows"
                        .formatted(missing.trim()));
        refused(
                "label,a\\nx,1\\n%s,2\\n".formatted(missing),
                TableFormat.UNKNOWN,
                ":3 has no label (column 1 is \"%s\"): fill it in, or remove the row"
                        .formatted(missing.trim()));
    }

    // ---- rows to predict

    private Dataset rows(String text, TableFormat format) throws IOException {
        return DataReader.rows(csv(text), format, 2).train();
    }

    @Test
    void rowsToPredictMayBeWithoutLabels() throws IOException {
        TableFormat price = TableFormat.UNKNOWN.withLabel("price");
        assertThat(rows("a,b\\n1,2\\n", price).hasLabels()).isFalse();
        assertThat(rows("1,2\\n3,4\\n", price).values()).containsExactly(1, 2, 3, 4);
        Dataset labelled = rows("a,price,b\\n1,9,2\\n3,NA,4\\n", price);
        assertThat(labelled.values()).containsExactly(1, 2, 3, 4);
        assertThat(labelled.classes()).containsExactly("", "9");
        TableFormat last = TableFormat.UNKNOWN.withLabel("2");
        assertThat(rows("1,2\\n3,4\\n", last).hasLabels()).isFalse();
        assertThat(rows("1,2,5\\n3,4,6\\n", last).classes()).containsExactly("5", "6");
        Path file = csv("a,b,c\\n1,2,3\\n");
        assertThatThrownBy(() -> DataReader.rows(file, price, 2))
                .hasMessage(file + " has no column \"price\" for the labels: it has a, b, c");
    }

    // ---- gaps, categories, and what columns are

    private static final String GAPS = "|NA|NaN|nan|?|null|N/A|None|<NA>|#N/A|  ";

    @Test
    void gapsAreGaps() throws IOException {
        for (String gap : GAPS.split("\\|")) {
            String text = "label,a,b\nx,%1$s,red\ny,2,%1$s\nx,3,blue\n".formatted(gap);
            Dataset set = read(text).train();
            assertThat(set.values()).as(gap).containsExactly(Float.NaN, 0, 2, Float.NaN, 3, 1);
        }
    }

    private static TableFormat format(String missing, String categories) {
        return TableFormat.of("", "auto", "auto", missing, categories);
    }

    @Test
    void otherTextsMayStandForGaps() throws IOException {
        String text = "label,a,b\nx,-999,red\ny,-999.0,unknown\nz,3,blue\n";
        Dataset set = read(text, format("-999, unknown", "")).train();
        assertThat(set.values()).containsExactly(Float.NaN, 0, Float.NaN, Float.NaN, 3, 1);
        assertThat(set.header().inputs().get(1).values()).containsExactly("red", "blue");
        refused(
                "label,a\nx,1\n-999,2\n",
                format("-999", ""),
                ":3 has no label (column 1 is \"-999\"): fill it in, or remove the row");
    }

    @Test
    void textIsACategoryByItsValues() throws IOException {
        Dataset set = read("a,kind,label\n1,red,x\n2,\"light, blue\",y\n3,red,x\n").train();
        assertThat(set.header().inputs())
                .containsExactly(
                        Column.numbers("a"), new Column("kind", List.of("red", "light, blue"), 0));
        assertThat(set.values()).containsExactly(1, 0, 2, 1, 3, 0);
        assertThat(set.header().targets())
                .containsExactly(new Column("label", List.of("x", "y"), 0));
    }

    /** As of Titanic's tickets, of which most are numbers; a slip or a mark is no category. */
    @Test
    void manyTextsAmongNumbersMakeACategory() throws IOException {
        String numbers = "x,17463,1\n".repeat(60);
        IntFunction<String> texts =
                count ->
                        IntStream.range(0, 20)
                                .mapToObj(i -> "y,A/5 %d,2\n".formatted(i % count))
                                .collect(Collectors.joining());
        String tickets = "label,ticket,a\n" + numbers + texts.apply(10);
        assertThat(read(tickets).train().header().inputs().get(0).values()).hasSize(11);
        Path marked = csv("label,ticket,a\n" + numbers + texts.apply(9));
        assertThatThrownBy(() -> DataReader.read(marked))
                .hasMessageContaining(":62 column 2 (ticket) is \"A/5 0\", not a number");
    }

    /** Codes that look like numbers: equal ones are one, however they are written. */
    @Test
    void numbersMayBeCategories() throws IOException {
        String text = "label,zip,a\nx,401,1\ny,401.0,2\nx,17,3\n";
        Dataset set = read(text, format("", "zip")).train();
        assertThat(set.header().inputs().get(0).values()).containsExactly("401", "17");
        assertThat(set.values()).containsExactly(0, 1, 0, 2, 1, 3);
        assertThat(read(text, format("", "1")).train().values()).isEqualTo(set.values());
        Path file = csv(text);
        assertThatThrownBy(() -> DataReader.read(file, format("", "zap")))
                .hasMessage("category zap: %s has no such column", file);
    }

    /** What a column holds is seen in its first value, however late that is. */
    @Test
    void aColumnMayBeginWithGaps() throws IOException {
        String gaps = "x,,\n".repeat(300);
        Dataset set = read("label,a,b\n%sy,1.5,red\ny,2.5,blue\n".formatted(gaps)).train();
        assertThat(set.header().inputs())
                .containsExactly(Column.numbers("a"), new Column("b", List.of("red", "blue"), 0));
        assertThat(set.value(299, 1)).isNaN();
        assertThat(set.value(301, 0)).isEqualTo(2.5f);
        assertThat(set.value(301, 1)).isEqualTo(1);
    }

    @Test
    void aColumnThatOnlyNumbersTheRowsIsLeftOut() throws IOException {
        for (String index : new String[] {"0,1,2", "1,2,3", "7,3,12"}) {
            String[] i = index.split(",");
            String text = ",label,a\n%s,x,1\n%s,y,2\n%s,x,3\n".formatted(i[0], i[1], i[2]);
            Splits splits = read(text);
            assertThat(splits.train().values()).containsExactly(1, 2, 3);
            assertThat(splits.reading())
                    .isEqualTo(
                            "line 1 is a header; label \"label\" (column 2); column 1 has no name and"
                                    + " numbers the rows: left out");
        }
        // as pandas writes rows without names
        Splits pandas = read(",0,1\n0,5,7\n1,6,8\n", TableFormat.UNKNOWN.withLabel("1"));
        assertThat(pandas.train().values()).containsExactly(5, 6);
        assertThat(read(",label,a\n5,x,1\n5,y,2\n").train().header().inputs().get(0).name())
                .isEqualTo("column 1");
    }

    @Test
    void whatASpreadsheetLeavesBehindIsLeftOut() throws IOException {
        Splits splits = read("label,a,,b,\nx,1,,2,\ny,3,,4,\n,,,,\n");
        assertThat(splits.train().values()).containsExactly(1, 2, 3, 4);
        assertThat(splits.reading())
                .isEqualTo(
                        "line 1 is a header; label \"label\" (column 1); 1 row is empty: left out;"
                                + " column 3 has no name and no values: left out; column 5 has no"
                                + " name and no values: left out");
        Splits named = read("label,a,b\nx,1,\ny,3,NA\n");
        assertThat(named.train().values()).containsExactly(1, 3);
        assertThat(named.reading()).endsWith("; b has no values: left out");
    }

    /** Seconds since 1970, ids: float32 has 24 bits, and what is common to all is taken off. */
    @Test
    void largeNumbersKeepWhatTellsThemApart() throws IOException {
        String rows =
                IntStream.range(0, 60)
                        .mapToObj(i -> "%d,%d,%d".formatted(i % 2, 1_732_700_000_000L + i, i))
                        .collect(Collectors.joining("\n"));
        Dataset set = read("label,time,b\n" + rows + "\n").train();
        double offset = set.header().inputs().get(0).offset();
        assertThat(offset).isBetween(1_732_700_000_000d, 1_732_700_000_059d);
        assertThat(set.header().inputs().get(1).offset()).isZero();
        for (int row = 0; row < 60; row++) {
            assertThat(set.value(row, 0) + offset).isEqualTo(1_732_700_000_000d + row);
        }
        assertThat(Column.offset(-5, 5)).isZero();
        assertThat(Column.offset(7.5, 7.5)).isZero();
        assertThat(Column.offset(-100_001, -100_000)).isEqualTo(-100_001);
        assertThat(Column.offset(1e9 + .3, 1e9 + 1.1)).isBetween(1e9 + .3, 1e9 + 1.1);
    }

    // ---- numbers to predict

    private static String column(int rows, IntFunction<String> value) {
        return IntStream.range(0, rows)
                .mapToObj(i -> value.apply(i) + "," + i % 7)
                .collect(Collectors.joining("\n", "label,a\n", "\n"));
    }

    @Test
    void labelsAreNumbersOrClasses() throws IOException {
        String numbers = "line 1 is a header; label \"label\" (column 1): numbers to predict";
        for (String text :
                new String[] {
                    column(40, i -> i % 5 + ".5"),
                    column(400, i -> "" + i),
                    column(30, i -> "1e" + i)
                }) {
            Splits splits = read(text);
            assertThat(splits.reading()).isEqualTo(numbers);
            assertThat(splits.train().targetWidth()).isEqualTo(1);
        }
        for (String text :
                new String[] {
                    column(40, i -> "" + i % 5),
                    column(40, i -> i % 5 + ".0"),
                    column(40, i -> "x" + i)
                }) {
            Splits splits = read(text);
            assertThat(splits.train().hasLabels()).as(text).isTrue();
            assertThat(splits.reading()).doesNotContain("numbers");
        }
        assertThat(read(column(40, i -> i % 5 + ".5"), CLASSES).train().classes()).hasSize(5);
        TableFormat asked = TableFormat.UNKNOWN.withLabels(Labels.NUMBERS);
        assertThat(read(column(40, i -> "" + i % 2), asked).train().targets()).hasSize(40);
    }

    /** However the labels turn out to be numbers, they are the same ones. */
    @Test
    void numbersAreTheSameByAnyWay() throws IOException {
        String few = column(500, i -> "%d.25".formatted(1_000_000_000L + i * 37 % 91));
        Dataset found = read(few).train();
        Dataset asked = read(few, TableFormat.UNKNOWN.withLabels(Labels.NUMBERS)).train();
        assertThat(found.targets()).isEqualTo(asked.targets());
        assertThat(found.header()).isEqualTo(asked.header());
        assertThat(found.header().targets().get(0).offset()).isNotZero();
        String many = column(70_000, i -> "" + (i * 7919L % 70_001));
        Splits splits = read(many);
        assertThat(splits.reading()).endsWith(": numbers to predict");
        assertThat(splits.train().targets()[69_999]).isEqualTo(69_999 * 7919L % 70_001);
        assertThat(splits.train().value(69_999, 0)).isEqualTo(69_999 % 7);
        String rest = csv(many + "red,1\n").toString();
        assertThatThrownBy(() -> DataReader.read(Path.of(rest)))
                .hasMessage(
                        rest
                                + ":70002 column 1 (label) is \"red\", not a number: correct it, or"
                                + " give --loss cross-entropy to take labels as classes");
    }

    @Test
    void severalLabelsAreNumbers() throws IOException {
        String text = "a,b,c\n1,2,x\n3,4,y\n";
        Splits splits = read(text, TableFormat.UNKNOWN.withLabel("b,a"));
        assertThat(splits.train().targets()).containsExactly(2, 1, 4, 3);
        assertThat(splits.train().header().inputs()).hasSize(1);
        assertThat(splits.label()).isEqualTo("b,a");
        assertThat(splits.reading())
                .isEqualTo("line 1 is a header; labels \"b\" (column 2), \"a\" (column 1)");
        Path file = csv(text);
        assertThatThrownBy(() -> DataReader.read(file, CLASSES.withLabel("a,b")))
                .hasMessage("label a,b: several labels are numbers to predict: give --loss mse");
        refused(
                text,
                TableFormat.UNKNOWN.withLabel("a,c"),
                ":2 column 3 (c) is \"x\", not a number: correct it, or give --loss cross-entropy"
                        + " to take labels as classes");
        assertThat(read("\"a,b\",c\nx,1\ny,2\n", TableFormat.UNKNOWN.withLabel("a,b")).label())
                .isEqualTo("a,b");
    }

    // ---- known columns

    private static final Header KNOWN =
            new Header(
                    List.of(Column.numbers("a"), new Column("c", List.of("red", "blue"), 0)),
                    List.of(Column.numbers("price")));

    private Splits known(String text) throws IOException {
        TableFormat format = TableFormat.UNKNOWN.withKnown(KNOWN).withLabels(Labels.NUMBERS);
        return DataReader.rows(csv(text), format, 0);
    }

    @Test
    void knownColumnsAreFoundByName() throws IOException {
        Splits splits = known("id,c,price,a\n7,blue,9,1\n8,green,10,2\n");
        Dataset set = splits.train();
        assertThat(set.values()).containsExactly(1, 1, 2, 2);
        assertThat(set.targets()).containsExactly(9, 10);
        assertThat(set.header().inputs().get(1).values()).containsExactly("red", "blue", "green");
        assertThat(splits.reading())
                .isEqualTo(
                        "line 1 is a header; label \"price\" (column 3); other columns, left out: id");
        assertThat(known("c,a\nred,1\n").train().values()).containsExactly(1, 0);
        assertThat(known("c,a\nred,1\n").train().hasTargets()).isFalse();
        Splits gap = known("c,a,price\nred,1,\nred,2,5\n");
        assertThat(gap.train().hasTargets()).isFalse();
        assertThat(gap.reading()).endsWith("; 1 of 2 rows have no label");
        // a known number cannot be a category
        Path typo = csv("c,a,price\\nred,x,1\\n");
        assertThatThrownBy(() -> DataReader.rows(typo, TableFormat.UNKNOWN.withKnown(KNOWN), 0))
                .hasMessageEndingWith("or give --missing \"x\" to count it as a gap");
        // what is known is no header of numbers
        Path file = csv("a,price\n1,2\n");
        assertThatThrownBy(() -> DataReader.rows(file, TableFormat.UNKNOWN.withKnown(KNOWN), 0))
                .hasMessage(file + " lacks columns that training had: c; it has a, price");
    }

    @Test
    void columnsWithoutNamesAreTakenInTheirOrder() throws IOException {
        assertThat(known("1,blue\n2,red\n").train().values()).containsExactly(1, 1, 2, 0);
        assertThat(known("1,blue\n2,red\n").reading())
                .isEqualTo("no header; the columns are taken in training's order");
        Path file = csv("1,blue,3,4\n");
        TableFormat format = TableFormat.UNKNOWN.withKnown(KNOWN).withLabel("#2");
        assertThatThrownBy(() -> DataReader.rows(file, format, 0))
                .hasMessage(file + " has 3 columns beside the label, but training had 2");
    }

    // ---- encodings and separators

    @ParameterizedTest
    @ValueSource(strings = {"UTF-8", "UTF-16LE", "UTF-16BE"})
    void textsWithAByteOrderMark(String charset) throws IOException {
        String text = "\ufefflabel,größe\r\nx,1\r\n🐟,2\r\n";
        for (boolean zipped : new boolean[] {false, true}) {
            Path file = folder.resolve(zipped ? "t.csv.gz" : "t.csv");
            try (OutputStream out = Files.newOutputStream(file);
                    OutputStream to = zipped ? new GZIPOutputStream(out) : out) {
                to.write(text.getBytes(charset));
            }
            Dataset set = DataReader.read(file).train();
            assertThat(set.classes()).containsExactly("x", "🐟");
            assertThat(set.header().inputs().get(0).name()).isEqualTo("größe");
        }
    }

    @Test
    void damagedTextsAreRefused() throws IOException {
        Path file = folder.resolve("t.csv");
        Files.write(file, "label,a\nrot,1\ngrün,2\n".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> DataReader.read(file))
                .hasMessage(
                        "%1$s is not UTF-8 text: if it is a table, convert it, such as by iconv -f"
                                + " latin1 -t utf-8 %1$s > utf8.csv",
                        file);
        Files.write(file, "label,a\nx,1\n".getBytes(StandardCharsets.UTF_16LE));
        assertThatThrownBy(() -> DataReader.read(file))
                .hasMessage(file + ":1 is not text: it holds characters of code 0");
        Path zipped = folder.resolve("t.csv.gz");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(bytes)) {
            out.write("label,a\nx,1\n".repeat(100).getBytes(StandardCharsets.UTF_8));
        }
        Files.write(zipped, Arrays.copyOf(bytes.toByteArray(), bytes.size() - 9));
        assertThatThrownBy(() -> DataReader.read(zipped))
                .hasMessage(zipped + " is truncated: fetch or save it again");
        refused(
                "label,a\nx,1\n\"y\"z,2\n",
                TableFormat.UNKNOWN,
                ":3 cannot be read: Unexpected character after closing quote: 'z' (0x7a)");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "a;b;label\\n1,5;2;x\\n3;4,25;y | semicolons, with decimal commas",
                "a;b;label\\n1.5;2;x\\n3;4.25;y | semicolons",
                "a\tb\tlabel\\n1.5\t2\tx\\n3\t4.25\ty | tabs",
                "sep=;\\na;b;label\\n1,5;2;x\\n3;4,25;y | semicolons, with decimal commas",
                "sep=#\\na#b#label\\n1.5#2#x\\n3#4.25#y | \"#\"",
                "a;b;label\\n1,5;2;\"x;,\"\\n3;4,25;\"y\\n,\" | semicolons, with decimal commas"
            })
    void separatorsAreFound(String text, String told) throws IOException {
        Splits splits = read(text);
        assertThat(splits.train().values()).containsExactly(1.5f, 2, 3, 4.25f);
        assertThat(splits.reading())
                .isEqualTo(
                        "line 1 is a header; separated by "
                                + told
                                + "; label \"label\" (column 3)");
    }

    @Test
    void separatorsWithoutAHeader() throws IOException {
        Splits splits =
                read("5,0;3,7;setosa\n5,8;2,7;virginica\n", TableFormat.UNKNOWN.withLabel("2"));
        assertThat(splits.train().values()).containsExactly(5, 3.7f, 5.8f, 2.7f);
        String both = "a|b;c|label\n1|2;3|x\n4|5;6|y\n";
        TableFormat bar = TableFormat.of("", "auto", "|", "", "");
        assertThat(read(both, bar).train().header().inputs()).hasSize(2);
        assertThatThrownBy(() -> TableFormat.of("", "auto", "ab", "", ""))
                .hasMessage(
                        "unknown separator \"ab\": use auto, comma, semicolon, tab or another"
                                + " character");
    }

    /** 1.234 is a thousand where commas are decimal. */
    @Test
    void oneFileHasOneDecimalMark() throws IOException {
        refused(
                "label;a\nx;0,5\ny;1.234\n",
                TableFormat.UNKNOWN,
                ":3 column 2 (a) is \"1.234\", not a plain number such as 1000,5: correct it, or give"
                        + " --missing \"1.234\" to count it as a gap, or --category \"a\" to take the"
                        + " column as categories");
        Splits labels = read("label;a\n0,5;1\n1,5;2\n");
        assertThat(labels.train().targets()).containsExactly(.5f, 1.5f);
    }

    @Test
    void whatStandsAboveATableIsRefused() throws IOException {
        refused(
                "# exported\nlabel,a\nx,1\n",
                TableFormat.UNKNOWN,
                ": the first line has 1 field, but others have 2: remove what is above the table");
    }

    // ---- lines

    @Test
    void quotedFieldsAndBlankLines() throws IOException {
        Dataset set = read("\"label\",\"a, b\"\\n\"x\"\"y\",1\\n\\n \"z\" , 2\\n").train();
        assertThat(set.classes()).containsExactly("x\"y", "z");
    }

    private static final String RED =
            " it, or give --missing \"red\" to count it as a gap, or --category \"a\" to take the"
                    + " column as categories";

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "label,a\\n1,2\\n1,red\\n | :3 column 2 (a) is \"red\", not a number: correct"
                        + RED,
                "label,a\\n\\n\\n1,2\\n\\n1,red\\n | :6 column 2 (a) is \"red\", not a number: correct"
                        + RED,
                "label,a\\n\"x\\ny\",2\\n1,red\\n | :4 column 2 (a) is \"red\", not a number: correct"
                        + RED,
                "label,a,b\\n1,2,3\\n\\n1,2\\n | :4 has 2 fields, but the first line has 3",
                "label,a\\n1,2\\n\"x,3\\n1,4\\n | ':3 opens a quote that is never closed'",
                "\"label,a\\n1,2\\n | ':1 opens a quote that is never closed'",
                "a,label\\n1,2\\n3,\"x\\n1,4\\n | ':3 opens a quote that is never closed'",
                "1,2\\n1,2,3\\n | :2 has 3 fields, but the first line has 2",
                "label,a\\n | ' has a header but no rows'",
                "5\\n6\\n | ' has 1 column; it needs a label and at least one value, separated by"
                        + " commas, semicolons or tabs (or as --separator says)'"
            })
    void badTables(String text, String message) throws IOException {
        refused(text, text.contains("label") ? TableFormat.UNKNOWN : FIRST, message);
    }

    @Test
    void emptyAndBinaryTables() throws IOException {
        refused("", FIRST, " is empty: it needs a line for each example");
        refused("\ufeff", FIRST, " is empty: it needs a line for each example");
        Path binary =
                Files.write(folder.resolve("b.csv"), new byte[] {1, (byte) 0xff, (byte) 0xfe, 3});
        assertThatThrownBy(() -> DataReader.read(binary, FIRST))
                .hasMessage(
                        "%s is not UTF-8 text: if it is a table, convert it, such as by iconv -f latin1"
                                        .formatted(binary)
                                + " -t utf-8 %s > utf8.csv".formatted(binary));
    }

    private Splits both(String train, String test, TableFormat format) throws IOException {
        Path both = Files.createDirectories(folder.resolve("both"));
        Files.writeString(both.resolve("train.csv"), train);
        Files.writeString(both.resolve("test.csv"), test);
        return DataReader.read(both, format);
    }

    @Test
    void theLabelIsTheSameColumnInTrainAndTest() throws IOException {
        Splits headless = both("a,label,b\n1,x,2\n3,y,4\n", "5,x,6\n7,x,8\n", TableFormat.UNKNOWN);
        assertThat(headless.test().values()).containsExactly(5, 6, 7, 8);
        assertThat(headless.reading())
                .isEqualTo(
                        "line 1 is a header; label \"label\" (column 2); test.csv: no header; label"
                                + " column 2; the columns are taken in training's order");
        // a column by number stays one, though another is called so
        Splits headed =
                both("7,1,2\n8,3,4\n", "label,0,1\n7,5,6\n", TableFormat.UNKNOWN.withLabel("0"));
        assertThat(headed.label()).isEqualTo("#0");
        assertThat(headed.test().values()).containsExactly(5, 6);
        Path other = csv("label,0,1\\n7,5,6\\n");
        assertThat(DataReader.read(other, TableFormat.UNKNOWN.withLabel("#0")).train().values())
                .containsExactly(5, 6);
    }

    @Test
    void theColumnsOfTestAreFoundByName() throws IOException {
        String train = "label,a,b\nx,1,2\ny,3,4\n";
        Splits splits = both(train, "b,id,a,label\n2,9,1,y\n", TableFormat.UNKNOWN);
        assertThat(splits.test().values()).containsExactly(1, 2);
        assertThat(splits.reading())
                .endsWith(
                        "; test.csv: line 1 is a header; label \"label\" (column 4); other columns, left out: id");
        assertThatThrownBy(() -> both(train, "b,label\n2,x\n", TableFormat.UNKNOWN))
                .hasMessageEndingWith(
                        "test.csv lacks columns that training had: a; it has b, label");
    }

    @Test
    void aTestFileWithoutLabelsIsNamedAndLeft() throws IOException {
        Splits splits = both("id,a,kind\n1,2,x\n3,4,y\n", "id,a\n5,6\n", KIND);
        assertThat(splits.test()).isNull();
        Path test = folder.resolve("both").resolve("test.csv");
        assertThat(splits.reading())
                .isEqualTo(
                        "line 1 is a header; label \"kind\" (column 3); test.csv has no label: quern"
                                + " predict RUN %s --out submission.csv",
                        test);
    }

    @Test
    void theColumnThatTestLacksIsTheLabel() throws IOException {
        String train = "id,survived,a\n1,0,x\n2,1,y\n";
        Splits splits = both(train, "id,a\n3,x\n", TableFormat.UNKNOWN);
        assertThat(splits.label()).isEqualTo("survived");
        assertThat(splits.reading())
                .startsWith(
                        "line 1 is a header; label \"survived\" (column 2); test.csv has no label");
        // an index without a name is none
        assertThat(both(",a,kind\n0,1,x\n1,2,y\n", "a\n3\n", TableFormat.UNKNOWN).label())
                .isEqualTo("kind");
        for (String test : List.of("id\n3\n", "id,survived,a\n3,0,x\n", "3,x\n")) {
            assertThatThrownBy(() -> both(train, test, TableFormat.UNKNOWN))
                    .hasMessageContaining("which column holds the labels?");
        }
    }

    private static final TableFormat KIND = TableFormat.UNKNOWN.withLabel("kind");

    @ParameterizedTest
    @ValueSource(strings = {"t.csv", "T.CSV", "t.tsv", "iris.data", "t.txt"})
    void tablesAreCalledSo(String name) throws IOException {
        Path file = Files.writeString(folder.resolve(name), "a\tlabel\n1.5\tx\n2.5\ty\n");
        assertThat(DataReader.read(file).train().classes()).containsExactly("x", "y");
        // a list of files beside images is no data set
        Path images = Files.createDirectory(folder.resolve("images"));
        Files.writeString(images.resolve("train.txt"), "a,label\n1,x\n2,y\n");
        assertThatThrownBy(() -> DataReader.read(images)).hasMessageContaining("holds no data set");
    }
}
