package org.quern.backend.gpu;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The kernels' source from the jar, as one text. */
public final class KernelSource {
    private static final String FOLDER = "/kernels/";
    private static final Pattern INCLUDE =
            Pattern.compile("^#include \"([^\"]+)\"\\s*$", Pattern.MULTILINE);

    private KernelSource() {}

    /**
     * A unit with every {@code #include} replaced by what it names: OpenCL compiles a text, not
     * files.
     *
     * @param unit {@code quern}, which has all kernels but the fused ones, or {@code fused_block}
     */
    public static String text(String unit) {
        return expand(unit + ".cu");
    }

    private static String expand(String file) {
        URI here = URI.create(file);
        return INCLUDE.matcher(resource(file))
                .replaceAll(
                        include ->
                                Matcher.quoteReplacement(
                                        expand(here.resolve(include.group(1)).toString())));
    }

    private static String resource(String file) {
        try (InputStream in = KernelSource.class.getResourceAsStream(FOLDER + file)) {
            if (in == null) {
                throw new IllegalStateException("this jar has no " + FOLDER + file);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
