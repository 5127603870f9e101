package org.quern.report.page;

import static java.util.stream.Collectors.joining;
import static org.quern.report.Numbers.format;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.quern.Version;
import org.quern.data.Pictures;
import org.quern.io.Json;
import org.quern.report.Comparison;

/**
 * An HTML page that stands alone: style, scripts, data and pictures are inside, so that it opens
 * from a disk and asks no network for anything. The scripts make the page of the data.
 */
public final class Page {
    private static final String D3 = "/META-INF/resources/webjars/d3/7.9.0/";

    private static final Pattern SCRIPT = Pattern.compile("<script>(.*?)</script>", Pattern.DOTALL);

    private Page() {}

    /** Width or height of a picture in a page, at most. */
    private static final int SIDE = 96;

    /** Epochs that curves are drawn of. */
    static final int EPOCHS = 500;

    private record Compared(Comparison comparison, List<Run> runs) {}

    /** What the page of a comparison draws of a run. */
    private record Run(List<JsonElement> epochs, JsonElement classes, JsonElement wrongPerClass) {
        static Run of(JsonObject run) {
            JsonObject test = run.has("test") ? run.getAsJsonObject("test") : new JsonObject();
            List<JsonElement> epochs = some(run.getAsJsonArray("epochs").asList(), EPOCHS);
            return new Run(epochs, test.get("classes"), test.get("wrongPerClass"));
        }
    }

    private record Drawing(String model, List<String> classes, int width, int height) {}

    /** The page of runs side by side, with what {@code run.json} of each says. */
    public static String compare(Comparison comparison, List<JsonObject> runs) {
        return html(
                "Runs compared",
                new Compared(comparison, runs.stream().map(Run::of).toList()),
                true,
                "compare.js");
    }

    /** The page that a digit is drawn on, for a model that takes images of such a size. */
    public static String drawing(String model, List<String> classes, int width, int height) {
        return html("Draw", new Drawing(model, classes, width, height), false, "draw.js");
    }

    /**
     * Puts a page together.
     *
     * @param title until the scripts give it another
     * @param data anything that JSON can say; the scripts find it as {@code given}
     * @param charts whether the scripts draw charts
     * @param script names the page's own script among the resources
     */
    static String html(String title, Object data, boolean charts, String script) {
        String d3 = "";
        if (charts) {
            d3 = "<!--\n" + resource("/META-INF/licenses/d3.txt") + "-->\n";
            d3 += script(D3 + "dist/d3.min.js");
        }
        String style = "\n" + resource("page.css");
        String scripts =
                d3 + script("dom.js") + (charts ? script("charts.js") : "") + script(script);
        return """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta http-equiv="Content-Security-Policy" content="%s">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <link rel="icon" href="data:,">
                <title>%s</title>
                <style>%s</style>
                </head>
                <body>
                <main id="page" data-version="%s"></main>
                <noscript>This page draws itself with JavaScript: allow it.</noscript>
                <script type="application/json" id="data">%s</script>
                %s</body>
                </html>
                """
                .formatted(
                        policy(style, scripts),
                        escaped(title),
                        style,
                        Version.TEXT,
                        Json.forPage(data),
                        scripts);
    }

    /**
     * Nothing from elsewhere, and no style sheet and scripts but these, by their hashes. Elements
     * may have styles of their own: these run nothing and, images aside, fetch nothing.
     */
    private static String policy(String style, String scripts) {
        String ofScripts =
                SCRIPT.matcher(scripts)
                        .results()
                        .map(it -> hash(it.group(1)))
                        .collect(joining(" "));
        String policy =
                "default-src 'none'; script-src %s; style-src-elem %s; style-src-attr 'unsafe-inline'; img-src data:;"
                        + " connect-src 'self'; form-action 'none'; base-uri 'none'";
        return policy.formatted(ofScripts, hash(style));
    }

    private static String hash(String text) {
        try {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
            return "'sha256-" + Base64.getEncoder().encodeToString(hash) + "'";
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }

    private static String script(String name) {
        String text = resource(name);
        if (text.contains("</script")) {
            throw new IllegalStateException("a script would end within itself");
        }
        return "<script>\n" + text + "</script>\n";
    }

    /** A PNG file as the address of an image. */
    static String address(byte[] png) {
        return "data:image/png;base64," + Base64.getEncoder().encodeToString(png);
    }

    /** A picture as the address of an image; a large one in a smaller size, by means. */
    public static String address(Pictures size, byte[] pixels) {
        int by = smaller(size);
        int width = size.width() / by;
        byte[] small = new byte[width * (size.height() / by)];
        for (int i = 0; i < small.length; i++) {
            int corner = i / width * by * size.width() + i % width * by;
            int sum = by * by / 2; // rounds
            for (int at = 0; at < by * by; at++) {
                sum += pixels[corner + at / by * size.width() + at % by] & 0xff;
            }
            small[i] = (byte) (sum / (by * by));
        }
        return address(Pictures.png(small, width, small.length / width));
    }

    /** How many pixels across become one in a page. */
    private static int smaller(Pictures size) {
        int larger = (Math.max(size.width(), size.height()) + SIDE - 1) / SIDE;
        return Math.max(1, Math.min(larger, Math.min(size.width(), size.height())));
    }

    /** What a page says of pictures that it shows in a smaller size; null if it does not. */
    static String shrunk(Pictures size) {
        String text =
                "Images of %,d x %,d pixels are shown smaller: each pixel is the mean of %d x %3$d.";
        return size == null || smaller(size) == 1
                ? null
                : format(text, size.width(), size.height(), smaller(size));
    }

    /** Of a list of many, so many evenly spaced, the last among them. */
    static <T> List<T> some(List<T> all, int most) {
        int every = (all.size() + most - 1) / most;
        IntStream kept = IntStream.range(0, all.size());
        return kept.filter(i -> (all.size() - 1 - i) % every == 0).mapToObj(all::get).toList();
    }

    static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    private static String resource(String name) {
        try (InputStream in = Page.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the jar lacks " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
