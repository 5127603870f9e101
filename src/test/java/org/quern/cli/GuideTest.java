package org.quern.cli;

import static java.util.regex.Matcher.quoteReplacement;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.ExampleFiles;
import org.quern.PeersChart;
import org.quern.RealMnist;
import org.quern.backend.Backends;
import org.quern.data.Mnist;

/**
 * The commands and programs of the README and the guides work, and print what the pages show.
 *
 * <p>On a page, every {@code sh} block is run (of it, the lines that begin with {@code ./quern}),
 * and all {@code java} blocks together are one program. A {@code text} block shows what the block
 * before it printed, whole or with lines left out at "..."; further {@code text} blocks show more
 * of the same output. Times are not compared. With {@code -Dquern.docs=write} the pages are
 * rewritten instead, and so are the pictures that their programs write.
 */
class GuideTest {
    private static final boolean WRITE = "write".equals(System.getProperty("quern.docs"));
    private static final String LEFT_OUT = "...";

    /** Files that a page's commands write, or that its reader has. */
    private static final Pattern MADE =
            Pattern.compile(
                    "runs/.*|data/.*|[\\w./-]+\\.(html|csv|safetensors|onnx|keras|png|svg)|pictures");

    private static final Pattern TIMES =
            Pattern.compile(
                    "(?<![\\w.])[\\d.,]+[kM]?\\s?(s|min|ms|us|µs|(images|rows)/s|us/step)(?!\\w)");

    /** Numbers are those of the AVX-512 kernels; other instruction sets round differently. */
    private static final boolean SAME_KERNELS =
            Backends.choose(Backends.AUTO).backend().availability().detail().contains("AVX-512");

    @TempDir Path folder;

    /** A fenced block: its language, its lines, and the number of the first of these. */
    private record Block(String language, List<String> lines, int line) {
        String text() {
            return String.join("\n", lines);
        }
    }

    @Test
    void theExamplesAreThoseOfTheirRecipe() throws IOException {
        Path digit = Path.of("examples", "digit.png");
        Path houses = Path.of("examples", "houses.csv");
        if (WRITE) {
            Files.write(digit, ExampleFiles.digit());
            Files.write(houses, ExampleFiles.houses());
        }
        assertThat(houses).hasBinaryContent(ExampleFiles.houses());
        Path made = Files.write(folder.resolve("digit.png"), ExampleFiles.digit());
        assertThat(pixels(digit)).isEqualTo(pixels(made)); // how they are packed is the JDK's
    }

    /** jshell takes a line that could be a whole statement as one. */
    @Test
    void theTutorialCanBePastedIntoJshell() throws IOException {
        List<Block> blocks = blocks(Files.readAllLines(Path.of("docs/tutorial.md")));
        assertThat(of(blocks, "java"))
                .isNotEmpty()
                .flatMap(Block::lines)
                .allSatisfy(line -> assertThat(line.strip()).doesNotStartWith("."));
    }

    /** What the script imports, and both of its helpers, in a jshell as a reader starts it. */
    @Test
    void theScriptForJshell() throws Exception {
        Path picture = folder.resolve("four.png");
        Path chart = folder.resolve("bars.svg");
        String typed =
                """
                save(Show.pictures(mnist().test(), 2, 0, 1, 2, 3), "%s")
                save(Show.bars("rows", List.of("a", "b"), new int[] {1, 2}), "%s")
                System.out.println(mnist().train())
                System.out.println(TrainingConfig.of(Model.input(4).dense(3)).withBatch(7).batch())
                """
                        .formatted(picture, chart);
        ProcessBuilder builder =
                new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "jshell").toString(),
                        "-s",
                        "-R--enable-native-access=ALL-UNNAMED",
                        "--class-path",
                        System.getProperty("java.class.path"),
                        "quern.jsh");
        builder.environment().put(Mnist.VARIABLE, mnist());
        Process jshell = builder.redirectErrorStream(true).start();
        jshell.outputWriter().append(typed).close();
        String said = new String(jshell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(said.replaceAll("->|[^\\p{Print}\n]", "").strip().lines().map(String::strip))
                .containsExactly("MNIST train: 60,000 rows of 28 x 28 pixels, 10 classes", "7");
        assertThat(ImageIO.read(picture.toFile()).getWidth()).isGreaterThan(2 * 28);
        assertThat(chart).content().startsWith("<svg ");
    }

    @Test
    void theChartIsOfTheResults() throws IOException {
        Path chart = Path.of("docs", "images", "peers.svg");
        String drawn = PeersChart.of(Path.of("bench/results/2026-11-25-quiet.md"));
        if (WRITE) {
            Files.writeString(chart, drawn);
        }
        assertThat(chart).hasContent(drawn);
    }

    @Test
    void theDependencyIsOfThisVersion() throws IOException {
        String version = "<version>";
        assertThat(after(version, "README.md")).isEqualTo(after(version, "pom.xml"));
    }

    private static String after(String tag, String file) throws IOException {
        String text = Files.readString(Path.of(file));
        int at = text.indexOf(tag, text.indexOf("<artifactId>quern<")) + tag.length();
        return text.substring(at, text.indexOf('<', at));
    }

    private static int[] pixels(Path png) throws IOException {
        var image = ImageIO.read(png.toFile());
        int width = image.getWidth();
        return image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "README.md",
                "docs/tutorial.md",
                "docs/reading-a-report.md",
                "docs/data.md",
                "docs/gpu.md",
                "docs/models.md",
                "docs/faq.md",
                "docs/many-machines.md"
            })
    void everyBlockDoesWhatThePageShows(String name) throws Exception {
        Path page = Path.of(name);
        List<String> lines = new ArrayList<>(Files.readAllLines(page));
        List<Block> blocks = blocks(lines);
        List<String> printed = new ArrayList<>();
        List<Block> programs = of(blocks, "java");
        List<String> ofPrograms = programs.isEmpty() ? List.of() : run(programs);
        for (Block block : blocks) {
            boolean program = block.language().equals("java");
            printed.add(
                    program
                            ? ofPrograms.get(programs.indexOf(block))
                            : block.language().equals("sh") ? commands(block, name) : null);
        }
        List<String> wrong = new ArrayList<>();
        for (int b = blocks.size() - 1; b >= 0; b--) { // from behind: lines may be added
            Block block = blocks.get(b);
            if (block.language().equals("text")) {
                int from = b - 1;
                while (from >= 0 && printed.get(from) == null) {
                    from--;
                }
                boolean first = from == b - 1;
                List<String> actual = printed.get(from).lines().map(String::stripTrailing).toList();
                List<String> shown = shown(block.lines(), actual, !first);
                String where = name + ":" + block.line();
                if (shown == null) {
                    fail(where + " shows lines that were not printed:\n" + printed.get(from));
                } else if (comparable(shown).equals(comparable(block.lines()))) {
                    continue; // only times differ
                } else if (WRITE) {
                    replace(lines, block, shown);
                } else {
                    int at = firstDifference(block.lines(), shown);
                    wrong.add(
                            "%s shows%n%s%nbut it printed%n%s"
                                    .formatted(where, line(block.lines(), at), line(shown, at)));
                }
            }
        }
        if (WRITE) {
            Files.write(page, lines);
            keep(page.getFileName().toString());
        }
        assertThat(wrong).as("mvn test -Dtest=GuideTest -Dquern.docs=write rewrites it").isEmpty();
    }

    /** Where this machine has what readers of a page download. */
    private static Path housing() {
        Path housing = RealMnist.folder().resolveSibling("housing").resolve("housing.csv");
        if (!Files.exists(housing)) {
            String reason = "California Housing is not in " + housing;
            if (Boolean.getBoolean("quern.mnist.required")) {
                fail(reason);
            }
            Assumptions.abort(reason);
        }
        return housing.toAbsolutePath().normalize();
    }

    private static List<Block> blocks(List<String> lines) {
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).startsWith("```")) {
                int begin = i + 1;
                String language = lines.get(i).substring(3).strip();
                for (i++; !lines.get(i).equals("```"); i++) {}
                blocks.add(new Block(language, List.copyOf(lines.subList(begin, i)), begin + 1));
            }
        }
        return blocks;
    }

    private static List<Block> of(List<Block> blocks, String language) {
        return blocks.stream().filter(block -> block.language().equals(language)).toList();
    }

    private static void replace(List<String> lines, Block block, List<String> shown) {
        List<String> old = lines.subList(block.line() - 1, block.line() - 1 + block.lines().size());
        old.clear();
        old.addAll(shown);
    }

    // ---- what is run ------------------------------------------------------------------------

    /** What the commands of a block print. */
    private String commands(Block block, String page) {
        StringBuilder printed = new StringBuilder();
        for (String line : block.text().replace("\\\n", " ").lines().toList()) {
            if (!line.startsWith("./quern ")) {
                continue;
            }
            List<String> words = new ArrayList<>();
            Matcher word = Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(line.substring(8));
            while (word.find()) {
                words.add(word.group(1) != null ? word.group(1) : made(word.group(2)));
            }
            Cli cli = new Cli(folder).with(Mnist.VARIABLE, mnist());
            Cli.Outcome outcome = cli.run(words.toArray(String[]::new));
            String shown = outcome.out() + outcome.err();
            assertThat(outcome.code()).as(page + ": " + line + "\n" + shown).isZero();
            assertThat(outcome.err()).as(page + ": " + line).isEmpty();
            printed.append(shown);
        }
        return seen(printed.toString());
    }

    private static String mnist() {
        return RealMnist.folder().toAbsolutePath().normalize().toString();
    }

    /** Where a file is that the page makes or its reader has; any other word as it is. */
    private String made(String word) {
        if (word.equals("housing.csv")) {
            return housing().toString();
        }
        boolean ours = MADE.matcher(word).matches() && !Files.exists(Path.of(word));
        return ours ? folder.resolve(word).toString() : word;
    }

    /** Output as a reader sees it who has what this machine has, but no GPU's driver. */
    private String seen(String output) {
        return output.replace(mnist(), "~/.cache/quern/mnist")
                .replace(folder + "/", "")
                .replace(Path.of("").toAbsolutePath() + "/", "")
                .replaceAll("/\\S*/housing\\.csv", "housing.csv")
                .replaceAll("(?m)^(device .*?) \\(not .*", "$1");
    }

    /** What each of the programs prints, which run one after the other as one. */
    private List<String> run(List<Block> programs) throws Exception {
        String mark = "\u0001";
        StringBuilder imports = new StringBuilder();
        StringBuilder body = new StringBuilder();
        for (Block program : programs) {
            for (String line : program.lines()) {
                (line.startsWith("import ") ? imports : body).append(line).append('\n');
            }
            body.append("System.out.print(\"").append(mark).append("\");\n");
        }
        String cache = "Map.of(\"QUERN_MNIST\", \"%s\")".formatted(mnist());
        String text =
                Pattern.compile("\"([^\"]+)\"")
                        .matcher(body.toString().replace("System.getenv()", cache))
                        .replaceAll(name -> quoteReplacement('"' + made(name.group(1)) + '"'));
        Path source = folder.resolve("Guide.java");
        // as jshell has them
        String given = "import java.io.*; import java.nio.file.*; import java.util.*;";
        Files.writeString(
                source,
                given
                        + "import java.util.stream.*;"
                        + imports
                        + "public class Guide { public static void run() throws Exception {\n"
                        + text
                        + "}}");
        String classes = System.getProperty("java.class.path");
        String[] words = {"-proc:none", "-cp", classes, "-d", folder.toString(), source.toString()};
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, words)).isZero();
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream before = System.out;
        URL[] compiled = {folder.toUri().toURL()};
        try (URLClassLoader loader =
                new URLClassLoader(compiled, GuideTest.class.getClassLoader())) {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            loader.loadClass("Guide").getMethod("run").invoke(null);
        } catch (InvocationTargetException e) {
            throw new AssertionError(printed.toString(StandardCharsets.UTF_8), e.getCause());
        } finally {
            System.setOut(before);
        }
        return List.of(seen(printed.toString(StandardCharsets.UTF_8)).split(mark, -1));
    }

    /** Reports and pictures of the page are kept: {@code DocumentPictures} is made of them. */
    private void keep(String page) throws IOException {
        try (Stream<Path> made = Files.walk(folder)) {
            for (Path file :
                    made.filter(one -> one.toString().matches(".*(html|png|svg)")).toList()) {
                Path to = Path.of("target/guide").resolve(page).resolve(folder.relativize(file));
                Files.createDirectories(to.getParent());
                if (file.toString().endsWith("html")) {
                    Files.writeString(to, seen(Files.readString(file)));
                } else {
                    Files.copy(file, to, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    // ---- what is shown ----------------------------------------------------------------------

    /**
     * The lines that a block should show, found by their first and last words; null if these were
     * not printed.
     *
     * @param part whether the block need not begin with the first line and end with the last
     */
    private static List<String> shown(List<String> block, List<String> actual, boolean part) {
        if (!part && !block.contains(LEFT_OUT)) {
            return trimmed(actual);
        }
        List<String> shown = new ArrayList<>();
        int at = 0;
        List<String> open = new ArrayList<>();
        for (int i = 0; i <= block.size(); i++) {
            boolean end = i == block.size();
            if (!end && !block.get(i).equals(LEFT_OUT)) {
                open.add(block.get(i));
                continue;
            }
            if (!open.isEmpty()) {
                int first = find(open.get(0), actual, at);
                int last = first < 0 ? -1 : first;
                for (int more = 1; more < open.size() && last >= 0; more++) {
                    last = find(open.get(more), actual, last + 1);
                }
                if (last < 0) {
                    return null;
                }
                shown.addAll(actual.subList(first, last + 1));
                at = last + 1;
                open.clear();
            }
            if (!end) {
                shown.add(LEFT_OUT);
            }
        }
        return shown;
    }

    /** The same line, else one that begins as it and has its words, else one that has these. */
    private static int find(String line, List<String> lines, int from) {
        String begin = line.substring(0, Math.min(12, line.length()));
        Predicate<String> words = one -> words(one).equals(words(line));
        Predicate<String> same = one -> comparable(one).equals(comparable(line));
        List<Predicate<String>> tests =
                List.of(
                        same.and(one -> one.startsWith(begin)), // of epochs that one
                        same,
                        words.and(one -> one.startsWith(begin)),
                        words);
        for (Predicate<String> test : tests) {
            for (int i = from; i < lines.size(); i++) {
                if (test.test(lines.get(i))) {
                    return i;
                }
            }
        }
        return -1;
    }

    /** A line without its numbers and bars. */
    private static String words(String line) {
        return line.replaceAll("[\\d.,#=*+:%@?-]+|[kM](?=\\s)", "").replaceAll("\\s+", " ").strip();
    }

    private static List<String> trimmed(List<String> lines) {
        int end = lines.size();
        while (end > 0 && lines.get(end - 1).isEmpty()) {
            end--;
        }
        return lines.subList(0, end);
    }

    /** What must be the same on any machine. */
    private static String comparable(List<String> lines) {
        return lines.stream().map(GuideTest::comparable).collect(Collectors.joining("\n"));
    }

    private static int firstDifference(List<String> one, List<String> other) {
        int at = 0;
        while (comparable(line(one, at)).equals(comparable(line(other, at)))) {
            at++;
        }
        return at;
    }

    private static String line(List<String> lines, int at) {
        return at < lines.size() ? lines.get(at) : "(nothing more)";
    }

    private static String comparable(String line) {
        if (line.startsWith("device ")) {
            return "device";
        }
        String text = TIMES.matcher(line).replaceAll("# $1").replaceAll("\\s+", " ").strip();
        boolean ofTime = text.matches("(seconds|us a step) .*");
        return ofTime || !SAME_KERNELS ? text.replaceAll("[\\d.,#=*+%@]+", "") : text;
    }
}
