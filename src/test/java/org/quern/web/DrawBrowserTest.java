package org.quern.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.interactions.Interaction;
import org.openqa.selenium.interactions.Pause;
import org.openqa.selenium.interactions.PointerInput;
import org.openqa.selenium.interactions.Sequence;
import org.quern.RealMnist;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.data.Pictures;
import org.quern.data.Splits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.train.Predictor;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** The page to draw on in a real browser, by mouse, keyboard and finger. */
@Tag("slow")
class DrawBrowserTest {
    @TempDir static Path folder;
    private static Chromium browser;
    private static SavedModel model;

    @BeforeAll
    static void trainAndOpen() {
        Splits mnist = RealMnist.splits();
        browser = new Chromium(folder.resolve("profile"));
        Model layers =
                Model.input(28, 28)
                        .scaled(Scaling.UNIT)
                        .dense(48, Activation.RELU)
                        .dropout(0.3f)
                        .dense(15)
                        .dropout(0.3f)
                        .dense(10);
        TrainingConfig config = TrainingConfig.of(layers).withSeed(1);
        try (Trainer trainer = Trainer.open(config)) {
            trainer.fit(mnist.train(), 5);
            model =
                    new SavedModel(
                            layers,
                            config.loss(),
                            trainer.parameters(),
                            mnist.train().classes(),
                            java.util.Map.of());
        }
    }

    @AfterAll
    static void close() {
        if (browser != null) {
            browser.close();
        }
    }

    /** Each digit of the test set that is recognised first, drawn as strokes along its lines. */
    @Test
    void digitsDrawnStrokeByStroke() throws IOException {
        try (Predictor predictor = predictor();
                DrawServer server = new DrawServer(0, model, predictor)) {
            browser.open(server.address());
            assertThat(browser.text("#verdict")).isEqualTo("Draw a digit.");
            browser.checkEverywhere("draw-empty");
            Dataset test = RealMnist.splits().test();
            int[] predicted = predictor.evaluate(test).predicted();
            for (int digit = 0; digit < 10; digit++) {
                int row = 0;
                while (test.labels()[row] != digit || predicted[row] != digit) {
                    row++;
                }
                draw(Pictures.of(test).pixels(row), PointerInput.Kind.MOUSE);
                browser.until(
                        "document.querySelector('li.best')?.dataset.class === '" + digit + "'");
                assertThat(browser.text("li.best .name")).isEqualTo(Integer.toString(digit));
                if (digit == 3) {
                    browser.checkEverywhere("draw-3");
                    browser.until(
                            "document.querySelector('.spoken').textContent.startsWith('3, probability')");
                }
                browser.driver().findElement(By.id("clear")).click();
                browser.until("document.querySelector('#verdict').textContent === 'Draw a digit.'");
            }
        }
    }

    private static Predictor predictor() {
        Backends.Choice choice = Backends.choose("auto");
        return new Predictor(
                model.model(),
                model.loss(),
                model.parameters(),
                choice.backend(),
                Backend.Options.DEFAULT);
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
    void aSecondFingerDrawsNothing() throws IOException {
        try (Predictor predictor = predictor();
                DrawServer server = new DrawServer(0, model, predictor)) {
            browser.open(server.address());
            WebElement canvas = browser.driver().findElement(By.cssSelector("canvas[tabindex]"));
            PointerInput first = new PointerInput(PointerInput.Kind.TOUCH, "first");
            PointerInput second = new PointerInput(PointerInput.Kind.TOUCH, "second");
            int left = PointerInput.MouseButton.LEFT.asArg();
            Sequence line = new Sequence(first, 0);
            line.addAction(to(first, canvas, 140, 40));
            line.addAction(first.createPointerDown(left));
            line.addAction(to(first, canvas, 140, 140));
            line.addAction(to(first, canvas, 140, 240));
            line.addAction(first.createPointerUp(left));
            Sequence rest = new Sequence(second, 0);
            rest.addAction(new Pause(second, Duration.ZERO));
            rest.addAction(to(second, canvas, 20, 20));
            rest.addAction(second.createPointerDown(left));
            rest.addAction(to(second, canvas, 260, 140));
            rest.addAction(second.createPointerUp(left));
            browser.driver().perform(List.of(line, rest));
            browser.until("document.querySelector('li.best')?.dataset.class === '1'");
            assertThat(
                            browser.<Boolean>ask(
                                    "const pixels = document.querySelector('canvas[tabindex]')"
                                            + ".getContext('2d').getImageData(0, 0, 120, 280).data;"
                                            + " return pixels.every((v, i) => i % 4 === 3 || v === 0)"))
                    .isTrue();
        }
    }

    @Test
    void drawnByKeyboardAndByFinger() throws IOException {
        try (Predictor predictor = predictor();
                DrawServer server = new DrawServer(0, model, predictor)) {
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
            browser.until("document.querySelector('li.best')?.dataset.class === '1'");
            browser.check("draw-keyboard", 1280);
            browser.size(1280, 900);
            canvas.sendKeys(Keys.BACK_SPACE);
            browser.until("document.querySelector('#verdict').textContent === 'Draw a digit.'");
            draw(Pictures.of(RealMnist.splits().test()).pixels(0), PointerInput.Kind.TOUCH);
            browser.until("document.querySelector('li.best')?.dataset.class === '7'");
            canvas.sendKeys(Keys.DELETE);
            browser.until("document.querySelector('#verdict').textContent === 'Draw a digit.'");
        }
        draw(Pictures.of(RealMnist.splits().test()).pixels(0), PointerInput.Kind.MOUSE);
        browser.until("/does not answer/.test(document.querySelector('#verdict').textContent)");
    }
}
