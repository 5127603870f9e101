package org.quern.web;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.OutputType;
import org.quern.RealMnist;
import org.quern.cli.Quern;

/**
 * Draws the pictures in {@code docs/images}, from the files that {@code GuideTest} has left in
 * {@code target/guide} and from a training in a terminal. No suite runs it; CONTRIBUTING.md says
 * how to.
 */
class DocumentPictures {
    private static final Path MADE = Path.of("target", "guide").toAbsolutePath();
    private static final Path IMAGES = Path.of("docs", "images");
    private static final int MOST_BYTES = 150_000;

    @TempDir static Path folder;
    private static Chromium browser;

    @BeforeAll
    static void open() {
        browser = new Chromium(folder.resolve("profile"));
    }

    @AfterAll
    static void close() {
        browser.close();
    }

    @Test
    void theReadme() throws IOException {
        Path report = MADE.resolve("README.md/report.html");
        String page =
                """
                <body style="margin:0;width:1040px;height:1000px;position:relative;overflow:hidden">
                <iframe src="%s" width="1095" height="1053" style="border:0;scale:.95;
                transform-origin:0 0"></iframe>
                <pre style="position:absolute;right:10px;bottom:24px;margin:0;padding:22px 16px 14px;
                background:#16191d;color:#dfe3e8;border-radius:9px;font:11px/1.5 'DejaVu Sans Mono',
                monospace;box-shadow:0 5px 24px #0006">%s</pre></body>
                """
                        .formatted(report.toUri(), html(terminal()));
        Path file = Files.writeString(folder.resolve("readme.html"), page);
        browser.size(1040, 1000);
        browser.open(file);
        keep("quern", "//body");
    }

    @Test
    void theTutorial() throws IOException {
        Path made = MADE.resolve("tutorial.md");
        for (String name : List.of("first.png", "mistakes.svg")) {
            Files.copy(made.resolve(name), IMAGES.resolve(name), REPLACE_EXISTING);
        }
        section(made.resolve("pictures/explore.html"), "Examples", "examples");
        section(made.resolve("pictures/explore.html"), "Classes", "classes");
        Path second = made.resolve("second.html");
        section(second, "Loss and accuracy", "curves", 1000);
        section(second, "Confusion matrix", "confusion", 1000);
        section(second, "Reliability", "reliability", 1000);
        section(second, "First layer", "weights", 560);
        browser.size(780, 3000);
        browser.open(second);
        keep("wrong", "//div[h3='Wrong predictions by true class']");
        section(made.resolve("housing.html"), "Predictions", "housing", 1000);
    }

    /** One section of a page. */
    private static void section(Path page, String title, String name) throws IOException {
        section(page, title, name, 780);
    }

    private static void section(Path page, String title, String name, int width)
            throws IOException {
        browser.size(width, 3000);
        browser.open(page);
        // the guides have headings of their own
        browser.ask(
                "document.querySelectorAll('h2').forEach(h => { h.style.fontSize = 0;"
                        + " h.style.border = 'none'; h.style.margin = 0; h.style.padding = 0 })");
        keep(name, "//section[h2='" + title + "']");
    }

    private static void keep(String name, String xpath) throws IOException {
        browser.until("document.fonts.status === 'loaded'");
        byte[] png =
                browser.driver().findElement(By.xpath(xpath)).getScreenshotAs(OutputType.BYTES);
        BufferedImage seen = ImageIO.read(new ByteArrayInputStream(png));
        int width = seen.getWidth();
        int height = seen.getHeight();
        // without the transparency that it does not have: a sixth smaller
        BufferedImage opaque = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        opaque.setRGB(
                0, 0, width, height, seen.getRGB(0, 0, width, height, null, 0, width), 0, width);
        write(opaque, name + ".png");
    }

    private static void write(BufferedImage picture, String name) throws IOException {
        Files.createDirectories(IMAGES);
        Path file = IMAGES.resolve(name);
        ImageIO.write(picture, "png", file.toFile());
        assertThat(Files.size(file)).as(name).isLessThan(MOST_BYTES);
    }

    /** What a training shows in a terminal, while its last epoch runs. */
    private static String terminal() throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(Quern.class.getName(), "train"));
        String shell = "stty cols 84; " + String.join(" ", command);
        ProcessBuilder script = new ProcessBuilder("script", "-qec", shell, "/dev/null");
        script.environment().put("TERM", "xterm-256color");
        script.environment().put("QUERN_MNIST", RealMnist.folder().toAbsolutePath().toString());
        script.environment().put("QUERN_LIBCUDA", ""); // no simulator in the picture
        Path out = folder.resolve("terminal");
        Process process =
                script.redirectErrorStream(true)
                        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                        .redirectOutput(out.toFile())
                        .start();
        try {
            assertThat(process.waitFor()).isZero();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        String all = Files.readString(out, StandardCharsets.UTF_8).replace("\r\n", "\n");
        String mnist = RealMnist.folder().toAbsolutePath().normalize().toString();
        String text =
                all.replace(mnist, "~/.cache/quern/mnist")
                        // it may go on in a second line
                        .replaceAll("(?s)(device.{0,200}?) \\(not .*?\\)(?=\\n.{0,8}data )", "$1");
        int last = text.lastIndexOf("epoch 5/5");
        int running = text.lastIndexOf('\r', last - 2);
        return "$ ./quern train\n" + text.substring(0, text.indexOf('\r', running + 1));
    }

    /** Text of a terminal as HTML: what returns have overwritten is gone, colours are styles. */
    private static String html(String text) {
        StringBuilder html = new StringBuilder();
        Map<String, String> style = new HashMap<>();
        for (String line : text.split("\n")) {
            String seen = line.substring(line.lastIndexOf('\r') + 1);
            Matcher sequence = Pattern.compile("\u001b\\[([\\d;?]*)([A-Za-z])").matcher(seen);
            int from = 0;
            while (sequence.find()) {
                span(html, seen.substring(from, sequence.start()), style);
                from = sequence.end();
                if (sequence.group(2).equals("m")) {
                    restyle(style, sequence.group(1));
                }
            }
            span(html, seen.substring(from), style);
            html.append('\n');
        }
        return html.toString();
    }

    private static void span(StringBuilder html, String text, Map<String, String> style) {
        if (!text.isEmpty()) {
            html.append("<span style=\"");
            style.forEach((name, value) -> html.append(name + ":" + value + ";"));
            html.append("\">").append(text.replace("&", "&amp;").replace("<", "&lt;"));
            html.append("</span>");
        }
    }

    private static void restyle(Map<String, String> style, String codes) {
        String[] dark = "#000 #e5534b #57ab5a #c69026 #539bf5 #b083f0 #39c5cf #adbac7".split(" ");
        String[] parts = codes.isEmpty() ? new String[] {"0"} : codes.split(";");
        for (int i = 0; i < parts.length; i++) {
            int code = Integer.parseInt(parts[i]);
            if (code == 0) {
                style.clear();
            } else if (code == 1) {
                style.put("font-weight", "bold");
            } else if (code == 2) {
                style.put("opacity", "0.65");
            } else if (code == 22) {
                style.remove("font-weight");
                style.remove("opacity");
            } else if (code == 38 || code == 48) {
                String colour = "inherit";
                if (parts[i + 1].equals("2")) {
                    colour = "rgb(%s,%s,%s)".formatted(parts[i + 2], parts[i + 3], parts[i + 4]);
                    i += 4;
                } else {
                    colour = of256(Integer.parseInt(parts[i + 2]), dark);
                    i += 2;
                }
                style.put(code == 38 ? "color" : "background", colour);
            } else if (code >= 30 && code < 38 || code >= 90 && code < 98) {
                style.put("color", dark[code % 10]);
            } else if (code >= 40 && code < 48 || code >= 100 && code < 108) {
                style.put("background", dark[code % 10]);
            } else if (code == 39) {
                style.remove("color");
            } else if (code == 49) {
                style.remove("background");
            } else {
                throw new IllegalArgumentException("a picture needs what ESC[" + codes + "m means");
            }
        }
    }

    private static String of256(int index, String[] basic) {
        if (index < 16) {
            return basic[index % 8];
        }
        if (index >= 232) {
            int grey = 8 + 10 * (index - 232);
            return "rgb(%d,%d,%d)".formatted(grey, grey, grey);
        }
        int cube = index - 16;
        int[] levels = {0, 95, 135, 175, 215, 255};
        return "rgb(%d,%d,%d)".formatted(levels[cube / 36], levels[cube / 6 % 6], levels[cube % 6]);
    }
}
