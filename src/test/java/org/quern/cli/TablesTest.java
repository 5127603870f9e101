package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the commands say of a table, and that they all read it alike. */
class TablesTest {
    @TempDir Path folder;

    private Cli.Outcome quern(String... arguments) {
        return new Cli(folder.resolve("cache")).run(arguments);
    }

    private String file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text).toString();
    }

    private String path(String name) {
        return folder.resolve(name).toString();
    }

    private static String line(Cli.Outcome outcome, String start) {
        assertThat(outcome.err()).isEmpty();
        return outcome.lines().stream()
                .filter(line -> line.startsWith(start))
                .findFirst()
                .orElseThrow(() -> new AssertionError(outcome.out()));
    }

    /** The price is 3 · rooms − 2 · age; the column y has nothing to do with it. */
    private static String houses(int seed) {
        Random random = new Random(seed);
        return "y,rooms,age,price\n"
                + IntStream.range(0, 300)
                        .mapToObj(
                                i -> {
                                    double rooms = random.nextDouble();
                                    double age = random.nextDouble();
                                    return "%d,%s,%s,%s"
                                            .formatted(i % 2, rooms, age, 3 * rooms - 2 * age);
                                })
                        .collect(Collectors.joining("\n"))
                + "\n";
    }

    @Test
    void theModelsOwnLabelIsTheDefault() throws IOException {
        String old = file("old.csv", houses(1));
        String young = file("new.csv", houses(2));
        Cli.Outcome trained =
                quern(
                        "train",
                        "--data",
                        old,
                        "--label",
                        "price",
                        "--loss",
                        "mse",
                        "--model",
                        "dense 1",
                        "--lr",
                        "0.1",
                        "--batch",
                        "8",
                        "--epochs",
                        "6",
                        "--out",
                        path("run"),
                        "--save",
                        path("saved.safetensors"));
        assertThat(line(trained, "data"))
                .isEqualTo("data      " + old + ": 240 to train, 60 to test, 3 columns: 3 numbers");
        assertThat(trained.out())
                .contains(
                        "\n          line 1 is a header; label \"price\" (column 4); standardized, label too, and so the loss\n");
        for (String model :
                new String[] {
                    path("run"), path("run/last.safetensors"), path("saved.safetensors")
                }) {
            Cli.Outcome evaluated = quern("evaluate", model, "--data", young);
            assertThat(line(evaluated, "data"))
                    .isEqualTo(
                            "data      new.csv, 300 rows; line 1 is a header; label \"price\" (column"
                                    + " 4)");
            assertThat(line(evaluated, "test")).startsWith("test R2 1.0000");
            assertThat(line(quern("predict", model, young), "row 0")).contains(", labelled ");
            assertThat(quern("evaluate", model, "--data", young, "--label", "rooms").err())
                    .isEqualTo(
                            "quern: --label rooms: the model takes this column, and predicts"
                                    + " price\n");
        }
        assertThat(line(quern("evaluate", path("run")), "test")).isEqualTo(line(trained, "test"));
        String without = file("without.csv", "y,rooms,age\n0,1,0\n1,0,1\n");
        assertThat(line(quern("predict", path("run"), without), "row 1"))
                .matches("row 1: price -[12]\\.\\d+");
        assertThat(quern("predict", path("run"), without, "--label", "price").err())
                .isEqualTo(
                        "quern: --label price: %s has 3 columns, which all are values for this model\n"
                                .formatted(without));
    }

    /** What is guessed is kept: another file may have a better name. */
    @Test
    void aLabelThatWasFoundIsTheRunsToo() throws IOException {
        String train = file("t.csv", "target,a\n" + "x,1\ny,2\n".repeat(20));
        line(quern("train", "--data", train, "--epochs", "1", "--out", path("run")), "test");
        String other = file("o.csv", "label,target,a\n" + "9,x,1\n9,y,2\n".repeat(2));
        assertThat(line(quern("evaluate", path("run"), "--data", other), "data"))
                .isEqualTo(
                        "data      o.csv, 4 rows; line 1 is a header; label \"target\" (column 2); other columns, left out: label");
    }

    /** Whatever unit a column is in, the run is the same; as they are, numbers may be too large. */
    @Test
    void tablesAreStandardizedUnlessAskedNotToBe() throws IOException {
        String small = file("small.csv", "label,a,b\n" + "x,1,10\ny,9,3\n".repeat(30));
        String large = file("large.csv", "label,a,b\n" + "x,1,1024e3\ny,9,3072e2\n".repeat(30));
        Cli.Outcome trained = quern("train", "--data", small, "--epochs", "1");
        assertThat(trained.out())
                .contains("label \"label\" (column 1); standardized\n")
                .doesNotContain("note");
        String result = line(trained, "test");
        assertThat(line(quern("train", "--data", large, "--epochs", "1"), "test"))
                .isEqualTo(result);
        Cli.Outcome asIs = quern("train", "--data", small, "--epochs", "1", "--standardize", "off");
        assertThat(asIs.out()).contains("; not standardized, as they are\n");
        assertThat(line(asIs, "test")).isNotEqualTo(result);
        assertThat(quern("train", "--data", large, "--epochs", "1", "--scale", "0.001").out())
                .contains("; not standardized, times 0.001\n");
        assertThat(quern("sweep", "--data", large, "--epochs", "1", "--lr", "0.1,0.2").out())
                .contains("; standardized\n");
    }

    @Test
    void pixelsAreSaidToBe() {
        assertThat(quern("train", "--data", "generated:50,10", "--epochs", "1").out())
                .contains("28 x 28, 10 classes\n          pixels 0 to 255, divided by 255\n");
        assertThat(
                        quern(
                                        "train",
                                        "--data",
                                        "generated:50,10",
                                        "--epochs",
                                        "1",
                                        "--recipe",
                                        "first")
                                .out())
                .contains("          pixels 0 to 255, as they are\n");
    }

    @Test
    void yesAndNoAsNumbersAreRemarkedOn() throws IOException {
        String rows = "0,1.5\n1,2.5\n".repeat(20);
        String data = file("yes.csv", "label,a\n" + rows);
        String[] one = {"train", "--data", data, "--epochs", "1", "--model", "dense 1"};
        assertThat(line(quern(one), "note"))
                .isEqualTo(
                        "note      the label is 0 or 1 and is predicted as a number, for the model"
                                + " has one output: for two classes give --loss binary, or make it"
                                + " dense 2");
        for (String loss : new String[] {"mse", "binary"}) {
            String[] asked = Arrays.copyOf(one, one.length + 2);
            asked[one.length] = "--loss";
            asked[one.length + 1] = loss;
            assertThat(quern(asked).out()).contains("config    " + loss).doesNotContain("note");
        }
        String stars = file("stars.csv", "label,a\n1,1\n2,2\n3,4\n" + rows);
        one[2] = stars;
        assertThat(quern(one).out()).contains("config    mse").doesNotContain("note");
    }

    @Test
    void infoSaysWhatIsLeftOutAndKeepsToLines() throws IOException {
        String rows = "x,1,7,\"two\nlines\"\ny,2,7,%s\n".formatted("long".repeat(20));
        Cli.Outcome info = quern("data", "info", file("k.csv", "label,a,k,t\n" + rows));
        assertThat(info.out())
                .contains(
                        "train     2 rows of 2 columns: 1 number, t of 2; 2 classes: x (1), y (1)\n")
                .contains("note      left out: k (the same in all training rows)\n")
                .contains("2: two lines (1), " + "long".repeat(10) + "... (1)\n");
        rows = "x,1\n%s,2\n%1$s,3\n".formatted("long".repeat(20));
        assertThat(quern("data", "info", file("long.csv", "label,a\n" + rows)).out())
                .contains("2 classes: " + "long".repeat(10) + "... (2), x (1)\n");
        Cli.Outcome none = quern("data", "info", file("one.csv", "label,k\nx,7\n"));
        assertThat(none.out()).contains("train     1 row of 0 columns; 1 class: x (1)\n");
    }

    @Test
    void evaluateSaysWhatIsStrangeBehindTheData() throws IOException {
        String train = file("t.csv", "label,a\n" + "x,1\ny,2\n".repeat(30));
        line(quern("train", "--data", train, "--epochs", "1", "--out", path("run")), "test");
        String far = file("far.csv", "label,a\nx,500\n");
        assertThat(quern("evaluate", path("run"), "--data", far).lines())
                .containsSequence(
                        "data      far.csv, 1 row; line 1 is a header; label \"label\" (column 1)",
                        "note      a: 1 of 1 rows lie far outside 1 to 2, all that training saw");
    }

    @Test
    void aLabelOfManyValuesIsRemarkedOn() throws IOException {
        String rows =
                IntStream.range(0, 60)
                        .mapToObj(i -> "%s,%d".formatted(i / 10.0, i % 7))
                        .collect(Collectors.joining("\n"));
        String many = file("many.csv", "y,a\n" + rows + "\n");
        assertThat(quern("train", "--data", many, "--epochs", "1").out())
                .contains("label \"y\" (column 1): numbers to predict")
                .doesNotContain("note");
        String[] words = {"train", "--data", many, "--epochs", "1", "--loss", "cross-entropy"};
        assertThat(line(quern(words), "note"))
                .isEqualTo(
                        "note      the label has 60 different values in 60 rows: if it is a number to"
                                + " predict, give --loss mse; if it is no label, name another column"
                                + " by --label");
        assertThat(quern("train", "--data", many, "--epochs", "1", "--loss", "mse").out())
                .doesNotContain("note");
    }

    @Test
    void theHeaderIsWhatIsSaid() throws IOException {
        String numbers = file("n.csv", "0,1\n" + "0,5\n1,6\n".repeat(10));
        assertThat(quern("data", "info", numbers, "--label", "0", "--header", "yes").out())
                .contains("; line 1 is a header; label \"0\" (column 1)\n")
                .contains("20 rows of 1 column: 1 number; 2 classes");
        assertThat(quern("data", "info", numbers, "--label", "0", "--header", "no").out())
                .contains("; no header; label column 1\n")
                .contains("21 rows of 1 column: 1 number; 2 classes");
        Cli.Outcome refused = quern("data", "info", numbers, "--header", "maybe");
        assertThat(refused.err())
                .isEqualTo("quern: unknown header \"maybe\": use auto, yes or no\n");
        assertThat(refused.code()).isEqualTo(2);
        line(
                quern(
                        "train",
                        "--data",
                        numbers,
                        "--label",
                        "0",
                        "--header",
                        "yes",
                        "--epochs",
                        "1",
                        "--out",
                        path("run")),
                "test");
        assertThat(line(quern("evaluate", path("run")), "data")).contains("line 1 is a header");
    }

    // ---- outputs without a class

    @Test
    void moreOutputsThanClassesAreRefusedUnlessAskedFor() throws IOException {
        String data = threeClasses();
        Cli.Outcome refused = quern("train", "--data", data, "--model", "dense 8");
        assertThat(refused.err())
                .isEqualTo(
                        "quern: model \"dense 8\" has 8 outputs, but three.csv has 3 classes: make"
                                + " its last layer \"dense 3\", or keep outputs without a class by"
                                + " --outputs 8\n");
        assertThat(refused.code()).isEqualTo(3);
        Cli.Outcome kept =
                quern(
                        "train",
                        "--data",
                        data,
                        "--model",
                        "dense 8",
                        "--outputs",
                        "8",
                        "--epochs",
                        "1");
        assertThat(kept.err()).isEmpty();
        assertThat(kept.out()).contains("output 3 output 4").doesNotContainPattern("\n[0-2] +0 ");
        assertThat(quern("train", "--data", data, "--model", "dense 8", "--outputs", "9").err())
                .isEqualTo(
                        "quern: model \"dense 8\" has 8 outputs, but --outputs is 9: make its last"
                                + " layer \"dense 9\"\n");
    }

    @Test
    void aModelThatNobodyAskedForIsMadeForTheClasses() throws IOException {
        String data = threeClasses();
        Cli.Outcome sized = quern("train", "--data", data, "--epochs", "1");
        assertThat(sized.out())
                .contains("dropout 0.3, dense 3; last layer sized to the data\n")
                .doesNotContain("output");
        String one = file("one.csv", "label,a\nx,1\nx,2\n");
        assertThat(quern("train", "--data", one).err())
                .isEqualTo(
                        "quern: one.csv has rows of one class only, \"x\": there is nothing to tell"
                                + " apart\n");
    }

    private String threeClasses() throws IOException {
        return file(
                "three.csv", "label,a,b,c,d\n" + "3,1,0,0,0\n6,0,1,0,0\n8,0,0,1,1\n".repeat(20));
    }

    @Test
    void outputsThatCannotBe() throws IOException {
        String data = threeClasses();
        assertThat(quern("train", "--data", data, "--outputs", "2").err())
                .isEqualTo("quern: outputs 2: three.csv has 3 classes, give at least as many\n");
        assertThat(quern("train", "--data", data, "--outputs", "2", "--loss", "mse").err())
                .isEqualTo("quern: outputs 2: three.csv has one number a row to predict\n");
    }

    /** A column that was named by its number is the model's by its name, where it has one. */
    @Test
    void aLabelByNumberIsKeptByName() throws IOException {
        String train = file("t.csv", "a,b,kind\n" + "1,0,x\n0,1,y\n".repeat(30));
        String[] words = {
            "train",
            "--data",
            train,
            "--label",
            "2",
            "--epochs",
            "30",
            "--lr",
            "0.05",
            "--out",
            path("run")
        };
        assertThat(line(quern(words), "test")).contains("accuracy 1.0000");
        String other = file("o.csv", "kind,a,b\n" + "x,1,0\ny,0,1\n".repeat(3));
        assertThat(line(quern("evaluate", path("run"), "--data", other), "test"))
                .contains("accuracy 1.0000");
        String headless = file("h.csv", "1,0,x\n0,1,y\n");
        assertThat(quern("evaluate", path("run"), "--data", headless).err())
                .isEqualTo(
                        "quern: %s has no column \"kind\" for the labels, for it has no header: give --label 0 (the first) to --label 2 (the last)\n"
                                .formatted(headless));
        assertThat(line(quern("evaluate", path("run"), "--data", headless, "--label", "2"), "test"))
                .contains("accuracy 1.0000");
    }

    @Test
    void predictSaysHowItReadATable() throws IOException {
        String train = file("t.csv", "label,a,b\n" + "x,1,0\ny,0,1\n".repeat(30));
        line(quern("train", "--data", train, "--epochs", "1", "--out", path("run")), "test");
        String typo = file("p.csv", "1O.5,2\n1,2\n2,3\n");
        assertThat(quern("predict", path("run"), typo).err())
                .isEqualTo(
                        "quern: %s lacks columns that training had: a, b; it has 1O.5, 2 (if line 1 is no header, give --header no)\n"
                                .formatted(typo));
        assertThat(quern("predict", path("run"), typo, "--header", "no").err())
                .startsWith("quern: " + typo + ":1 column 1 is \"1O.5\", not a number: correct it");
        String headless = file("h.csv", "1,2\n2,3\n");
        assertThat(line(quern("predict", path("run"), headless), "data"))
                .isEqualTo(
                        "data      h.csv, 2 rows; no header; the columns are taken in training's"
                                + " order");
    }

    @Test
    void aRecipeDoesNotDivideATable() throws IOException {
        Cli.Outcome trained =
                quern("train", "--data", threeClasses(), "--recipe", "tutorial", "--epochs", "1");
        assertThat(trained.out()).contains("; standardized\n").doesNotContain("note");
    }

    @Test
    void aSweepBreaksTiesByTheLossAndSaysWhenRowsAreFew() throws IOException {
        String numbers =
                file("n.csv", "label,a\n" + "1,1\n2,2\n".repeat(6)); // one row validates: R2 is 0
        Cli.Outcome swept =
                quern(
                        "sweep",
                        "--data",
                        numbers,
                        "--lr",
                        "1e-9,0.1",
                        "--epochs",
                        "20",
                        "--loss",
                        "mse",
                        "--model",
                        "dense 1");
        assertThat(line(swept, "note"))
                .isEqualTo(
                        "note      so few rows to compare by (1) leave it to chance which is best: raise"
                                + " --validation, or bring more rows");
        assertThat(line(swept, "best")).contains("lr 0.1: ");
    }

    /** Whether labels are classes is decided once, by who trains. */
    @Test
    void aRunReadsItsLabelsAsItDid() throws IOException {
        String text =
                IntStream.range(0, 60)
                        .mapToObj(i -> i + "," + i % 2 + ".5\n")
                        .collect(Collectors.joining());
        String data = file("halves.csv", "x,label\n" + text);
        String[] train = {
            "train",
            "--data",
            data,
            "--loss",
            "cross-entropy",
            "--model",
            "dense 2",
            "--epochs",
            "1",
            "--out",
            path("run")
        };
        assertThat(quern(train).out()).contains("2 classes");
        Cli.Outcome evaluated = quern("evaluate", path("run"));
        assertThat(line(evaluated, "data")).endsWith("label \"label\" (column 2)");
        assertThat(line(evaluated, "test accuracy")).contains("of 12 wrong");
        assertThat(line(quern("train", "--resume", path("run")), "data")).contains("2 classes");
    }

    /** Columns are known by the training rows alone. */
    @Test
    void whatOnlyTestRowsHaveIsSaidOnce() throws IOException {
        Files.createDirectory(folder.resolve("towns"));
        String rows = "1,Rome,2\n2,Bonn,4\n3,Rome,6\n4,Bonn,8\n5,Bonn,10\n";
        file("towns/train.csv", "x,town,label\n" + rows.repeat(4));
        file("towns/test.csv", "x,town,label\n" + rows + ",Oslo,3\n");
        Cli.Outcome trained =
                quern(
                        "train",
                        "--data",
                        path("towns"),
                        "--loss",
                        "mse",
                        "--model",
                        "dense 1",
                        "--epochs",
                        "1");
        assertThat(trained.out())
                .containsOnlyOnce("Oslo")
                .contains(
                        "; test rows: x: missing in 1 of 6 rows, but none in training: taken as its"
                                + " mean; town: values in 1 of 6 rows that training did not know"
                                + " (\"Oslo\"); standardized");
    }

    /** Columns without names are called by their place, however alike they are. */
    @Test
    void equalColumnsWithoutNamesAreToldApart() throws IOException {
        String data = file("alike.csv", "1,1,0\n3,3,1\n".repeat(5));
        Cli.Outcome told = quern("data", "info", data, "--label", "2", "--header", "no");
        assertThat(told.out()).contains("column 1 ").contains("column 2 ");
    }

    @Test
    void columnsThatTellNothingAreNoData() throws IOException {
        String same = file("same.csv", "label,a,b\n" + "x,1,u\ny,1,u\n".repeat(6));
        assertThat(quern("train", "--data", same).err())
                .isEqualTo(
                        "quern: same.csv: no column tells one row from another: a, b (the same in all"
                                + " training rows)\n");
    }

    /** Which of its rows were trained on is drawn by their places: it is not known of others. */
    @Test
    void anEditedTableHasNoTestRows() throws IOException {
        String table = file("table.csv", houses(1));
        String run = path("run");
        assertThat(quern("train", "--data", table, "--label", "price", "--out", run).err())
                .isEmpty();
        String test = line(quern("evaluate", run), "test R2");
        file("table.csv", houses(1).replaceFirst("\n[^\n]*\n", "\n")); // less one row
        for (String command : new String[] {"evaluate", "report", "predict"}) {
            String[] row =
                    command.equals("predict") ? new String[] {"--index", "1"} : new String[0];
            String[] words =
                    Stream.concat(Stream.of(command, run), Stream.of(row)).toArray(String[]::new);
            Cli.Outcome refused = quern(words);
            assertThat(refused.err())
                    .contains(
                            table
                                    + " is not as it was in training: which of its rows were trained on"
                                    + " is not known; give rows that were not by --data");
            assertThat(refused.code()).isEqualTo(3);
        }
        file("table.csv", houses(1));
        assertThat(line(quern("evaluate", run), "test R2")).isEqualTo(test);
    }

    @Test
    void theWholeTableIsNotTakenForTestRows() throws IOException {
        String table = file("table.csv", houses(1));
        String run = path("run");
        assertThat(quern("train", "--data", table, "--label", "price", "--out", run).err())
                .isEmpty();
        assertThat(quern("evaluate", run, "--data", table).out())
                .contains(
                        "all rows are measured, those trained on, too: leave --data out for the test"
                                + " rows alone");
        assertThat(quern("evaluate", run).out()).doesNotContain("all rows are measured");
        String other = file("other.csv", houses(2));
        assertThat(quern("evaluate", run, "--data", other).out())
                .doesNotContain("all rows are measured");
        assertThat(quern("evaluate", run, "--data", table, "--split", "test").err())
                .isEqualTo(
                        "quern: --split: %s has no test rows of its own, and is taken whole: leave it out%n"
                                .formatted(table));
    }

    /** Predictions are floats: where these are too far apart, scores would be those of rounding. */
    @Test
    void labelsThatFloatsCannotTellApartAreRefused() throws IOException {
        String[] lines = houses(1).split("\n");
        String far =
                lines[0]
                        + "\n"
                        + Arrays.stream(lines)
                                .skip(1)
                                .map(
                                        line -> {
                                            int at = line.lastIndexOf(',') + 1;
                                            double price = Double.parseDouble(line.substring(at));
                                            return line.substring(0, at) + (1.7e9 + 100 * price);
                                        })
                                .collect(Collectors.joining("\n"));
        for (String standardize : new String[] {"on", "off"}) {
            Cli.Outcome refused =
                    quern(
                            "train",
                            "--data",
                            file("far.csv", far),
                            "--label",
                            "price",
                            "--standardize",
                            standardize);
            assertThat(refused.err())
                    .contains("far.csv: label \"price\" is about 17000000")
                    .contains(
                            ", but predictions of that size are 128 apart (float32): subtract a number such as 1");
            assertThat(refused.code()).isEqualTo(3);
        }
    }

    @Test
    void aNumberThatIsAGapIsOneHoweverItIsWritten() throws IOException {
        StringBuilder rows = new StringBuilder("x,code,y\n");
        for (int i = 0; i < 60; i++) {
            String gap = i % 2 == 0 ? "-999.0" : "-9.99e2";
            rows.append(
                    "%d,%s,%s\n".formatted(i, i % 7 == 0 ? gap : i % 3, i % 5 == 0 ? gap : i % 2));
        }
        String table = file("gaps.csv", rows.toString());
        String[] words = {
            "data", "info", table, "--label", "y", "--category", "code", "--missing=-999"
        };
        assertThat(quern(words).err()).contains("has no label").contains("; 12 rows have none");
        words[4] = "x";
        assertThat(quern(words).out()).contains("code of 3").contains("missing values in code, y");
    }
}
