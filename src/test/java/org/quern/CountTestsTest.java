package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ci/count-tests} finds a suite that is missing or empty, and a skip that is not listed. */
class CountTestsTest {
    @TempDir Path folder;

    private Path reports;
    private Path sources;

    @BeforeEach
    void twoSuitesThatRan() throws IOException {
        reports = Files.createDirectory(folder.resolve("reports"));
        sources = folder.resolve("sources");
        Files.createDirectories(sources.resolve("org/some"));
        suite("One", "", 3, 0);
        suite("Two", "@Tag(\"jdk\")", 5, 1);
        Files.writeString(
                sources.resolve("org/some/Helper.java"), "the name of this one is no test's");
    }

    private void source(String name, String annotation) throws IOException {
        Files.writeString(
                sources.resolve("org/some/" + name + "Test.java"),
                "package org.some;\n\n" + annotation + "\nclass " + name + "Test {}\n");
    }

    /** A source and its report, as Surefire writes it. */
    private void suite(String name, String annotation, int tests, int skipped) throws IOException {
        source(name, annotation);
        StringBuilder report = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        report.append("<testsuite name=\"org.some.").append(name);
        report.append("Test\" time=\"1.5\" tests=\"").append(tests);
        report.append("\" errors=\"0\" skipped=\"").append(skipped);
        report.append("\" failures=\"0\">\n");
        for (int i = 0; i < tests; i++) {
            report.append("  <testcase name=\"test").append(i);
            report.append("\" classname=\"org.some.").append(name).append("Test\" time=\"0.5\"");
            report.append(
                    i < skipped
                            ? ">\n    <skipped message=\"Assumption failed: no such device\"/>\n"
                                    + "  </testcase>\n"
                            : "/>\n");
        }
        report.append("</testsuite>\n");
        Files.writeString(reports.resolve("TEST-org.some." + name + "Test.xml"), report);
    }

    private List<String> count(String tag, String... maySkip) throws Exception {
        Path list = folder.resolve("may-skip");
        Files.write(list, List.of(maySkip));
        List<String> command = new ArrayList<>(List.of("sh", "ci/count-tests", reports.toString()));
        command.addAll(List.of(list.toString(), tag, sources.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said.replace(list.toString(), "may-skip").lines().toList();
    }

    @Test
    void suitesThatRanAreCounted() throws Exception {
        assertThat(count("all", "# why", "org.some.TwoTest.test0 no device here"))
                .containsExactly("7 0 1", "skipped: org.some.TwoTest.test0: no such device");
    }

    @Test
    void aSkippedTestThatIsNotListedIsWrong() throws Exception {
        assertThat(count("all", "org.some.TwoTest.test1 of another"))
                .contains(
                        "wrong: org.some.TwoTest.test0 was skipped, and is not in may-skip:"
                                + " no such device");
    }

    @Test
    void aSuiteOfWhichNothingWasExecutedIsWrong() throws Exception {
        suite("None", "", 0, 0);
        suite("Left", "", 2, 2);
        assertThat(count("all", "org.some."))
                .contains(
                        "wrong: org.some.NoneTest ran, and none of its tests was executed",
                        "wrong: org.some.LeftTest ran, and none of its tests was executed");
    }

    @Test
    void aSuiteThatIsMissingIsWrongWhereItShouldHaveRun() throws Exception {
        source("Quick", "");
        source("Linking", "@Tag(\"jdk\")");
        assertThat(count("all", "org.some."))
                .contains(
                        "wrong: org.some.QuickTest did not run",
                        "wrong: org.some.LinkingTest did not run");
        assertThat(count("jdk", "org.some."))
                .contains("wrong: org.some.LinkingTest did not run")
                .doesNotContain("wrong: org.some.QuickTest did not run");
    }

    @Test
    void withoutReportsNothingWasRun() throws Exception {
        reports = folder.resolve("none");
        assertThat(count("all"))
                .containsExactly("0 0 0", "wrong: no test was run: " + reports + " does not exist");
    }
}
