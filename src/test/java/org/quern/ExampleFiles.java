package org.quern;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Random;
import org.quern.data.Pictures;

/** How the files in {@code examples/} were made: all of it is ours, none of it measured. */
public final class ExampleFiles {
    private static final int SIDE = 140;

    /** The strokes of a hand-drawn 3, as x and y in a square of 1 × 1. */
    private static final double[][] THREE = {
        {
            .30, .25, .36, .19, .45, .155, .55, .16, .635, .20, .665, .275, .64, .35, .57, .42, .47,
            .465
        },
        {
            .47, .465, .57, .475, .65, .52, .695, .60, .68, .70, .61, .79, .50, .835, .39, .82, .31,
            .765, .275, .70
        }
    };

    private ExampleFiles() {}

    /** {@code digit.png}: dark ink on white paper, 140 × 140 pixels. */
    public static byte[] digit() {
        byte[] pixels = new byte[SIDE * SIDE];
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                double away = Double.MAX_VALUE;
                for (double[] stroke : THREE) {
                    for (int p = 0; p + 3 < stroke.length; p += 2) {
                        away = Math.min(away, distance(x, y, stroke, p));
                    }
                }
                double ink = Math.max(0, Math.min(1, 6.5 - away)); // a pen 12 pixels wide
                pixels[y * SIDE + x] = (byte) Math.round(255 - 225 * ink);
            }
        }
        return Pictures.png(pixels, SIDE, SIDE);
    }

    /** How far a pixel is from the line between two points of a stroke. */
    private static double distance(int x, int y, double[] stroke, int from) {
        double px = x - stroke[from] * SIDE;
        double py = y - stroke[from + 1] * SIDE;
        double dx = (stroke[from + 2] - stroke[from]) * SIDE;
        double dy = (stroke[from + 3] - stroke[from + 1]) * SIDE;
        double along = Math.max(0, Math.min(1, (px * dx + py * dy) / (dx * dx + dy * dy)));
        return Math.hypot(px - along * dx, py - along * dy);
    }

    /** {@code houses.csv}: 500 invented sales, with a missing year here and there. */
    public static byte[] houses() {
        String[] towns = {"Ashford", "Milton", "Seaview"};
        int[] perSquareMetre = {2_100, 2_900, 4_300};
        Random random = new Random(7);
        StringBuilder csv = new StringBuilder("area,rooms,built,town,garden,price\n");
        for (int i = 0; i < 500; i++) {
            int town = random.nextInt(3);
            int area = 35 + random.nextInt(180);
            int rooms = Math.max(1, area / 28 + random.nextInt(3) - 1);
            int built = 1900 + random.nextInt(124);
            boolean garden = random.nextInt(100) < 30 + area / 5;
            double price = area * (perSquareMetre[town] - 8.0 * (2024 - built));
            price = (price + (garden ? 30_000 : 0)) * (1 + 0.06 * random.nextGaussian());
            String year = random.nextInt(20) == 0 ? "" : Integer.toString(built);
            csv.append(
                    String.format(
                            Locale.ROOT,
                            "%d,%d,%s,%s,%s,%d%n",
                            area,
                            rooms,
                            year,
                            towns[town],
                            garden ? "yes" : "no",
                            Math.round(price / 500) * 500));
        }
        return csv.toString().replace("\r\n", "\n").getBytes(StandardCharsets.UTF_8);
    }
}
