package org.quern.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.quern.data.Pictures;

/** Pictures with captions side by side, as many as 80 columns hold. */
final class PictureRows {
    private static final int COLUMNS = 80;
    private static final String GAP = "  ";

    private final Pictures pictures;
    private final boolean colour;
    private final List<String> lines = new ArrayList<>();

    /** The lines of each picture of the last row, its caption the first, all as wide as it is. */
    private final List<List<String>> cells = new ArrayList<>();

    private int used;

    PictureRows(Pictures pictures, boolean colour) {
        this.pictures = pictures;
        this.colour = colour;
    }

    void add(byte[] pixels, String caption) {
        TextPicture picture = new TextPicture(pixels, pictures.width(), pictures.height());
        int width = Math.max(picture.width(), caption.length());
        if (!cells.isEmpty() && used + width > COLUMNS) {
            flush();
        }
        List<String> cell = new ArrayList<>();
        cell.add(caption + " ".repeat(width - caption.length()));
        String fill = " ".repeat(width - picture.width());
        picture.lines(colour).forEach(line -> cell.add(line + fill));
        cells.add(cell);
        used += width + GAP.length();
    }

    private void flush() {
        if (!lines.isEmpty()) {
            lines.add("");
        }
        for (int y = 0; y < cells.get(0).size(); y++) {
            int at = y;
            String line = cells.stream().map(cell -> cell.get(at)).collect(Collectors.joining(GAP));
            lines.add(line.stripTrailing());
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
