package org.quern.report.page;

import static org.quern.report.Numbers.format;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Small pictures as SVG files that stand alone: bars with their counts, images with their labels.
 * Within a page they take its colours.
 */
final class Svg {
    private static final String INK = "fill: var(--ink, #1b2026)";
    private static final String[] FILLS = {
        "fill: var(--first, #0067a8)", "fill: var(--second, #c2500a)"
    };
    private static final double LETTER = 8.2;
    private static final int WIDTH = 400;

    /** Letters of a name that stand beside a bar, and of one below an image, before an ellipsis. */
    private static final int BESIDE = 18;

    private static final int BELOW = 11;

    private Svg() {}

    /**
     * Horizontal bars.
     *
     * @param series names of what is counted, one or two
     * @param counts [series][name]
     */
    static String bars(String title, List<String> names, List<String> series, int[][] counts) {
        int longest = names.stream().mapToInt(String::length).max().orElse(0);
        int left = 16 + (int) (LETTER * Math.min(BESIDE, longest));
        int most = 1;
        for (int[] of : counts) {
            most = Math.max(most, IntStream.of(of).max().orElse(1));
        }
        int bar = 14;
        int row = bar * series.size() + 8;
        int length = WIDTH - left - 70;
        StringBuilder svg = open(WIDTH, 34 + row * names.size(), title);
        int x = left;
        for (int s = 0; s < series.size(); s++) {
            svg.append(
                    format(
                            "<rect x=\"%d\" y=\"8\" width=\"12\" height=\"12\" style=\"%s\"/>",
                            x, FILLS[s]));
            svg.append(text(x + 17, 18, "start", series.get(s)));
            x += 40 + (int) (LETTER * series.get(s).length());
        }
        svg.append('\n');
        for (int i = 0; i < names.size(); i++) {
            int y = 30 + i * row;
            svg.append(text(left - 8, y + row / 2, "end", names.get(i), BESIDE));
            for (int s = 0; s < series.size(); s++) {
                int count = counts[s][i];
                double width = (double) length * count / most;
                svg.append(
                        format(
                                "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" style=\"%s\"/>",
                                left, y + s * bar, width, bar - 2, FILLS[s]));
                svg.append(
                        text(
                                left + 6 + (int) width,
                                y + s * bar + 11,
                                "start",
                                format("%,d", count)));
            }
            svg.append('\n');
        }
        return svg.append("</svg>\n").toString();
    }

    /**
     * Images side by side with their labels below.
     *
     * @param addresses of the images, see {@link Page#address}
     * @param columns images in a row
     */
    static String images(String title, List<String> addresses, List<String> labels, int columns) {
        int side = 84;
        int cell = side + 12;
        int rows = (addresses.size() + columns - 1) / columns;
        StringBuilder svg =
                open(
                        cell * Math.min(columns, addresses.size()) + 12,
                        (cell + 18) * rows + 12,
                        title);
        for (int i = 0; i < addresses.size(); i++) {
            int x = 12 + cell * (i % columns);
            int y = 12 + (cell + 18) * (i / columns);
            svg.append(
                    format(
                            "<image x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" style=\"image-rendering: pixelated\" href=\"%s\"/>",
                            x, y, side, side, addresses.get(i)));
            svg.append(text(x + side / 2, y + side + 15, "middle", labels.get(i), BELOW))
                    .append('\n');
        }
        return svg.append("</svg>\n").toString();
    }

    private static StringBuilder open(int width, int height, String title) {
        return new StringBuilder(
                format(
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\""
                                + " height=\"%d\" role=\"img\" font-family=\"system-ui, DejaVu Sans,"
                                + " sans-serif\" font-size=\"13\">\n<title>%s</title>\n",
                        width, height, width, height, Page.escaped(title)));
    }

    /** A text of at most so many letters; one that was cut is whole in the title. */
    private static String text(int x, int y, String anchor, String text, int most) {
        if (text.length() <= most) {
            return text(x, y, anchor, text);
        }
        return text(x, y, anchor, text.substring(0, most - 1) + "…")
                .replace("</text>", "<title>" + Page.escaped(text) + "</title></text>");
    }

    private static String text(int x, int y, String anchor, String text) {
        return format(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" style=\"%s\">%s</text>",
                x, y, anchor, INK, Page.escaped(text));
    }
}
