package org.quern.web;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.quern.Jvm;
import org.quern.RealMnist;
import org.quern.backend.Usable;
import org.quern.cli.Cli;
import org.quern.cli.Quern;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.data.Pictures;
import org.quern.data.Splits;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.report.Comparison;
import org.quern.report.page.Page;
import org.quern.report.page.RunPage;
import org.quern.report.page.SweepPage;
import org.quern.run.RunReport;
import org.quern.run.RunSettings;
import org.quern.run.Sweep;
import org.quern.train.EpochResult;
import org.quern.train.Evaluation;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** The pages in a real browser, on the real MNIST. */
@Tag("slow")
class BrowserTest {
    private static final int MOST_BYTES = 2 << 20;

    @TempDir static Path folder;
    private static Chromium browser;
    private static Path run;

    @BeforeAll
    static void trainAndOpen() throws IOException {
        Path mnist = RealMnist.folder();
        browser = new Chromium(folder.resolve("profile"));
        run = folder.resolve("run");
        quern(
                "train",
                "--data",
                mnist,
                "--validation",
                "0.1",
                "--out",
                run,
                "--report",
                page("report"));
    }

    @AfterAll
    static void close() {
        if (browser != null) {
            browser.close();
        }
    }

    private static Path page(String name) {
        return folder.resolve(name + ".html");
    }

    private static String quern(Object... arguments) {
        String[] texts = new String[arguments.length];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = arguments[i].toString();
        }
        Cli.Outcome outcome = new Cli(folder.resolve("cache")).run(texts);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).as(outcome.out()).isZero();
        return outcome.out();
    }

    @Test
    void theReportOfARun() throws IOException {
        assertThat(Files.size(page("report"))).isLessThan(MOST_BYTES);
        browser.open(page("report"));
        browser.checkEverywhere("report");
        String json = Files.readString(run.resolve("run.json"));
        Map<String, Object> test = browser.ask("return JSON.parse(arguments[0]).test", json);
        String accuracy = "%.4f".formatted(((Number) test.get("accuracy")).doubleValue());
        assertThat(browser.text(".figures div:first-child dd")).isEqualTo(accuracy);
        assertThat(browser.all("h2").stream().map(WebElement::getText))
                .containsExactly(
                        "Loss and accuracy",
                        "Gradients and weights",
                        "Confusion matrix",
                        "Classes",
                        "Mistakes",
                        "Sample predictions",
                        "Reliability",
                        "First layer",
                        "Time",
                        "Model and settings");
        List<List<Long>> shown =
                browser.ask(
                        "return [...document.querySelectorAll('[aria-labelledby=confusion-matrix] tbody tr')].map(row =>"
                                + " [...row.querySelectorAll('td')].map(td =>"
                                + " Number(td.textContent.replace(',', ''))))");
        assertThat(shown).isEqualTo(test.get("confusion"));
        assertThat(browser.all(".gallery.seven img")).hasSize(49);
        assertThat(browser.all(".gallery.weights img")).hasSize(48);
        List<Number> sure =
                browser.ask(
                        "return [...document.querySelectorAll('.gallery.seven .muted')].map(e =>"
                                + " Number(e.textContent))");
        // a whole number comes as a Long
        assertThat(sure)
                .isSortedAccordingTo((a, b) -> Double.compare(b.doubleValue(), a.doubleValue()));
        // curves: a dot for each of five epochs, in training and validation, of loss and
        // accuracy, and of the two norms
        assertThat(browser.all("figure svg circle title")).hasSize(30);
        assertThat(browser.all("nav a")).hasSize(10);
        // a cell shows its rows, by the keyboard too; at first those of the commonest mistake
        assertThat(browser.text(".shown h3")).matches("(\\d) predicted as (?!\\1)\\d");
        browser.all("button.cell").get(0).sendKeys(Keys.ENTER);
        assertThat(browser.text(".shown h3")).isEqualTo("0 predicted as 0");
        assertThat(browser.all(".shown img")).hasSize(8);
        browser.driver().switchTo().activeElement().sendKeys(Keys.TAB);
        assertThat(browser.driver().switchTo().activeElement().getAccessibleName())
                .matches("\\d+ rows? of 0 predicted as \\d: show some");
        // a chart is read by the arrow keys, and what it says of the last epoch is in run.json
        WebElement chart = browser.all("figure[tabindex]").get(0);
        chart.sendKeys(Keys.ARROW_RIGHT);
        assertThat(browser.text(".legend")).contains("at epoch 1");
        chart.sendKeys(Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT);
        double loss =
                browser.<Number>ask("return JSON.parse(arguments[0]).epochs[2].loss", json)
                        .doubleValue();
        assertThat(browser.text(".legend")).contains("training %.4f".formatted(loss), "at epoch 3");
        chart.sendKeys(Keys.ESCAPE);
        assertThat(browser.text(".legend")).doesNotContain("at epoch");
        // the scale is pressed by the keyboard
        browser.all("button.toggle").get(0).sendKeys(Keys.SPACE);
        assertThat(browser.all("button.toggle[aria-pressed=true]")).hasSize(1);
    }

    @Test
    void theReportMadeLaterIsTheSame() throws IOException {
        String text = quern("report", run, "--out", page("later"));
        assertThat(text).contains("\nreport    " + page("later"));
        String data = "(?s).*(\"test\":\\{.*\\}),\"weights\".*";
        assertThat(Files.readString(page("later")).replaceFirst(data, "$1"))
                .isEqualTo(Files.readString(page("report")).replaceFirst(data, "$1"));
    }

    @Test
    void runsSideBySide() throws IOException {
        Path other = folder.resolve("other");
        quern(
                "train",
                "--data",
                RealMnist.folder(),
                "--recipe",
                "first",
                "--epochs",
                "3",
                "--out",
                other);
        quern("compare", run, other, "--out", page("compare"));
        browser.open(page("compare"));
        browser.checkEverywhere("compare");
        assertThat(browser.text("[aria-labelledby=settings-that-differ] tbody")).contains("model");
        assertThat(browser.text("h1 + p")).isEqualTo("run, other");
    }

    @Test
    void trainingsOfASweep() throws IOException {
        String out =
                quern(
                        "sweep",
                        "--data",
                        "generated:600,100",
                        "--lr",
                        "1e-4..1e-1",
                        "--model",
                        "dense 8 relu, dense 10|dense 10",
                        "--seeds",
                        "2",
                        "--epochs",
                        "2",
                        "--report",
                        page("sweep"));
        browser.open(page("sweep"));
        browser.checkEverywhere("sweep");
        assertThat(browser.text("p.best"))
                .isEqualTo(
                        out.lines()
                                .filter(line -> line.startsWith("best "))
                                .map(line -> line.replaceFirst("best +", "Best: "))
                                .findFirst()
                                .orElseThrow());
        assertThat(browser.all("[aria-labelledby=settings] h3").stream().map(WebElement::getText))
                .containsExactly("lr", "model");
        assertThat(browser.all("tbody tr")).hasSize(20);
        assertThat(browser.all("tr.differs")).hasSize(2);
        // sorted by the keyboard: the least training time, then the most
        WebElement seconds =
                browser.all("button.sort").stream()
                        .filter(one -> one.getText().startsWith("seconds"))
                        .findFirst()
                        .orElseThrow();
        for (int sign : new int[] {-1, 1}) {
            seconds.sendKeys(Keys.ENTER);
            List<Number> sorted =
                    browser.ask(
                            "return [...document.querySelectorAll('tbody tr')].map(row => Number(row.lastChild.textContent))");
            assertThat(sorted)
                    .hasSize(20)
                    .isSortedAccordingTo(
                            (a, b) -> sign * Double.compare(a.doubleValue(), b.doubleValue()));
        }
    }

    /** Of three folds and two rates, two trainings were done. */
    @Test
    void aSweepWithFoldsThatWasInterrupted() throws IOException {
        Splits data = Digits.splits(60, 20);
        RunSettings base = RunSettings.DEFAULT.with(Map.of("folds", "3", "epochs", "1"));
        List<Sweep.Member> all = Sweep.members(base, Map.of("lr", List.of("0.01", "0.1")));
        Sweep sweep = new Sweep(data, Usable.named("java"), 1);
        List<Sweep.Result> done = sweep.run(all.subList(0, 2), result -> {});
        Map<String, Object> about = RunReport.about("java", "any", "digits");
        about.put("trainings", all.size());
        about.put("seconds", 1.5);
        Files.writeString(page("folds"), SweepPage.html(done, about));
        browser.open(page("folds"));
        browser.checkEverywhere("folds");
        assertThat(browser.text("p.note")).isEqualTo("Interrupted: 2 of 6 trainings are done.");
    }

    /** What could be large: images, classes, epochs. */
    @Test
    void noPageIsLarge() throws IOException {
        int rows = 400;
        int side = 300;
        byte[] noise = new byte[rows * side * side];
        Random random = new Random(1);
        random.nextBytes(noise);
        int[] labels = IntStream.range(0, rows).toArray();
        List<String> classes = IntStream.range(0, rows).mapToObj(i -> "class " + i).toList();
        Dataset set =
                Dataset.ofPixels("noise", new int[] {side, side}, noise)
                        .withLabels(labels, classes);
        Model model = Model.input(side, side).dense(40).dense(rows);
        float[] logits = new float[rows * rows];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian();
        }
        Evaluation evaluation = Evaluation.of(Loss.CROSS_ENTROPY, logits, set);
        try (Trainer trainer = Trainer.open(TrainingConfig.of(model))) {
            RunReport report = new RunReport(trainer, "any", "noise", 20_000).test(evaluation);
            report.epochs(
                    IntStream.rangeClosed(1, 20_000)
                            .mapToObj(
                                    i ->
                                            new EpochResult(
                                                    i,
                                                    1.0 / i,
                                                    1 - 1.0 / i,
                                                    Math.sqrt(1.0 / i),
                                                    0.3,
                                                    1e-3,
                                                    1e-3 * i,
                                                    1.5,
                                                    6 + Math.log(i),
                                                    2.0 / i))
                            .toList());
            String html =
                    new RunPage("Large", report.values(), model, Loss.CROSS_ENTROPY)
                            .test(evaluation, set)
                            .weights(trainer.parameters())
                            .html();
            assertThat(html).hasSizeLessThan(MOST_BYTES);
            Files.writeString(page("large"), html);
            JsonObject run = JsonParser.parseString(report.json()).getAsJsonObject();
            List<String> names = IntStream.range(0, 8).mapToObj(i -> "run " + i).toList();
            List<JsonObject> runs = Collections.nCopies(8, run);
            assertThat(Page.compare(Comparison.of(names, runs), runs)).hasSizeLessThan(MOST_BYTES);
        }
        browser.open(page("large"));
        browser.check("large", 1280);
        assertThat(browser.text("body"))
                .contains(
                        "The curves are of 500 of 20,000 epochs.",
                        "That of 400 classes is left out",
                        "Images of 300 x 300 pixels are shown smaller");
    }

    @Test
    void dataThatIsExplored() throws IOException {
        Path out = folder.resolve("explored");
        quern("explore", RealMnist.folder(), "--out", out);
        browser.open(out.resolve("explore.html"));
        browser.checkEverywhere("explore");
        assertThat(browser.all(".gallery img")).hasSize(25 + 10);
        for (String name : List.of("classes", "examples", "averages")) {
            browser.open(out.resolve(name + ".svg"));
            assertThat(browser.<Long>ask("return document.querySelectorAll('text').length"))
                    .isGreaterThanOrEqualTo(10);
            browser.picture(name);
        }
    }

    @Test
    void namesThatAreLongerThanTheirPlace() throws IOException {
        Path images = folder.resolve("images");
        for (int c = 0; c < 3; c++) {
            Path of =
                    images.resolve(
                            "ein recht langer Name einer Klasse, die Nummer " + c + " trägt");
            Files.createDirectories(of);
            for (int i = 0; i < 30; i++) {
                byte[] pixels = new byte[64];
                java.util.Arrays.fill(pixels, 8 * c, 8 * c + 24, (byte) (200 + i));
                Files.write(of.resolve(i + ".png"), Pictures.png(pixels, 8, 8));
            }
        }
        Path out = folder.resolve("long");
        for (int epochs : new int[] {1, 2}) {
            quern(
                    "train",
                    "--data",
                    images,
                    "--model",
                    "dense 3",
                    "--epochs",
                    epochs,
                    "--out",
                    out.resolve("a run that has a long name, the one of " + epochs),
                    "--report",
                    page("long" + epochs));
        }
        browser.open(page("long1"));
        browser.checkEverywhere("long");
        assertThat(browser.all("figure svg text title")).hasSize(3);
        quern(
                "compare",
                out.resolve("a run that has a long name, the one of 1"),
                out.resolve("a run that has a long name, the one of 2"),
                "--out",
                page("long-compared"));
        browser.open(page("long-compared"));
        browser.checkEverywhere("long-compared");
        quern("explore", images, "--out", out.resolve("explored"));
        browser.open(out.resolve("explored/explore.html"));
        browser.checkEverywhere("long-explored");
        for (String name : List.of("classes", "examples", "averages")) {
            browser.open(out.resolve("explored/" + name + ".svg"));
            assertThat(
                            browser.<Long>ask(
                                    "const boxes = [...document.querySelectorAll('text')].map(t =>"
                                            + " t.getBBox()); const width ="
                                            + " document.documentElement.viewBox.baseVal.width;"
                                            + " return boxes.filter((a, i) => a.x < 0 || a.x + a.width >"
                                            + " width || boxes.some((b, j) => j < i && a.x < b.x +"
                                            + " b.width && b.x < a.x + a.width && Math.abs(a.y - b.y) <"
                                            + " 8)).length"))
                    .as(name)
                    .isZero();
            browser.picture("long-" + name);
        }
    }

    @Test
    void aConfusionMatrixOfManyClasses() throws IOException {
        StringBuilder rows = new StringBuilder("x,label\n");
        for (int i = 0; i < 600; i++) {
            rows.append(i % 30 + i * 1e-3).append(",kind-").append(i % 30).append('\n');
        }
        Path csv = folder.resolve("kinds.csv");
        Files.writeString(csv, rows);
        quern("train", "--data", csv, "--model", "dense 30", "--report", page("kinds"));
        browser.open(page("kinds"));
        browser.checkEverywhere("kinds");
        List<Long> counts =
                browser.ask(
                        "return [...document.querySelectorAll('table.heat td[title]')].map(td =>"
                                + " Number(td.textContent))");
        assertThat(counts).hasSize(900);
        assertThat(counts.stream().mapToLong(Long::longValue).sum()).isEqualTo(120);
    }

    @Test
    void theReportOfARegression() throws IOException {
        float[] x = new float[400];
        float[] y = new float[400];
        for (int i = 0; i < x.length; i++) {
            x[i] = i / 200f - 1;
            y[i] = (float) Math.sin(3 * x[i]);
        }
        Dataset sine = Dataset.ofValues("sine", new int[] {1}, x).withTargets(y, 1);
        Model model = Model.input(1).dense(16, Activation.TANH).dense(1);
        TrainingConfig config = TrainingConfig.of(model).withLoss(Loss.MEAN_SQUARED_ERROR);
        try (Trainer trainer = Trainer.open(config)) {
            RunReport report = new RunReport(trainer, "any", "a sine", 20);
            report.end(trainer.fit(sine, sine, 20)).test(trainer.evaluate(sine));
            report.with("started", "2026-11-28T17:05Z"); // as Java writes whole minutes
            String html =
                    new RunPage("Sine", report.values(), model, config.loss())
                            .test(trainer.evaluate(sine), sine)
                            .weights(trainer.parameters())
                            .html();
            Files.writeString(page("sine"), html);
        }
        browser.open(page("sine"));
        browser.checkEverywhere("regression");
        assertThat(browser.all("h2").stream().map(WebElement::getText))
                .containsExactly(
                        "Loss", "Gradients and weights", "Predictions", "Model and settings");
        assertThat(browser.text(".figures dt")).isEqualTo("test R²");
        assertThat(browser.text("#header")).contains("2026-11-28 17:05 UTC");
        assertThat(browser.all("figure svg circle[r='2.2']")).hasSize(400);
        assertThat(browser.all("figure svg rect")).hasSize(21);
    }

    /** What a test of a network that was not trained says, as a page. */
    private static void openTest(String name, Loss loss, float[] outputs, Dataset set)
            throws IOException {
        Model model = Model.input(1).dense(outputs.length / set.rows());
        Evaluation evaluation = Evaluation.of(loss, outputs, set);
        try (Trainer trainer = Trainer.open(TrainingConfig.of(model).withLoss(loss))) {
            RunReport report = new RunReport(trainer, "any", "made up", 1).test(evaluation);
            String html =
                    new RunPage(name, report.values(), model, loss).test(evaluation, set).html();
            Files.writeString(page(name), html);
        }
        browser.open(page(name));
        browser.checkEverywhere(name);
    }

    /** Sizes and names at which labels of axes do not fit by themselves. */
    @Test
    void severalNumbersOfAllSizes() throws IOException {
        float[] units = {2e5f, 3e-9f, 1, 4e11f, 1};
        float[] from = {1e5f, 0, 1 << 23, 0, 7};
        int rows = 3000;
        float[] targets = new float[rows * units.length];
        float[] outputs = new float[targets.length];
        Random random = new Random(1);
        for (int i = 0; i < targets.length; i++) {
            int output = i % units.length;
            targets[i] = (float) (from[output] + units[output] * random.nextGaussian());
            outputs[i] = (float) (targets[i] + units[output] * 0.3 * random.nextGaussian());
        }
        Dataset set =
                Dataset.ofValues("sizes", new int[] {1}, new float[rows])
                        .withTargets(
                                targets,
                                List.of(
                                        "median_house_value_of_a_district_in_dollars",
                                        "charge",
                                        "seconds",
                                        "Zahl der Atome, im Mittel über alle Proben",
                                        "fifth"));
        openTest("sizes", Loss.MEAN_SQUARED_ERROR, outputs, set);
        assertThat(browser.all("figure")).hasSize(8);
        assertThat(browser.text("section[aria-labelledby=predictions] > .note"))
                .contains("Charts of 4 of 5 outputs.", "Dots for 2,000 of 3,000 rows");
        assertThat(browser.all("section[aria-labelledby=predictions] tbody tr")).hasSize(5);
    }

    @Test
    void twoClasses() throws IOException {
        int rows = 4000;
        float[] logits = new float[2 * rows];
        int[] labels = new int[rows];
        Random random = new Random(1);
        for (int row = 0; row < rows; row++) {
            labels[row] = random.nextInt(30) == 0 ? 1 : 0;
            logits[2 * row + 1] = (float) (random.nextGaussian() + 2 * labels[row] - 2);
        }
        Dataset set =
                Dataset.ofValues("fraud", new int[] {1}, new float[rows])
                        .withLabels(labels, List.of("ok", "a fraud with a rather long name"));
        openTest("two-classes", Loss.CROSS_ENTROPY, logits, set);
        assertThat(browser.all("h2").stream().map(WebElement::getText))
                .contains("ROC and precision-recall");
        assertThat(browser.all(".legend li").stream().map(WebElement::getText))
                .anyMatch(text -> text.matches("this model: area 0\\.9\\d{3}"))
                .contains("chance: 0.5000");
    }

    @Test
    void labelsThatAreToldOrNot() throws IOException {
        Random random = new Random(1);
        float[] logits = new float[500 * 3];
        float[] targets = new float[logits.length];
        for (int i = 0; i < logits.length; i++) {
            targets[i] = i % 3 < 2 && random.nextBoolean() ? 1 : 0;
            logits[i] = (float) (random.nextGaussian() + 2 * targets[i] - 1);
        }
        Dataset set = Dataset.ofValues("texts", new int[] {1}, new float[500]);
        openTest(
                "labels",
                Loss.BINARY_CROSS_ENTROPY,
                logits,
                set.withTargets(targets, List.of("funny", "sad", "never")));
        assertThat(browser.all("section[aria-labelledby=labels] tbody tr").get(2).getText())
                .matches("never 0 \\d+ 0.0000 – 0.0000 – –");
        openTest(
                "label",
                Loss.BINARY_CROSS_ENTROPY,
                java.util.Arrays.copyOf(logits, 500),
                set.withTargets(java.util.Arrays.copyOf(targets, 500), List.of("yes")));
        assertThat(browser.all("h2").stream().map(WebElement::getText))
                .contains("Labels", "ROC and precision-recall");
    }

    @Test
    void aClassWithoutRows() throws IOException {
        Dataset set =
                Dataset.ofValues("one", new int[] {1}, new float[3])
                        .withLabels(new int[] {0, 0, 0}, List.of("ok", "fraud"));
        openTest("one-class", Loss.CROSS_ENTROPY, new float[] {1, 0, 1, 0, 0, 1}, set);
        assertThat(browser.all("section[aria-labelledby=classes] tbody tr").get(1).getText())
                .isEqualTo("fraud 0 0 0.0000 – 0.0000");
        assertThat(browser.all("h2").stream().map(WebElement::getText))
                .doesNotContain("ROC and precision-recall");
    }

    /** Columns, categories, classes, files, folders and settings that would be scripts. */
    @Test
    void namesInPagesAreTextAndNoScripts() throws IOException {
        String evil = "</script><img src=x onerror=evil=1><script>evil=1</script>'&lt;";
        String file = "<img src=x onerror=evil=1>'&lt;"; // what a file may be called
        String label = "label" + evil;
        StringBuilder csv = new StringBuilder("number,text%s,%s\n".formatted(evil, label));
        for (int i = 0; i < 60; i++) {
            csv.append("%d,%s%d,%s%d\n".formatted(i, evil, i % 3, evil, i % 2));
        }
        Path table = Files.writeString(folder.resolve(file + ".csv"), csv);
        Path images = folder.resolve("images of " + file);
        for (int i = 0; i < 40; i++) {
            Path of = Files.createDirectories(images.resolve(file + i % 2));
            byte[] pixels = new byte[64];
            java.util.Arrays.fill(pixels, i, i + 20, (byte) 200);
            Files.write(of.resolve(file + i + ".png"), Pictures.png(pixels, 8, 8));
        }
        List<Path> runs = List.of(folder.resolve("a " + file), folder.resolve("b " + file));
        Object[] train = {"train", "--epochs", "2", "--model", "dense 2", "--out"};
        quern(
                with(
                        train,
                        runs.get(0),
                        "--data",
                        table,
                        "--label",
                        label,
                        "--report",
                        page("evil-table")));
        quern(with(train, runs.get(1), "--data", images, "--report", page("evil-images")));
        quern("compare", runs.get(0), runs.get(1), "--out", page("evil-compared"));
        quern("explore", images, "--out", folder.resolve("explored " + file));
        quern(
                "explore",
                table,
                "--label",
                label,
                "--out",
                folder.resolve("explored table " + file));
        Object[] sweep = {
            "sweep", "--data", table, "--label", label, "--epochs", "1", "--model", "dense 2"
        };
        quern(with(sweep, "--lr", "1e-3,1e-2", "--report", page("evil-sweep")));
        for (Path page :
                List.of(
                        page("evil-table"),
                        page("evil-images"),
                        page("evil-compared"),
                        page("evil-sweep"),
                        folder.resolve("explored " + file).resolve("explore.html"),
                        folder.resolve("explored table " + file).resolve("explore.html"))) {
            browser.open(page);
            browser.check(
                    page.getFileName().toString(),
                    1280); // nothing in the console: no script was refused either
            assertThat(browser.text("body")).as(page.toString()).contains("onerror=evil=1>");
            assertThat(browser.all("img[src=x]")).isEmpty();
            assertThat(browser.<Boolean>ask("return window.evil === undefined")).isTrue();
        }
    }

    private static Object[] with(Object[] some, Object... more) {
        return Stream.of(some, more).flatMap(Stream::of).toArray();
    }

    @Test
    void aRunWhileItGoesOn() throws Exception {
        Jvm jvm = new Jvm(folder);
        Process process =
                jvm.start(
                        Quern.class,
                        "train",
                        "--data",
                        "generated:10000,1000",
                        "--epochs",
                        "60",
                        "--watch",
                        "--backend",
                        "java");
        browser.open(address(jvm, process, "watch"));
        browser.until("/^training: epoch/.test(document.querySelector('.state').textContent)");
        browser.until("document.querySelectorAll('#curves svg path').length > 2");
        browser.check("live", 1280);
        String before = browser.text(".state");
        browser.until("document.querySelector('.state').textContent !== '" + before + "'");
        browser.until("document.querySelector('.state').textContent === 'finished'");
        Jvm.Outcome outcome = jvm.end(process);
        assertThat(outcome.code()).isZero();
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out())
                .contains("test accuracy " + browser.text(".figures div:first-child dd"));
        browser.check("live-ended", 1280);
    }

    @Test
    void aRunThatIsStopped() throws Exception {
        Jvm jvm = new Jvm(folder);
        Process process =
                jvm.start(
                        Quern.class,
                        "train",
                        "--data",
                        "generated:20000,2000",
                        "--epochs",
                        "100000",
                        "--watch");
        browser.open(address(jvm, process, "watch"));
        browser.until("/^training: epoch/.test(document.querySelector('.state').textContent)");
        process.destroy();
        browser.until("document.querySelector('.state').textContent === 'interrupted'");
        assertThat(jvm.end(process).err()).contains("\nquern: interrupted in epoch ");
    }

    private static String address(Jvm jvm, Process process, String subject) throws Exception {
        long until = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (System.nanoTime() < until) {
            for (String line : jvm.soFar(process).lines().toList()) {
                if (line.startsWith(subject + " ")) {
                    return line.split(" +")[1];
                }
            }
            Thread.sleep(20);
        }
        throw new AssertionError(jvm.soFar(process));
    }
}
