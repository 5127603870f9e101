package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.quern.io.ModelFile;
import org.quern.model.Model;
import org.quern.plan.Loss;

/** What people look at, through the commands; {@code BrowserTest} looks at the pages themselves. */
@Tag("jdk")
class PagesTest {
    private static final String DATA = "generated:2000,500";

    @TempDir static Path folder;
    private static Path run;
    private static Path csv;

    @BeforeAll
    static void train() throws IOException {
        run = folder.resolve("a");
        assertThat(quern("train", "--data", DATA, "--out", run.toString()).err()).isEmpty();
        csv = folder.resolve("flowers.csv");
        StringBuilder rows = new StringBuilder("length,width,label\n");
        for (int i = 0; i < 90; i++) {
            rows.append(i % 3 + i * 0.001).append(',').append(i % 3 * 2).append(',');
            rows.append(List.of("iris", "<b>rose</b>", "tulip").get(i % 3)).append('\n');
        }
        Files.writeString(csv, rows);
    }

    private static Cli.Outcome quern(String... arguments) {
        return new Cli(folder.resolve("cache")).run(arguments);
    }

    private static void fails(int code, String message, String... arguments) {
        Cli.Outcome outcome = quern(arguments);
        assertThat(outcome.err()).isEqualTo("quern: " + message + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(code);
    }

    @Test
    void aPageStandsAlone() throws IOException {
        Path page = folder.resolve("a.html");
        assertThat(quern("report", run.toString(), "--out", page.toString()).lines())
                .hasSize(2)
                .last()
                .asString()
                .matches("report +.*a\\.html \\(\\d+\\.\\d KiB\\)");
        String html = Files.readString(page);
        assertThat(html).hasSizeLessThan(2 << 20).contains("Permission to use, copy, modify");
        assertThat(html.replaceAll("(?s)<script>\n// https://d3js.org.*?</script>", ""))
                .doesNotContainPattern("(src|href)=\"(?!data:)")
                .doesNotContain("@import", "url(");
    }

    @Test
    void namesFromTheDataAreText() throws IOException {
        Path out = folder.resolve("flowers");
        Path page = out.resolve("flowers.html"); // in a folder that the command makes
        Cli.Outcome trained =
                quern(
                        "train",
                        "--data",
                        csv.toString(),
                        "--model",
                        "dense 3",
                        "--epochs",
                        "1",
                        "--out",
                        out.toString(),
                        "--report",
                        page.toString(),
                        "--gallery");
        assertThat(trained.err()).isEmpty();
        assertThat(trained.out()).contains("most confident mistakes of ", "row ");
        assertThat(Files.readString(page))
                .doesNotContain("<b>rose")
                .contains("\\u003cb\\u003erose");
        Path explored = folder.resolve("explored");
        assertThat(quern("explore", csv.toString(), "--out", explored.toString()).out())
                .doesNotContain("examples")
                .contains("duplicates within training: 0 of 90 rows");
        assertThat(explored).isDirectoryContaining("glob:**classes.svg");
        assertThat(explored.resolve("examples.png")).doesNotExist();
        // numbers of all columns together are those of none
        assertThat(Files.readString(explored.resolve("explore.html"))).contains("column  missing");
        assertThat(Files.readString(explored.resolve("classes.svg")))
                .contains("&lt;b&gt;rose&lt;/b&gt;")
                .doesNotContain("<b>");
    }

    @Test
    void aModelOfNumbersCannotBeDrawnFor() {
        Path file = folder.resolve("regression.safetensors");
        ModelFile.write(
                file,
                new ModelFile.SavedModel(
                        Model.input(28, 28).dense(1),
                        Loss.MEAN_SQUARED_ERROR,
                        new float[800], // 784 weights and, aligned, a bias
                        List.of(),
                        Map.of()));
        fails(
                3,
                "the model cannot be drawn for: it does not choose between classes; give a classifier"
                        + " of images, such as one of 28 x 28 pixels",
                "draw",
                file.toString());
    }

    @Test
    void aModelThatDoesNotFitTheData() throws IOException {
        String page = folder.resolve("none.html").toString();
        fails(
                3,
                "flowers.csv: row 0 (from 0) is of class \"iris\", which the model does not know: it knows 0,"
                        + " 1, 2, 3, 4, 5, 6, 7, 8, 9",
                "report",
                run.toString(),
                "--data",
                csv.toString(),
                "--out",
                page);
        Path small = folder.resolve("small.csv");
        Files.writeString(small, "x,y,label\n1,2,3\n3,4,5\n");
        fails(
                3,
                "small.csv has 2 values, but the model takes 28 x 28",
                "report",
                run.toString(),
                "--data",
                small.toString(),
                "--out",
                page);
        assertThat(folder.resolve("none.html")).doesNotExist();
        Path flowers = folder.resolve("flowers.safetensors");
        assertThat(
                        quern(
                                        "train",
                                        "--data",
                                        csv.toString(),
                                        "--model",
                                        "dense 3",
                                        "--epochs",
                                        "1",
                                        "--save",
                                        flowers.toString())
                                .err())
                .isEmpty();
        fails(
                3,
                "the model cannot be drawn for: it takes 2 values, not an image; give a classifier"
                        + " of images, such as one of 28 x 28 pixels",
                "draw",
                flowers.toString());
    }

    @Test
    void aFolderThatIsIncomplete() throws IOException {
        Path empty = Files.createDirectories(folder.resolve("empty"));
        String noRun =
                empty
                        + " holds no run: there is no run.json in it; give the folder that train"
                        + " --out was given";
        fails(3, noRun, "report", empty.toString());
        fails(3, noRun, "compare", run.toString(), empty.toString());

        Path begun = copy("begun", "run.json");
        String noEpoch =
                begun
                        + " holds a run, but no run.json, which each epoch writes: go on with it by"
                        + " train --resume "
                        + begun;
        fails(3, noEpoch, "report", begun.toString());
        assertThat(quern("train", "--resume", begun.toString()).err()).isEmpty();
        assertThat(quern("report", begun.toString()).err()).isEmpty();

        Path torn = copy("torn");
        Files.writeString(torn.resolve("run.json"), "{\"quern\": 1, \"epo");
        assertThat(quern("report", torn.toString()).err())
                .startsWith("quern: " + torn.resolve("run.json") + " is damaged: it is no JSON (")
                .hasLineCount(1);
        Files.writeString(torn.resolve("run.json"), "[1]");
        fails(
                3,
                torn.resolve("run.json") + " is not what Quern wrote of a run",
                "compare",
                torn.toString(),
                run.toString());

        Path noWeights = copy("weightless", "last.safetensors");
        assertThat(quern("report", noWeights.toString()).err())
                .startsWith("quern: " + noWeights.resolve("last.safetensors"))
                .hasLineCount(1);
    }

    /** A copy of the run without one of its files. */
    private static Path copy(String name, String... without) throws IOException {
        Path copy = Files.createDirectories(folder.resolve(name));
        try (Stream<Path> files = Files.list(run)) {
            for (Path file : files.toList()) {
                if (!List.of(without).contains(file.getFileName().toString())) {
                    Files.copy(file, copy.resolve(file.getFileName()));
                }
            }
        }
        return copy;
    }

    @Test
    void aRunThatHasNotFinishedIsReportedAsSuch() throws IOException {
        Path unfinished = copy("unfinished");
        String json = Files.readString(run.resolve("run.json"));
        Files.writeString(
                unfinished.resolve("run.json"),
                json.replaceFirst("(?s)\"end\": \"finished\",\\s*\"bestEpoch\": \\d+,", "")
                        .replaceFirst("(?s),\\s*\"test\": \\{.*\\}\\s*\\}\\s*$", "}"));
        Path page = folder.resolve("unfinished.html");
        assertThat(quern("report", unfinished.toString(), "--out", page.toString()).err())
                .isEmpty();
        assertThat(Files.readString(page)).contains("This run has not finished");
        assertThat(quern("compare", run.toString(), unfinished.toString()).out())
                .containsPattern("test accuracy +0\\.\\d{4} +-\n")
                .contains("all settings are the same");
    }

    @Test
    void aPortInUse() throws IOException {
        try (ServerSocket taken =
                new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
            String port = Integer.toString(taken.getLocalPort());
            Path out = folder.resolve("never");
            Cli.Outcome watched =
                    quern("train", "--data", DATA, "--watch", port, "--out", out.toString());
            assertThat(watched.err())
                    .isEqualTo(
                            "quern: port %s of 127.0.0.1 is in use or not permitted: give --watch another, or 0 for any free one%n"
                                    .formatted(port));
            assertThat(watched.code()).isEqualTo(2);
            assertThat(out).doesNotExist();
            fails(
                    2,
                    "port %s of 127.0.0.1 is in use or not permitted: give --port another, or 0 for any free one"
                            .formatted(port),
                    "draw",
                    run.toString(),
                    "--port",
                    port);
        }
        fails(
                2,
                "--port 70000: a port is 0 to 65535, 0 for any free one",
                "draw",
                run.toString(),
                "--port",
                "70000");
    }

    @Test
    @EnabledOnOs(OS.LINUX) // elsewhere there is always one
    void withoutADisplayTheAddressIsForTheUserToOpen() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream print = new PrintStream(out, true, StandardCharsets.UTF_8);
        new Console(print, print, false, Map.of(), System::nanoTime).browse("http://127.0.0.1:1/");
        assertThat(out.toString(StandardCharsets.UTF_8))
                .isEqualTo(
                        "note      no display here: open the page in a browser yourself"
                                + System.lineSeparator());
    }

    @Test
    void mistakesAsPicturesAndAsText() {
        Cli.Outcome evaluated = quern("evaluate", run.toString(), "--gallery=3");
        assertThat(evaluated.err()).isEmpty();
        assertThat(evaluated.out())
                .containsPattern("the 3 most confident mistakes of \\d+")
                .containsPattern("\\d as \\d 0\\.\\d{4}")
                .doesNotContain("\u001b")
                .containsPattern("[-+*#%@]{3}");
    }

    @Test
    void anExportedModelAsAUserGetsIt() {
        Path onnx = folder.resolve("a.onnx");
        assertThat(quern("export", run.toString(), "--onnx", onnx.toString()).out())
                .startsWith(onnx + ": ONNX opset ");
        assertThat(onnx).isNotEmptyFile();
        fails(
                2,
                run + " belongs to what this command reads: name another file",
                "export",
                run.toString(),
                "--onnx",
                run.toString());
    }
}
