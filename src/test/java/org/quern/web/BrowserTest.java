package org.quern.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.interactions.Interaction;
import org.openqa.selenium.interactions.PointerInput;
import org.openqa.selenium.interactions.Sequence;
import org.quern.Jvm;
import org.quern.RealMnist;
import org.quern.backend.Backends;
import org.quern.cli.Quern;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.report.page.RunPage;
import org.quern.train.Predictor;
import org.quern.train.RunReport;
import org.quern.train.TrainedModel;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** The pages in a real browser, on the real MNIST. */
@Tag("once")
class BrowserTest {
    private static final int[] WIDTHS = {360, 768, 1280};
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

    private static String quern(Object... arguments) throws IOException {
        String[] texts = new String[arguments.length];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = arguments[i].toString();
        }
        Jvm jvm = new Jvm(folder);
        Jvm.Outcome outcome = jvm.end(jvm.start(Quern.class, texts));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).as(outcome.out()).isZero();
        return outcome.out();
    }

    /** Looks at the open page on a phone and on a desk, by day, by night and on paper. */
    private static void checkEverywhere(String name) throws IOException {
        for (int width : WIDTHS) {
            browser.check(name + "-" + width, width);
        }
        browser.medium("screen", "dark");
        browser.check(name + "-dark", 1280);
        browser.medium("print", "dark");
        browser.check(name + "-print", 700);
        browser.medium("screen", "light");
        browser.size(1280, 900);
    }

    @Test
    void theReportOfARun() throws IOException {
        assertThat(Files.size(page("report"))).isLessThan(MOST_BYTES);
        browser.open(page("report"));
        checkEverywhere("report");
        String json = Files.readString(run.resolve("run.json"));
        Map<String, Object> test = browser.ask("return JSON.parse(arguments[0]).test", json);
        String accuracy = "%.4f".formatted((Double) test.get("accuracy"));
        assertThat(browser.text(".figures div:first-child dd")).isEqualTo(accuracy);
        assertThat(browser.all("h2").stream().map(WebElement::getText))
                .containsExactly(
                        "Loss and accuracy",
                        "Confusion matrix",
                        "Classes",
                        "Mistakes",
                        "Reliability",
                        "First layer",
                        "Time",
                        "Model and settings");
        List<List<Long>> shown =
                browser.ask(
                        "return [...document.querySelectorAll('table.heat tbody tr')].map(row =>"
                                + " [...row.querySelectorAll('td')].map(td =>"
                                + " Number(td.textContent.replace(',', ''))))");
        assertThat(shown).isEqualTo(test.get("confusion"));
        assertThat(browser.all(".gallery.seven img")).hasSize(49);
        assertThat(browser.all(".gallery.weights img")).hasSize(48);
        List<Double> sure =
                browser.ask(
                        "return [...document.querySelectorAll('.gallery.seven .muted')].map(e =>"
                                + " Number(e.textContent))");
        assertThat(sure).isSortedAccordingTo((a, b) -> Double.compare(b, a));
        // curves: a dot for each of five epochs, in training and validation, of loss and accuracy
        assertThat(browser.all("figure svg circle title")).hasSize(20);
    }

    @Test
    void theReportMadeLaterIsTheSame() throws IOException {
        String text = quern("report", run, "--out", page("later"));
        assertThat(text).startsWith("report    " + page("later"));
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
        checkEverywhere("compare");
        assertThat(browser.all("tr.differs")).isNotEmpty();
        assertThat(browser.text("h1 + p")).isEqualTo("run, other");
    }

    @Test
    void dataThatIsExplored() throws IOException {
        Path out = folder.resolve("explored");
        quern("explore", RealMnist.folder(), "--out", out);
        browser.open(out.resolve("explore.html"));
        checkEverywhere("explore");
        assertThat(browser.all(".gallery img")).hasSize(25 + 10);
        for (String name : List.of("classes", "examples", "averages")) {
            browser.open(out.resolve(name + ".svg"));
            assertThat(browser.<Long>ask("return document.querySelectorAll('text').length"))
                    .isGreaterThanOrEqualTo(10);
            browser.picture(name);
        }
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
            String html =
                    new RunPage("Sine", report.values(), model, config.loss())
                            .test(trainer.evaluate(sine), sine)
                            .weights(trainer.parameters())
                            .html();
            Files.writeString(page("sine"), html);
        }
        browser.open(page("sine"));
        checkEverywhere("regression");
        assertThat(browser.all("h2").stream().map(WebElement::getText))
                .containsExactly("Loss", "Model and settings");
        assertThat(browser.text(".figures dt")).isEqualTo("test R²");
    }

    @Test
    void aRunWhileItGoesOn() throws Exception {
        Jvm jvm = new Jvm(folder);
        Process process =
                jvm.start(
                        Quern.class,
                        "train",
                        "--data",
                        "generated:20000,2000",
                        "--epochs",
                        "100",
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
        browser.until("/^connection lost/.test(document.querySelector('.state').textContent)");
        assertThat(jvm.end(process).err()).startsWith("quern: interrupted in epoch ");
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

    /** Each digit of the test set that is recognised first, drawn as strokes along its lines. */
    @Test
    void digitsDrawnStrokeByStroke() throws IOException {
        TrainedModel model = TrainedModel.open(run);
        try (Predictor predictor = predictor(model);
                DrawServer server = new DrawServer(0, model.saved(), predictor)) {
            browser.open(server.address());
            assertThat(browser.text("#verdict")).isEqualTo("Draw a digit.");
            checkEverywhere("draw-empty");
            Dataset test = RealMnist.splits().test();
            int[] predicted = predictor.evaluate(test).predicted();
            for (int digit = 0; digit < 10; digit++) {
                int row = 0;
                while (test.labels()[row] != digit || predicted[row] != digit) {
                    row++;
                }
                draw(Pictures.of(test).pixels(row), PointerInput.Kind.MOUSE);
                browser.until("document.querySelector('#verdict').textContent === '" + digit + "'");
                assertThat(browser.text("li.best .name")).isEqualTo(Integer.toString(digit));
                if (digit == 3) {
                    browser.check("draw-3", 1280);
                    browser.size(1280, 900);
                    browser.until(
                            "document.querySelector('.spoken').textContent.startsWith('3, probability')");
                }
                browser.driver().findElement(By.id("clear")).click();
                browser.until("document.querySelector('#verdict').textContent === 'Draw a digit.'");
            }
        }
    }

    private static Predictor predictor(TrainedModel model) {
        Backends.Choice choice = Backends.choose("auto");
        return new Predictor(
                model.saved().model(),
                model.saved().loss(),
                model.saved().parameters(),
                choice.backend(),
                org.quern.backend.Backend.Options.DEFAULT);
    }

    /**
     * Draws the ink of each line of an image as strokes from left to right, the pen's width inside.
     */
    private static void draw(byte[] pixels, PointerInput.Kind kind) {
        WebElement canvas = browser.driver().findElement(By.cssSelector("canvas[tabindex]"));
        PointerInput pen = new PointerInput(kind, kind.name());
        Sequence strokes = new Sequence(pen, 0);
        for (int y = 0; y < 28; y++) {
            for (int x = 0; x < 28; x++) {
                if ((pixels[y * 28 + x] & 0xff) < 128) {
                    continue;
                }
                int from = x;
                while (x < 28 && (pixels[y * 28 + x] & 0xff) >= 128) {
                    x++;
                }
                int middle = (from + x) * 5;
                int left = Math.min(middle, from * 10 + 8);
                int right = Math.max(middle, x * 10 - 8);
                List<Interaction> stroke =
                        List.of(
                                to(pen, canvas, left, y * 10 + 5),
                                pen.createPointerDown(PointerInput.MouseButton.LEFT.asArg()),
                                to(pen, canvas, right, y * 10 + 5),
                                pen.createPointerUp(PointerInput.MouseButton.LEFT.asArg()));
                stroke.forEach(strokes::addAction);
            }
        }
        browser.driver().perform(List.of(strokes));
    }

    /** A place is said from the middle of the canvas of 280 × 280 on. */
    private static Interaction to(PointerInput pen, WebElement canvas, int x, int y) {
        return pen.createPointerMove(
                Duration.ZERO, PointerInput.Origin.fromElement(canvas), x - 140, y - 140);
    }

    @Test
    void drawnByKeyboardAndByFinger() throws IOException {
        TrainedModel model = TrainedModel.open(run);
        try (Predictor predictor = predictor(model);
                DrawServer server = new DrawServer(0, model.saved(), predictor)) {
            browser.open(server.address());
            WebElement canvas = browser.driver().findElement(By.cssSelector("canvas[tabindex]"));
            List<CharSequence> keys = new ArrayList<>();
            keys.add(Keys.TAB);
            browser.driver()
                    .findElement(By.tagName("body"))
                    .sendKeys(keys.toArray(CharSequence[]::new));
            assertThat(browser.driver().switchTo().activeElement()).isEqualTo(canvas);
            canvas.sendKeys(
                    Keys.ARROW_UP.toString().repeat(14),
                    " ",
                    Keys.ARROW_DOWN.toString().repeat(28),
                    " ");
            browser.until("document.querySelector('#verdict').textContent === '1'");
            browser.check("draw-keyboard", 1280);
            browser.size(1280, 900);
            canvas.sendKeys(Keys.BACK_SPACE);
            browser.until("document.querySelector('#verdict').textContent === 'Draw a digit.'");
            draw(Pictures.of(RealMnist.splits().test()).pixels(0), PointerInput.Kind.TOUCH);
            browser.until("document.querySelector('#verdict').textContent === '7'");
            canvas.sendKeys(Keys.DELETE);
            browser.until("document.querySelector('#verdict').textContent === 'Draw a digit.'");
        }
        draw(Pictures.of(RealMnist.splits().test()).pixels(0), PointerInput.Kind.MOUSE);
        browser.until("/does not answer/.test(document.querySelector('#verdict').textContent)");
    }
}
