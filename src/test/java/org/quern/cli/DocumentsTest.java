package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the documents point to is there: files, classes, commands and their options, tests. */
class DocumentsTest {
    private static final Pattern LINK = Pattern.compile("]\\(([^)#]+)(#[^)]*)?\\)");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final Pattern FILE = Pattern.compile("[\\w.-]+(/[\\w.-]+)+/?|[\\w-]+/");
    private static final Pattern TYPE = Pattern.compile("([A-Z][a-z0-9]+){2,}");
    private static final Pattern TEST = Pattern.compile("-Dtest='?([\\w,]+)");
    private static final Pattern COMMAND = Pattern.compile("\\./quern ([^`#|<>\n]*)");

    /** What is there only after a run, on another machine, or in another program. */
    private static final Set<String> MADE =
            Set.of(
                    "InputLayer",
                    "LogSoftmax",
                    "MatMul",
                    "target/staging",
                    "runs/a",
                    "runs/b",
                    "pictures/explore.html",
                    "shared/mnist",
                    "target/quern.jar",
                    "target/gpu-bundle.tgz",
                    "cache/");

    private static Set<String> types;
    private static String files;

    @TempDir Path cache;

    static List<Path> documents() throws IOException {
        List<Path> all = new ArrayList<>(List.of(Path.of("README.md"), Path.of("CONTRIBUTING.md")));
        all.add(Path.of("CHANGELOG.md"));
        all.add(Path.of("SECURITY.md"));
        all.add(Path.of("kernels/README.md"));
        all.add(Path.of("bench/METHOD.md"));
        try (Stream<Path> docs = Files.list(Path.of("docs"))) {
            docs.filter(file -> file.toString().matches(".*\\.(md|ipynb)"))
                    .sorted()
                    .forEach(all::add);
        }
        return all;
    }

    @BeforeAll
    static void listSources() throws IOException {
        types = new TreeSet<>();
        StringBuilder names = new StringBuilder();
        for (String folder :
                List.of(
                        "src",
                        "bench",
                        "kernels",
                        "native",
                        "ci",
                        "docs",
                        ".ci",
                        "quern",
                        "quern.jsh")) {
            try (Stream<Path> found = Files.walk(Path.of(folder))) {
                for (Path file : found.toList()) {
                    names.append(file).append(Files.isDirectory(file) ? "/\n" : "\n");
                    if (file.toString().endsWith(".java")) {
                        Matcher type =
                                Pattern.compile("(?:class|interface|record|enum) (\\w+)")
                                        .matcher(Files.readString(file));
                        while (type.find()) {
                            types.add(type.group(1));
                        }
                    }
                }
            }
        }
        files = "\n" + names;
    }

    @ParameterizedTest
    @MethodSource("documents")
    void linksLeadSomewhere(Path document) throws IOException {
        Path folder = document.toAbsolutePath().getParent();
        assertThat(all(LINK, text(document)))
                .filteredOn(link -> !link.startsWith("http"))
                .allSatisfy(link -> assertThat(folder.resolve(link)).exists());
    }

    @ParameterizedTest
    @MethodSource("documents")
    void filesAndClassesThatAreNamedAreThere(Path document) throws IOException {
        String text = withoutBlocks(text(document));
        List<String> missing = new ArrayList<>();
        for (String code : all(CODE, text)) {
            if (TYPE.matcher(code).matches() && !types.contains(code) && !MADE.contains(code)) {
                missing.add(code);
            }
            if (FILE.matcher(code).matches()
                    && !MADE.contains(code)
                    && !files.contains("/" + code)
                    && !files.contains("\n" + code)) {
                missing.add(code);
            }
        }
        assertThat(missing).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("documents")
    void testsThatAreNamedAreThere(Path document) throws IOException {
        for (String named : all(TEST, text(document))) {
            assertThat(types).contains(named.split(","));
        }
    }

    /** With --help behind it, a command is read as it stands, and not done. */
    @ParameterizedTest
    @MethodSource("documents")
    void commandsHaveTheOptionsThatTheyAreGiven(Path document) throws IOException {
        String text = text(document).replaceAll("\\\\\n *|\\n(?=--|\"|32)", " ");
        for (String command : all(COMMAND, text)) {
            List<String> words = new ArrayList<>();
            Matcher word = Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(command.strip());
            while (word.find()) {
                words.add(word.group(1) != null ? word.group(1) : word.group(2));
            }
            if (!words.contains("--help")) {
                words.add("--help");
            }
            Cli.Outcome outcome = new Cli(cache).run(words.toArray(String[]::new));
            assertThat(outcome.err()).as(command).isEmpty();
            assertThat(outcome.code()).as(command).isZero();
        }
    }

    /** A document's text; of a notebook, what it says between its programs. */
    private static String text(Path document) throws IOException {
        String text = Files.readString(document);
        if (!document.toString().endsWith("ipynb")) {
            return text;
        }
        StringBuilder prose = new StringBuilder();
        JsonObject notebook = JsonParser.parseString(text).getAsJsonObject();
        for (JsonElement cell : notebook.getAsJsonArray("cells")) {
            if (cell.getAsJsonObject().get("cell_type").getAsString().equals("markdown")) {
                JsonArray lines = cell.getAsJsonObject().getAsJsonArray("source");
                lines.forEach(line -> prose.append(line.getAsString()));
                prose.append('\n');
            }
        }
        assertThat(prose).isNotEmpty();
        return prose.toString();
    }

    private static String withoutBlocks(String text) {
        return text.replaceAll("(?ms)^```.*?^```$", "");
    }

    private static List<String> all(Pattern pattern, String text) {
        return pattern.matcher(text).results().map(found -> found.group(1)).toList();
    }
}
