package org.quern.report.page;

import static org.quern.report.Numbers.format;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Small pictures as SVG files that stand alone; within a page they take its colours. */
final class Svg {
    private static final String INK = "fill: var(--ink, #1b2026)";
    private static final List<String> FILLS =
            List.of("fill: var(--first, #0067a8)", "fill: var(--second, #007a5a)");
    private static final double LETTER = 8.2;
    private static final int WIDTH = 400;
    private static final int BAR = 14;
    private static final int SIDE = 84;

    /** Letters of a name that stand beside a bar, and of one below an image, before an ellipsis. */
    private static final int BESIDE = 18;

    private static final int BELOW = 11;

    private final StringBuilder svg = new StringBuilder();

    private Svg(int width, int height, String title) {
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\""
                        + " height=\"%d\" role=\"img\" font-family=\"system-ui, DejaVu Sans,"
                        + " sans-serif\" font-size=\"13\">\n<title>%s</title>\n",
                width, height, width, height, Page.escaped(title));
    }

    private void add(String format, Object... arguments) {
        svg.append(format(format, arguments));
    }

    /** Horizontal bars of the counts of each name, by what is counted: one or two kinds. */
    static String bars(String title, List<String> names, Map<String, int[]> counts) {
        List<String> series = List.copyOf(counts.keySet());
        int longest = names.stream().mapToInt(String::length).max().orElse(0);
        int left = 16 + (int) (LETTER * Math.min(BESIDE, longest));
        int most =
                Math.max(1, counts.values().stream().flatMapToInt(IntStream::of).max().orElse(1));
        int row = BAR * series.size() + 8;
        Svg svg = new Svg(WIDTH, 34 + row * names.size(), title);
        int x = left;
        for (int s = 0; s < series.size(); s++) {
            String kind = series.get(s);
            svg.rectangle(x, 8, "12", 12, FILLS.get(s));
            svg.text(x + 17, 18, "start", kind, kind.length());
            x += 40 + (int) (LETTER * kind.length());
        }
        svg.svg.append('\n');
        for (int i = 0; i < names.size(); i++) {
            int y = 30 + i * row;
            svg.text(left - 8, y + row / 2, "end", names.get(i), BESIDE);
            for (int s = 0; s < series.size(); s++, y += BAR) {
                int count = counts.get(series.get(s))[i];
                double width = (double) (WIDTH - left - 70) * count / most;
                svg.rectangle(left, y, format("%.1f", width), BAR - 2, FILLS.get(s));
                svg.text(left + 6 + (int) width, y + 11, "start", format("%,d", count), BESIDE);
            }
            svg.svg.append('\n');
        }
        return svg.end();
    }

    static String images(String title, List<String> addresses, List<String> labels, int columns) {
        int cell = SIDE + 12;
        int rows = (addresses.size() + columns - 1) / columns;
        int width = cell * Math.min(columns, addresses.size()) + 12;
        Svg svg = new Svg(width, (cell + 18) * rows + 12, title);
        for (int i = 0; i < addresses.size(); i++) {
            int x = 12 + cell * (i % columns);
            int y = 12 + (cell + 18) * (i / columns);
            svg.add(
                    "<image x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" style=\"image-rendering: pixelated\" href=\"%s\"/>",
                    x, y, SIDE, SIDE, addresses.get(i));
            svg.text(x + SIDE / 2, y + SIDE + 15, "middle", labels.get(i), BELOW);
            svg.svg.append('\n');
        }
        return svg.end();
    }

    private String end() {
        return svg.append("</svg>\n").toString();
    }

    private void rectangle(int x, int y, String width, int height, String style) {
        String format = "<rect x=\"%d\" y=\"%d\" width=\"%s\" height=\"%d\" style=\"%s\"/>";
        add(format, x, y, width, height, style);
    }

    /** A text of at most so many letters; one that was cut is whole in the title. */
    private void text(int x, int y, String anchor, String text, int most) {
        boolean whole = text.length() <= most;
        String title = whole ? "" : "<title>" + Page.escaped(text) + "</title>";
        String shown = Page.escaped(whole ? text : text.substring(0, most - 1) + "…");
        String format = "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" style=\"%s\">%s%s</text>";
        add(format, x, y, anchor, INK, shown, title);
    }
}
