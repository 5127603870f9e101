package org.quern.report;

import java.util.ArrayList;
import java.util.List;
import org.quern.data.Pictures;

/** Pictures with captions side by side, as many as 80 columns hold. */
final class PictureRows {
    private static final int COLUMNS = 80;
    private static final String GAP = "  ";

    private final Pictures pictures;
    private final boolean colour;
    private final List<String> lines = new ArrayList<>();
    private final List<Cell> cells = new ArrayList<>();
    private int used;

    /** A picture's lines and what is told of it. */
    private record Cell(TextPicture picture, String caption) {
        int width() {
            return Math.max(picture.width(), caption.length());
        }

        /** A text that is seen as {@code seen} characters, filled up. */
        String padded(String text, int seen) {
            return text + " ".repeat(width() - seen) + GAP;
        }
    }

    /** For pictures of such a size. */
    PictureRows(Pictures pictures, boolean colour) {
        this.pictures = pictures;
        this.colour = colour;
    }

    void add(byte[] pixels, String caption) {
        TextPicture picture = new TextPicture(pixels, pictures.width(), pictures.height());
        Cell cell = new Cell(picture, caption);
        if (!cells.isEmpty() && used + cell.width() > COLUMNS) {
            flush();
        }
        cells.add(cell);
        used += cell.width() + GAP.length();
    }

    private void flush() {
        if (!lines.isEmpty()) {
            lines.add("");
        }
        StringBuilder line = new StringBuilder();
        cells.forEach(cell -> line.append(cell.padded(cell.caption, cell.caption.length())));
        lines.add(line.toString().stripTrailing());
        List<List<String>> drawn = cells.stream().map(cell -> cell.picture.lines(colour)).toList();
        for (int y = 0; y < drawn.get(0).size(); y++) {
            line.setLength(0);
            for (int i = 0; i < cells.size(); i++) {
                Cell cell = cells.get(i);
                line.append(cell.padded(drawn.get(i).get(y), cell.picture.width()));
            }
            lines.add(line.toString().stripTrailing());
        }
        cells.clear();
        used = 0;
    }

    String text() {
        if (!cells.isEmpty()) {
            flush();
        }
        return String.join("\n", lines);
    }
}
