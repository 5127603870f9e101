package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs of docs/many-machines.md: they compile as they stand there, one after the other. */
class PageTest {
    private static final Pattern PROGRAM = Pattern.compile("(?s)```java spark\n(.*?)```");
    private static final String BEFORE =
            """
            import java.util.*;
            import org.apache.spark.sql.*;
            import org.quern.data.Splits;
            import org.quern.run.*;
            import org.quern.spark.*;
            class Page {
                void run(SparkSession spark, Dataset<Row> test) throws Exception {
            """;

    @TempDir Path folder;

    @Test
    void programsCompile() throws IOException {
        String page = Files.readString(Path.of("../../docs/many-machines.md"));
        String programs =
                PROGRAM.matcher(page)
                        .results()
                        .map(MatchResult::group)
                        .collect(Collectors.joining());
        assertThat(programs).contains("new QuernClassifier()", "new QuernSweep(");
        Path source = folder.resolve("Page.java");
        Files.writeString(source, BEFORE + programs.replaceAll("```.*", "") + "}}");
        String classes = System.getProperty("java.class.path");
        String[] words = {"-proc:none", "-cp", classes, "-d", folder.toString(), source.toString()};
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, words)).isZero();
    }
}
