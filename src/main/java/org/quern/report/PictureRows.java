package org.quern.report;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.quern.data.Pictures;

/** Pictures with captions side by side, as many as a line holds. */
final class PictureRows {
    private static final String GAP = "  ";

    /** Pictures are made smaller until so many stand side by side, unless nothing would be left. */
    private static final int ABREAST = 5;

    private static final int SMALLEST = 14;

    private static final String INK = " .:-=+*#%@";
    private static final int DARKEST = 232;
    private static final int GREYS = 24;

    private final Pictures pictures;
    private final Look look;

    /** The lines of each row, the captions first. */
    private final List<List<String>> rows = new ArrayList<>();

    PictureRows(Pictures pictures, Look look) {
        this.pictures = pictures;
        this.look = look;
    }

    void add(byte[] pixels, String name) {
        int widest = Math.max(SMALLEST, look.width() / ABREAST - GAP.length());
        Picture picture = new Picture(pixels, pictures.width(), pictures.height(), widest);
        String caption = Look.clean(name);
        int width = Math.max(picture.width(), caption.length());
        List<String> cell = picture.lines(look.colour());
        List<String> row = rows.isEmpty() ? null : rows.get(rows.size() - 1);
        if (row == null || row.get(0).length() + width > look.width()) {
            row = new ArrayList<>(Collections.nCopies(1 + cell.size(), ""));
            rows.add(row);
        }
        row.set(0, row.get(0) + caption + " ".repeat(width - caption.length()) + GAP);
        String fill = " ".repeat(width - picture.width()) + GAP;
        for (int y = 0; y < cell.size(); y++) {
            row.set(1 + y, row.get(1 + y) + cell.get(y) + fill);
        }
    }

    String text() {
        return rows.stream()
                .map(row -> row.stream().map(String::stripTrailing).collect(joining("\n")))
                .collect(joining("\n\n"));
    }

    /**
     * A grey picture as text, of unsigned bytes, 0 black: on a terminal half blocks, two pixels a
     * character, in the 24 greys of xterm's 256 colours; elsewhere characters from light to dense
     * ink. A picture that is wider than {@code widest} is made smaller by a whole factor.
     */
    record Picture(byte[] pixels, int columns, int rows, int widest) {
        private int factor() {
            return (columns + widest - 1) / widest;
        }

        int width() {
            return (columns + factor() - 1) / factor();
        }

        /** The lines, each {@link #width} characters wide as they are seen. */
        List<String> lines(boolean colour) {
            List<String> lines = new ArrayList<>();
            for (int y = 0; y * factor() < rows; y += 2) {
                StringBuilder line = new StringBuilder();
                for (int x = 0; x < width(); x++) {
                    int upper = level(x, y);
                    int lower = level(x, y + 1);
                    if (colour) {
                        line.append("\u001b[38;5;%d;48;5;%dm▀".formatted(grey(upper), grey(lower)));
                    } else {
                        line.append(INK.charAt((upper + lower) / 2 * INK.length() / 256));
                    }
                }
                lines.add(colour ? line.append("\u001b[0m").toString() : line.toString());
            }
            return lines;
        }

        /** The mean of the pixels that become one; 0 below the picture. */
        private int level(int x, int y) {
            int sum = 0;
            int count = 0;
            for (int row = y * factor(); row < Math.min(rows, (y + 1) * factor()); row++) {
                for (int i = x * factor(); i < Math.min(columns, (x + 1) * factor()); i++) {
                    sum += pixels[row * columns + i] & 0xff;
                    count++;
                }
            }
            return count == 0 ? 0 : sum / count;
        }

        private static int grey(int level) {
            return DARKEST + level * GREYS / 256;
        }
    }
}
