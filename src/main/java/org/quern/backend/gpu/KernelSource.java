package org.quern.backend.gpu;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The kernels from the jar, their source as one text. */
public final class KernelSource {
    private static final String FOLDER = "/kernels/";
    private static final Pattern INCLUDE =
            Pattern.compile("^#include \"([^\"]+)\"\\s*$", Pattern.MULTILINE);

    private KernelSource() {}

    /** A unit with every {@code #include} replaced by what it names: OpenCL compiles a text. */
    public static String text(String unit) {
        return expand(unit + ".cu");
    }

    private static String expand(String name) {
        byte[] content = file(name);
        if (content == null) {
            throw new IllegalStateException("this jar has no " + FOLDER + name);
        }
        URI here = URI.create(name);
        return INCLUDE.matcher(new String(content, StandardCharsets.UTF_8))
                .replaceAll(
                        include ->
                                Matcher.quoteReplacement(
                                        expand(here.resolve(include.group(1)).toString())));
    }

    /** A file of the jar's kernels; null if it is not there. */
    public static byte[] file(String name) {
        try (InputStream in = KernelSource.class.getResourceAsStream(FOLDER + name)) {
            return in == null ? null : in.readAllBytes();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
