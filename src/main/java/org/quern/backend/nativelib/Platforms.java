package org.quern.backend.nativelib;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What runs on which platform: the table of docs/platforms.md, of which the jar has a copy. */
public final class Platforms {
    private Platforms() {}

    /** The row of a platform, or that of all others, in a line: what it has in each column. */
    public static String row(String platform) {
        List<List<String>> table = table();
        List<String> head = table.get(0);
        List<String> last = table.get(table.size() - 1);
        List<String> row =
                table.stream().filter(one -> one.get(0).equals(platform)).findFirst().orElse(last);
        int note = head.size() - 1;
        String runs =
                IntStream.range(1, note)
                        .mapToObj(i -> head.get(i) + " " + row.get(i))
                        .collect(Collectors.joining(", "));
        return "%s: %s; %s: %s".formatted(platform, runs, head.get(note), row.get(note));
    }

    /** The platforms whose kernels in C the jar has. */
    public static List<String> built() {
        return text("/native/built").lines().toList();
    }

    /** The rows of the table without their marks, its head first. */
    static List<List<String>> table() {
        List<List<String>> rows = new ArrayList<>();
        for (String line : text("/native/platforms.md").lines().toList()) {
            if (line.startsWith("| ") && !line.startsWith("| ---")) {
                String[] cells = line.replace("`", "").split("\\|");
                rows.add(Arrays.stream(cells).skip(1).map(String::strip).toList());
            }
        }
        return rows;
    }

    private static String text(String resource) {
        try (InputStream in = Platforms.class.getResourceAsStream(resource)) {
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
