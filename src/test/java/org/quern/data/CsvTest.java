package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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
        TableFormat yes = TableFormat.UNKNOWN.withLabel("1").withHeader(true);
        Splits named = read("0,1,2\\n5,6,7\\n", yes);
        assertThat(named.train().rows()).isEqualTo(1);
        assertThat(named.reading()).isEqualTo("line 1 is a header; label \"1\" (column 2)");
        Splits row = read("5,6,7\\n8,9,7\\n", TableFormat.UNKNOWN.withLabel("1").withHeader(false));
        assertThat(row.train().rows()).isEqualTo(2);
        assertThat(row.reading()).isEqualTo("no header; label column 2");
        refused(
                "label,a\\n1,2\\n",
                TableFormat.UNKNOWN.withLabel("0").withHeader(false),
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
                        read(
                                        "1,0,a\\n5,6,7\\n",
                                        TableFormat.UNKNOWN.withLabel("0").withHeader(true))
                                .train()
                                .classes())
                .containsExactly("6");
        assertThat(read("a,kind,c\\n1,x,10\\n3,y,9\\n", TableFormat.UNKNOWN.withLabel("1")).label())
                .isEqualTo("kind");
    }

    @Test
    void numbersAreComparedAsNumbers() throws IOException {
        Dataset set =
                read("label,a\\n1,0\\n1.0,0\\n01,0\\n+1,0\\n1e0,0\\n10,0\\n9.50,0\\n", CLASSES)
                        .train();
        assertThat(set.classes()).containsExactly("1", "9.5", "10");
        assertThat(set.labels()).containsExactly(0, 0, 0, 0, 0, 2, 1);
        assertThat(read("label,a\\n0,1\\n-0,1\\n1e-99999999999,1\\n1,1\\n").train().classes())
                .containsExactly("0", "1");
        // as texts, where not all are numbers; sodium is not "not available"
        assertThat(read("label,a\\nNa,0\\n1.0,0\\n1,0\\n").train().classes())
                .containsExactly("1", "1.0", "Na");
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
        // a column with a label's name is no value, even if the number of columns fits
        assertThat(rows("a,label\\n1,x\\n", TableFormat.UNKNOWN).features()).isEqualTo(1);
        Path file = csv("a,b,c\\n1,2,3\\n");
        assertThatThrownBy(() -> DataReader.rows(file, price, 2))
                .hasMessage(file + " has no column \"price\" for the labels: it has a, b, c");
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
                        "; test.csv: line 1 is a header; label \"label\" (column 4); left out, as"
                                + " training did not have them: id");
        assertThatThrownBy(() -> both(train, "b,label\n2,x\n", TableFormat.UNKNOWN))
                .hasMessageEndingWith("test.csv lacks columns that training had: a");
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

    private static final TableFormat KIND = TableFormat.UNKNOWN.withLabel("kind");
}
