package org.quern.report.page;

import static org.quern.report.Numbers.format;

import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** Small charts as SVG files that stand alone; within a page they take its colours. */
public final class Svg {
    private static final String INK = "fill: var(--ink, #1b2026)";
    private static final String RULE = "stroke: var(--rule, #d5dbe1)";
    private static final List<String> COLOURS =
            List.of("var(--first, #0067a8)", "var(--second, #007a5a)");
    private static final double LETTER = 8.2;
    private static final int WIDTH = 400;
    private static final int BAR = 14;
    private static final int SIDE = 84;

    /** A chart of curves: where its axes cross, and how large it is within them. */
    private static final int LEFT = 52;

    private static final int BOTTOM = 240;
    private static final int WIDE = 280;
    private static final int HIGH = 180;

    /** A confusion matrix has cells of the first size, or of the second without numbers. */
    private static final int CELL = 44;

    private static final int SMALL_CELL = 16;
    private static final int MANY = 20;

    /** Letters of a name that stand beside a bar, and of one below an image, before an ellipsis. */
    private static final int BESIDE = 18;

    private static final int BELOW = 11;

    private final StringBuilder svg = new StringBuilder();

    private Svg(int width, int height, String title) {
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\""
                        + " height=\"%d\" role=\"img\" style=\"background: var(--paper, #fff)\""
                        + " font-family=\"system-ui, DejaVu Sans, sans-serif\" font-size=\"13\">\n"
                        + "<title>%s</title>\n",
                width, height, width, height, Page.escaped(title));
    }

    private void add(String format, Object... arguments) {
        svg.append(format(format, arguments));
    }

    /**
     * Horizontal bars of what each name has, by what is shown: one or two kinds. The longest bar is
     * that of the largest value, or of 1 if all are less.
     *
     * @param format of a value
     */
    public static String bars(
            String title, List<String> names, Map<String, double[]> values, String format) {
        List<String> kinds = List.copyOf(values.keySet());
        int left = 16 + room(names);
        double most = values.values().stream().flatMapToDouble(DoubleStream::of).max().orElse(0);
        int row = BAR * kinds.size() + 8;
        Svg svg = new Svg(WIDTH, 34 + row * names.size(), title);
        svg.legend(left, kinds);
        for (int i = 0; i < names.size(); i++) {
            int y = 30 + i * row;
            svg.text(left - 8, y + row / 2, "end", names.get(i), BESIDE);
            for (int kind = 0; kind < kinds.size(); kind++, y += BAR) {
                double value = values.get(kinds.get(kind))[i];
                double width = (WIDTH - left - 70) * value / Math.max(1, most);
                svg.rectangle(left, y, format("%.1f", width), BAR - 2, fill(kind));
                svg.text(left + 6 + (int) width, y + 11, "start", format(format, value), BESIDE);
            }
            svg.line();
        }
        return svg.end();
    }

    /** Images in lines, with their labels below. */
    public static String images(
            String title, List<String> addresses, List<String> labels, int columns) {
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
            svg.line();
        }
        return svg.end();
    }

    /**
     * What was measured after each epoch.
     *
     * @param values by the rows that it was measured on: one or two kinds; null where it was not
     */
    public record Measure(String name, Map<String, List<Double>> values) {}

    /** Curves of some measures of the same kinds, side by side. */
    public static String curves(String title, List<Measure> measures) {
        int wide = LEFT + WIDE + 20;
        Svg svg = new Svg(wide * measures.size(), BOTTOM + 44, title);
        svg.legend(LEFT, List.copyOf(measures.get(0).values().keySet()));
        for (int i = 0; i < measures.size(); i++) {
            svg.curves(i * wide + LEFT, measures.get(i));
        }
        return svg.end();
    }

    private void curves(int left, Measure measure) {
        List<List<Double>> curves = List.copyOf(measure.values().values());
        DoubleSummaryStatistics range =
                curves.stream()
                        .flatMap(List::stream)
                        .filter(Objects::nonNull)
                        .collect(Collectors.summarizingDouble(value -> value));
        double most = Math.max(Math.abs(range.getMin()), Math.abs(range.getMax()));
        double step = step(Math.max((range.getMax() - range.getMin()) / 4, most / 1000));
        double low = Math.floor(range.getMin() / step + 1e-9) * step;
        int steps = Math.max(1, (int) Math.ceil((range.getMax() - low) / step - 1e-9));
        int decimals = (int) Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
        text(left, BOTTOM - HIGH - 14, "start", measure.name(), BESIDE);
        for (int i = 0; i <= steps; i++) {
            double y = BOTTOM - (double) HIGH * i / steps;
            add("<path d=\"M%d %.1fh%d\" style=\"%s\"/>", left, y, WIDE, RULE);
            String value = format("%." + decimals + "f", low + i * step);
            text(left - 6, (int) y + 4, "end", value, BESIDE);
        }
        int epochs = curves.get(0).size();
        double across = (double) WIDE / Math.max(1, epochs - 1);
        for (int epoch = 1; epoch <= epochs; epoch += (int) step(Math.max(1, epochs / 9.0))) {
            int x = left + (int) (across * (epoch - 1));
            text(x, BOTTOM + 18, "middle", Integer.toString(epoch), BESIDE);
        }
        text(left + WIDE, BOTTOM + 36, "end", "epoch", BESIDE);
        for (int kind = 0; kind < curves.size(); kind++) {
            StringBuilder points = new StringBuilder();
            for (int i = 0; i < epochs; i++) {
                Double value = curves.get(kind).get(i);
                if (value != null) {
                    double x = left + across * i;
                    double y = BOTTOM - HIGH * (value - low) / (steps * step);
                    points.append(format("%.1f,%.1f ", x, y));
                    String dot = "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" style=\"%s\"/>";
                    add(dot, x, y, fill(kind));
                }
            }
            String curve = "<polyline points=\"%s\" style=\"fill: none; stroke: %s\"/>";
            add(curve, points.toString().strip(), COLOURS.get(kind));
        }
        line();
    }

    /** The least of 1, 2 and 5 times a power of ten that is not below a number. */
    private static double step(double least) {
        double power = Math.pow(10, Math.floor(Math.log10(Math.max(least, 1e-300))));
        return DoubleStream.of(1, 2, 5)
                .map(factor -> factor * power)
                .filter(step -> step >= least * (1 - 1e-9))
                .findFirst()
                .orElse(10 * power);
    }

    /**
     * Counts of each true class (rows) predicted as each class (columns), coloured as on a run's
     * page: what is right by its share of the class, what is wrong by the root of its share of the
     * most frequent mistake.
     */
    public static String confusion(String title, List<String> classes, int[][] counts) {
        boolean many = classes.size() > MANY;
        int cell = many ? SMALL_CELL : CELL;
        int left = 16 + room(classes);
        boolean upright = room(classes) > cell;
        int top = upright ? left : 28;
        int end = cell * classes.size();
        int wrongest = 1;
        for (int a = 0; a < counts.length; a++) {
            for (int p = 0; p < counts.length; p++) {
                wrongest = Math.max(wrongest, a == p ? 1 : counts[a][p]);
            }
        }
        Svg svg = new Svg(Math.max(left + end + 8, 320), top + end + 30, title);
        for (int a = 0; a < counts.length; a++) {
            int y = top + a * cell;
            svg.text(left - 8, y + cell / 2 + 4, "end", classes.get(a), BESIDE);
            int x = left + a * cell + cell / 2;
            if (upright) {
                svg.add("<g transform=\"translate(%d %d) rotate(-90)\">", x + 4, top - 8);
                svg.text(0, 0, "start", classes.get(a), BESIDE);
                svg.add("</g>");
            } else {
                svg.text(x, top - 8, "middle", classes.get(a), BESIDE);
            }
            int all = Math.max(1, IntStream.of(counts[a]).sum());
            for (int p = 0; p < counts.length; p++) {
                double count = counts[a][p];
                double share = a == p ? count / all : Math.sqrt(count / wrongest);
                String style = format("; fill-opacity: %.3f", 0.03 + 0.55 * share);
                String side = Integer.toString(cell - 2);
                svg.rectangle(left + p * cell, y, side, cell - 2, fill(a == p ? 0 : 1) + style);
                if (!many) {
                    x = left + p * cell + cell / 2 - 1;
                    svg.text(x, y + cell / 2 + 4, "middle", Integer.toString(counts[a][p]), 9);
                }
            }
            svg.line();
        }
        svg.text(8, top + end + 18, "start", "rows: true class; columns: predicted class", 50);
        return svg.end();
    }

    private String end() {
        return svg.append("</svg>\n").toString();
    }

    private void line() {
        svg.append('\n');
    }

    private static String fill(int kind) {
        return "fill: " + COLOURS.get(kind);
    }

    /** Pixels that names need, as far as they are shown. */
    private static int room(List<String> names) {
        int longest = names.stream().mapToInt(String::length).max().orElse(0);
        return (int) (LETTER * Math.min(BESIDE, longest));
    }

    private void legend(int left, List<String> kinds) {
        int x = left;
        for (int i = 0; i < kinds.size(); i++) {
            String kind = kinds.get(i);
            rectangle(x, 8, "12", 12, fill(i));
            text(x + 17, 18, "start", kind, kind.length());
            x += 40 + (int) (LETTER * kind.length());
        }
        line();
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
