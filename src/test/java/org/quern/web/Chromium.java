package org.quern.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.openqa.selenium.By;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;
import org.openqa.selenium.support.ui.WebDriverWait;

/** A real browser without a window, and what every page must hold in it. */
final class Chromium implements AutoCloseable {
    private static final int[] WIDTHS = {360, 768, 1280};
    private static final Path PICTURES = Path.of("target", "screenshots");

    /** Kept, or the garbage collector would forget the level. */
    private static final Logger SELENIUM = Logger.getLogger("org.openqa.selenium");

    private final ChromeDriver driver;

    Chromium(Path profile) {
        SELENIUM.setLevel(Level.SEVERE);
        LoggingPreferences console = new LoggingPreferences();
        console.enable(LogType.BROWSER, Level.ALL);
        ChromeOptions options = new ChromeOptions();
        options.setBinary(found("chromium").toString());
        options.setCapability(ChromeOptions.LOGGING_PREFS, console);
        options.addArguments(
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--no-proxy-server",
                "--hide-scrollbars",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--user-data-dir=" + profile);
        driver =
                new ChromeDriver(
                        new ChromeDriverService.Builder()
                                .usingDriverExecutable(found("chromedriver").toFile())
                                .usingAnyFreePort()
                                .withSilent(true)
                                .build(),
                        options);
        size(1200, 900);
    }

    /**
     * A program on the path. Without it the test is skipped, or fails under {@code
     * -Dquern.browser.required=true}, as in CI.
     */
    private static Path found(String program) {
        return Stream.of(System.getenv("PATH").split(":"))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseGet(
                        () -> {
                            String reason =
                                    program
                                            + " is not on the path (Debian: chromium,"
                                            + " chromium-driver)";
                            if (Boolean.getBoolean("quern.browser.required")) {
                                Assertions.fail(reason);
                            }
                            Assumptions.abort(reason);
                            throw new AssertionError("not reached");
                        });
    }

    ChromeDriver driver() {
        return driver;
    }

    void open(String address) {
        driver.manage().logs().get(LogType.BROWSER); // the last page's: what is read is gone
        driver.get(address);
    }

    void open(Path file) {
        open(file.toUri().toString());
    }

    /** The size of what is seen, whatever a window would add. */
    void size(int width, int height) {
        emulate(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
    }

    /** Shows pages as for {@code dark} or {@code light}, on {@code screen} or {@code print}. */
    void medium(String medium, String colours) {
        emulate(
                "Emulation.setEmulatedMedia",
                Map.of(
                        "media",
                        medium,
                        "features",
                        List.of(Map.of("name", "prefers-color-scheme", "value", colours))));
    }

    private void emulate(String command, Map<String, Object> parameters) {
        driver.executeCdpCommand(command, parameters);
    }

    String text(String selector) {
        // in one go: a page that goes on may have replaced an element that was found
        return ask("return document.querySelector(arguments[0]).innerText", selector);
    }

    List<WebElement> all(String selector) {
        return driver.findElements(By.cssSelector(selector));
    }

    @SuppressWarnings("unchecked") // whoever asks knows what the script gives
    <T> T ask(String script, Object... arguments) {
        return (T) driver.executeScript(script, arguments);
    }

    /** Waits until a script gives true. */
    void until(String script) {
        new WebDriverWait(driver, Duration.ofSeconds(120), Duration.ofMillis(50))
                .withMessage(() -> script + " on a page that reads\n" + text("body"))
                .until(d -> Boolean.TRUE.equals(ask("return " + script)));
    }

    /** Looks at the open page on a phone and on a desk, by day, by night and on paper. */
    void checkEverywhere(String name) throws IOException {
        for (int width : WIDTHS) {
            check(name + "-" + width, width);
        }
        medium("screen", "dark");
        check(name + "-dark", 1280);
        check(name + "-dark-390", 390);
        medium("print", "dark");
        check(name + "-print", 700);
        medium("screen", "light");
        size(1280, 900);
    }

    /**
     * What is to hold of every page: no error, nothing fetched, each picture there, nothing wider
     * than the window, no text of a chart cut or over another, text that stands out from what is
     * behind it.
     */
    void check(String name, int width) throws IOException {
        size(width, 900);
        until("document.fonts.status === 'loaded'");
        if (Boolean.getBoolean("quern.pictures")) { // which takes longer than all else here
            picture(name);
        }
        assertThat(driver.manage().logs().get(LogType.BROWSER).getAll())
                .as("the console of " + name)
                .isEmpty();
        List<String> wrong =
                new ArrayList<>(ask(Files.readString(Path.of("src/test/resources/page-check.js"))));
        assertThat(wrong).as("%s at %d pixels", name, width).isEmpty();
    }

    /** Keeps a picture of the whole page, to be looked at. */
    void picture(String name) throws IOException {
        long width = ask("return window.innerWidth");
        long height = ask("return document.documentElement.scrollHeight");
        size((int) width, (int) height);
        Files.createDirectories(PICTURES);
        Files.write(PICTURES.resolve(name + ".png"), driver.getScreenshotAs(OutputType.BYTES));
    }

    @Override
    public void close() {
        driver.quit();
    }
}
