package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Predictions that are written to a file beside the columns of the table that they are for. */
class PredictFileTest {
    @TempDir Path folder;

    /** Runs a command line in which @ stands for the folder, and _ for a blank within a word. */
    private Cli.Outcome quern(String command) {
        String[] words = command.split(" ");
        for (int i = 0; i < words.length; i++) {
            words[i] = words[i].replace('_', ' ').replace("@", folder + "/");
        }
        return new Cli(folder.resolve("cache")).run(words);
    }

    private void file(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    private String text(String name) throws IOException {
        return Files.readString(folder.resolve(name));
    }

    @BeforeEach
    void table() throws IOException {
        StringBuilder rows = new StringBuilder("x,town,kind,price\n");
        for (int i = 0; i < 200; i++) {
            double x = i % 17 / 17.0;
            String town = i % 3 == 0 ? "Rome" : "Bonn";
            String kind = x > 0.5 ? "big 1.5" : "small";
            rows.append(String.format(Locale.ROOT, "%s,%s,%s,%s%n", x, town, kind, 100 * x + 7.5));
        }
        file("train.csv", rows.toString());
    }

    private void train(String label, String model) {
        Cli.Outcome trained =
                quern(
                        "train --data @train.csv --label "
                                + label
                                + " --model "
                                + model
                                + " --out @run");
        assertThat(trained.err()).isEmpty();
    }

    @Test
    void classesHaveAProbabilityEach() throws IOException {
        train("kind", "dense_8_relu,_dense_2");
        file(
                "new.csv", // in another order, with more columns, quotes, lines within a field
                "who,town,x,price\n\"a, \"\"b\"\"\",Bonn,0.9,97.5\n\n\"two\nlines\",Rome,0.1,17.5\n");
        Cli.Outcome written = quern("predict @run @new.csv --out @out.csv");
        assertThat(written.err()).isEmpty();
        assertThat(written.out()).contains("other columns, left out: who\n").endsWith(": 2 rows\n");
        String text = text("out.csv");
        String head = "who,town,x,price,prediction,p_big 1.5,p_small\n";
        assertThat(text)
                .startsWith(head + "\"a, \"\"b\"\"\",Bonn,0.9,97.5,big 1.5,")
                .contains("\n\"two\nlines\",Rome,0.1,17.5,small,")
                .endsWith("\n");
        // it is what is said without a file
        String[] fields = text.split("\n")[1].split(",");
        float p = Float.parseFloat(fields[fields.length - 2]);
        assertThat(quern("predict @run @new.csv").lines().get(1))
                .isEqualTo(String.format(Locale.ROOT, "row 0: big 1.5 (%.4f)", p));
        // it can be read as any table, but not be added to
        assertThat(quern("predict @run @out.csv").out())
                .contains("left out: who, prediction, p_big 1.5, p_small");
        assertThat(quern("predict @run @out.csv --out @more.csv").err())
                .endsWith(
                        "out.csv has a column called prediction: rename it, so that predictions can"
                                + " be added\n");
        assertThat(folder.resolve("more.csv")).doesNotExist();
    }

    @Test
    void numbersAreWrittenAsTheTableWritesThem() throws IOException {
        train("price", "dense_8_relu,_dense_1");
        file("german.csv", "town;kind;x\nBonn;small;0,5\nRome;small;\n");
        assertThat(quern("predict @run @german.csv --out @out.csv").err()).isEmpty();
        assertThat(text("out.csv"))
                .matches(
                        "town;kind;x;prediction\nBonn;small;0,5;\\d+,\\d+\nRome;small;;\\d+,\\d+\n");
        file("tabs.tsv", "x\ttown\tkind\n0.5\tBonn\tsmall\n");
        assertThat(quern("predict @run @tabs.tsv --out @out.csv").err()).isEmpty();
        assertThat(text("out.csv"))
                .matches("x\ttown\tkind\tprediction\n0.5\tBonn\tsmall\t\\d+\\.\\d+\n");
        // large ones in full
        file("far.csv", "x,town,kind\n3e9,Bonn,small\n");
        assertThat(quern("predict @run @far.csv --out @out.csv").err()).isEmpty();
        assertThat(text("out.csv")).matches("x,town,kind,prediction\n3e9,Bonn,small,-?\\d{8,}\n");
        // of rows of the data, and as UTF-8 whatever the table was
        Files.write(
                folder.resolve("wide.csv"),
                "\ufeffwho,x,town,kind\nKöln,0.5,Bonn,small\n".getBytes(StandardCharsets.UTF_16LE));
        assertThat(quern("predict @run @wide.csv --out @out.csv").err()).isEmpty();
        assertThat(text("out.csv")).startsWith("who,x,town,kind,prediction\nKöln,0.5,Bonn,small,");
        assertThat(quern("predict @run --index 3 --out @out.csv").err()).isEmpty();
        assertThat(text("out.csv")).matches("row,prediction\ntrain.csv test 3,\\d+\\.\\d+\n");
    }

    @Test
    void aGzippedFileIsWrittenGzipped() throws IOException {
        train("price", "dense_8_relu,_dense_1");
        file("new.csv", "x,town,kind\n0.5,Bonn,small\n");
        quern("predict @run @new.csv --out @out.csv");
        assertThat(quern("predict @run @new.csv --out @out.csv.gz").err()).isEmpty();
        try (var unpacked =
                new GZIPInputStream(Files.newInputStream(folder.resolve("out.csv.gz")))) {
            assertThat(unpacked.readAllBytes())
                    .isEqualTo(text("out.csv").getBytes(StandardCharsets.UTF_8));
        }
    }

    @Test
    void aTablesModelTakesNoImages() throws IOException {
        train("price", "dense_8_relu,_dense_1");
        file("digit.png", "");
        Cli.Outcome outcome = quern("predict @run @digit.png");
        assertThat(outcome.err())
                .endsWith(
                        "run takes rows of a table, and %s is none: give a .csv file\n"
                                .formatted(folder.resolve("digit.png")));
        assertThat(outcome.code()).isEqualTo(3);
    }

    /** evaluate has no --loss and no --category that could help. */
    @Test
    void aFaultyRowForAModelIsToBeCorrected() throws IOException {
        train("price", "dense_8_relu,_dense_1");
        file("label.csv", "x,town,kind,price\n0.5,Bonn,small,lots\n");
        assertThat(quern("evaluate @run --data @label.csv").err())
                .endsWith("label.csv:2 column 4 (price) is \"lots\", not a number: correct it\n");
        file("input.csv", "x,town,kind,price\nhalf,Bonn,small,1\n");
        assertThat(quern("predict @run @input.csv").err())
                .endsWith(
                        "input.csv:2 column 1 (x) is \"half\", not a number: correct it, or give"
                                + " --missing \"half\" to count it as a gap\n");
    }

    @Test
    void whatTheModelKnowsIsNotAskedFor() throws IOException {
        train("price", "dense_8_relu,_dense_1");
        assertThat(quern("evaluate @run --data @train.csv --category town").err())
                .isEqualTo(
                        "quern: --category: the model knows its categories: leave --category out\n");
        assertThat(quern("evaluate @run --standardize off").err())
                .startsWith("quern: unknown option \"--standardize\"");
    }

    @Test
    void aRowOfTextIsOfTheModelsColumns() {
        train("price", "dense_8_relu,_dense_1");
        assertThat(quern("predict @run --csv-row 0.5,Bonn,small").out())
                .startsWith("the CSV row: price ");
        assertThat(quern("predict @run --csv-row ,Oslo,small").out())
                .startsWith(
                        "note      x: missing in 1 of 1 rows, but none in training: taken as its mean\n"
                                + "note      town: values in 1 of 1 rows that training did not know"
                                + " (\"Oslo\")\n");
        assertThat(quern("predict @run --csv-row 0.5,Bonn").err())
                .isEqualTo("quern: CSV row: 2 values, but the model takes 3: x, town, kind\n");
        assertThat(quern("predict @run --csv-row 0.5x,Bonn,small").err())
                .isEqualTo("quern: CSV row: value 1 is \"0.5x\", not a number\n");
    }

    /** Labels say nothing of what is to be predicted; and every line keeps its own prediction. */
    @Test
    void labelsMayBeMissingOrUnknown() throws IOException {
        train("kind", "dense_8_relu,_dense_2");
        String rows = "0.9,Bonn,,97.5\n0.1,Rome,huge,17.5\n\n,,,\n0.8,Bonn,big 1.5,87.5\n";
        file("new.csv", "x,town,kind,price\n" + rows);
        Cli.Outcome told = quern("predict @run @new.csv");
        assertThat(told.err()).isEmpty();
        assertThat(told.out())
                .contains("2 of 4 rows have no label")
                .containsPattern("\nrow 0: big 1.5 \\(0\\.\\d+\\)\n")
                .containsPattern("\nrow 1: small \\(0\\.\\d+\\), labelled huge\n")
                .containsPattern("\nrow 3: big 1.5 \\(0\\.\\d+\\), labelled big 1.5\n");
        assertThat(quern("predict @run @new.csv --logits --out @out.csv").err()).isEmpty();
        assertThat(text("out.csv").replaceAll(",0\\.\\d+,0\\.\\d+\n", "\n"))
                .matches(
                        "x,town,kind,price,prediction,p_big 1.5,p_small\n0.9,Bonn,,97.5,big 1.5\n"
                                + "0.1,Rome,huge,17.5,small\n,,,,(small|big 1.5)\n"
                                + "0.8,Bonn,big 1.5,87.5,big 1.5\n");
        assertThat(quern("evaluate @run --data @new.csv").code()).isEqualTo(3);
    }

    /** A line of blanks is none, and leaves nothing behind. */
    @Test
    void aLineOfBlanksIsNoRow() throws IOException {
        train("price", "dense_1");
        file("new.csv", "x,town,kind\n0.9,Bonn,big 1.5\n \n\t\n0.1,Rome,small\n");
        file("same.csv", text("new.csv").replace(" \n\t\n", ""));
        Cli.Outcome written = quern("predict @run @new.csv --out @out.csv");
        assertThat(written.err()).isEmpty();
        assertThat(quern("predict @run @same.csv --out @sameout.csv").err()).isEmpty();
        assertThat(text("out.csv")).isEqualTo(text("sameout.csv")).hasLineCount(3);
    }

    /** A comma in a text column is no decimal comma. */
    @Test
    void pointsStayPointsBetweenSemicolons() throws IOException {
        train("price", "dense_1");
        file("new.csv", "x;town;kind\n0.25;Bonn;1,5\n0.75;Rome;small\n");
        assertThat(quern("predict @run @new.csv --out @out.csv").code()).isZero();
        assertThat(text("out.csv").lines().skip(1))
                .allMatch(line -> line.matches(".*;-?[0-9]+\\.[0-9]+"));
    }

    /** How the run's table was to be read counts for the next one. */
    @Test
    void theRunsSeparatorIsKept() throws IOException {
        file("train.csv", text("train.csv").replace(",", "|"));
        train("price --separator |", "dense_1");
        Cli.Outcome evaluated = quern("evaluate @run --data @train.csv");
        assertThat(evaluated.err()).isEmpty();
        assertThat(quern("predict @run @train.csv").err()).isEmpty();
    }
}
