package org.quern.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Pictures with captions side by side, as many as 80 columns hold. */
final class PictureRows {
    private static final int COLUMNS = 80;
    private static final String GAP = "  ";

    private final boolean colour;
    private final List<String> lines = new ArrayList<>();
    private final List<TextPicture> pictures = new ArrayList<>();
    private final List<String> captions = new ArrayList<>();
    private int used;

    PictureRows(boolean colour) {
        this.colour = colour;
    }

    void add(TextPicture picture, String caption) {
        int cell = Math.max(picture.width(), caption.length());
        if (!pictures.isEmpty() && used + cell > COLUMNS) {
            flush();
        }
        pictures.add(picture);
        captions.add(caption);
        used += cell + GAP.length();
    }

    private void flush() {
        if (!lines.isEmpty()) {
            lines.add("");
        }
        lines.add(
                String.join(
                                "",
                                IntStream.range(0, captions.size())
                                        .mapToObj(
                                                i ->
                                                        padded(
                                                                captions.get(i),
                                                                captions.get(i).length(),
                                                                i))
                                        .toList())
                        .stripTrailing());
        List<List<String>> blocks = pictures.stream().map(p -> p.lines(colour)).toList();
        int height = blocks.stream().mapToInt(List::size).max().orElse(0);
        for (int y = 0; y < height; y++) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < blocks.size(); i++) {
                line.append(padded(blocks.get(i).get(y), pictures.get(i).width(), i));
            }
            lines.add(line.toString().stripTrailing());
        }
        pictures.clear();
        captions.clear();
        used = 0;
    }

    /** A text that is seen as {@code seen} characters, filled up to its cell. */
    private String padded(String text, int seen, int picture) {
        int cell = Math.max(pictures.get(picture).width(), captions.get(picture).length());
        return text + " ".repeat(cell - seen) + GAP;
    }

    /** All of them. */
    String text() {
        if (!pictures.isEmpty()) {
            flush();
        }
        return String.join("\n", lines);
    }
}
