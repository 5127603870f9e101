package org.quern;

import static org.quern.report.Numbers.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The README's chart: the table of a measurement beside other libraries, as bars. */
public final class PeersChart {
    private static final int LEFT = 172;
    private static final int WIDE = 480;

    private PeersChart() {}

    /** The SVG of the rows with one thread. */
    public static String of(Path results) throws IOException {
        List<String[]> rows =
                Files.readAllLines(results).stream()
                        .map(line -> line.split("\\s*\\|\\s*"))
                        .filter(cells -> cells.length == 8 && cells[2].equals("1"))
                        .toList();
        double most = rows.stream().mapToDouble(PeersChart::micros).max().orElseThrow();
        StringBuilder svg = new StringBuilder();
        svg.append(
                """
                <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 164" width="760" height="164" role="img" font-family="system-ui, DejaVu Sans, sans-serif" font-size="14">
                <title>Time per training step on one thread</title>
                <style>
                text { fill: #1b2026 } rect { fill: #8a949e } .ours { fill: #0067a8; font-weight: bold }
                @media (prefers-color-scheme: dark) { text { fill: #dfe3e8 } .ours { fill: #4aa8e0 } }
                </style>
                <text x="0" y="16">Time per training step, one thread (shorter is better)</text>
                """);
        for (int i = 0; i < rows.size(); i++) {
            String[] cells = rows.get(i);
            int y = 32 + 33 * i;
            double width = micros(cells) / most * WIDE;
            String ours = i == 0 ? " class=\"ours\"" : "";
            svg.append(
                    format(
                            "<text x=\"%d\" y=\"%d\" text-anchor=\"end\"%s>%s</text>"
                                    + "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"22\"%s/>"
                                    + "<text x=\"%.1f\" y=\"%d\"%s>%s µs</text>\n",
                            LEFT - 10,
                            y + 16,
                            ours,
                            cells[1],
                            LEFT,
                            y,
                            width,
                            ours,
                            LEFT + width + 7,
                            y + 16,
                            ours,
                            cells[3]));
        }
        return svg.append("</svg>\n").toString();
    }

    private static double micros(String[] cells) {
        return Double.parseDouble(cells[3].replace(",", ""));
    }
}
