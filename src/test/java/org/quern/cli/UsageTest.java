package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;
import static org.quern.QuernException.either;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.model.Activation;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;

/** What is typed wrongly: one line, verbatim, exit code 2, and nothing written. */
@Tag("jdk")
class UsageTest {
    @TempDir Path folder;

    static Stream<Arguments> wrong() {
        return Stream.of(
                arguments(
                        "evaluate m.safetensors --input 5",
                        "--input goes with --model: add the model, or leave --input out"),
                arguments(
                        "summary m.safetensors --input 5",
                        "--input goes with --model: add the model, or leave --input out"),
                arguments(
                        "train --epohcs 3",
                        "unknown option \"--epohcs\": did you mean \"--epochs\"? (quern train"
                                + " --help)"),
                arguments(
                        "train --epohcs=3",
                        "unknown option \"--epohcs\": did you mean \"--epochs\"? (quern train"
                                + " --help)"),
                arguments(
                        "train --wonderful", "unknown option \"--wonderful\" (quern train --help)"),
                arguments(
                        "train --learning-rate 0.01",
                        "unknown option \"--learning-rate\": here it is called \"--lr\" (quern train"
                                + " --help)"),
                arguments(
                        "sweep --batch_size=64",
                        "unknown option \"--batch_size\": here it is called \"--batch\" (quern sweep"
                                + " --help)"),
                arguments(
                        "evaluate --learning-rate 1",
                        "unknown option \"--learning-rate\" (quern evaluate --help)"),
                arguments("train extra", "unknown argument \"extra\" (quern train --help)"),
                arguments(
                        "trian",
                        "unknown command \"trian\": did you mean \"train\"? (quern --help)"),
                arguments("dance", "unknown command \"dance\" (quern --help)"),
                arguments(
                        "data fecth mnist",
                        "unknown argument \"fecth\": did you mean \"fetch\"? (quern data --help)"),
                arguments(
                        "data fetch cifar",
                        "unknown data set \"cifar\": mnist is the one that can be fetched"),
                arguments(
                        "train --batch x",
                        "--batch: 'x' is not a whole number (quern train --help)"),
                arguments(
                        "train --batch",
                        "Missing required parameter for option '--batch' (N) (quern train"
                                + " --help)"),
                arguments("train --batch 0", "batch 0: a batch has at least 1 row"),
                arguments("train --batch -7", "batch -7: a batch has at least 1 row"),
                arguments("train --epochs 0", "epochs 0: give at least 1"),
                arguments("train --epochs -3", "epochs -3: give at least 1"),
                arguments("train --limit -1", "limit -1, overfit 0: give at least 1 row"),
                arguments("train --threads -2", "threads -2: give 1 or more, or 0"),
                arguments("train --keep -1", "keep -1: give 0 or more"),
                arguments(
                        "train --validation 1",
                        "validation 1.0: give a fraction from 0 to below 1"),
                arguments("train --split 0", "split 0.0: give a fraction above 0 and below 1"),
                arguments(
                        "train --early-stopping -1",
                        "early stopping: patience -1 must be at least 1, min delta 0.0 at least"
                                + " 0"),
                arguments("train --lr 0", "learning rate 0.0 must be above 0 and finite"),
                arguments("train --lr NaN", "learning rate NaN must be above 0 and finite"),
                arguments(
                        "train --schedule sawtooth",
                        "schedule \"sawtooth\" is not understood: use constant, \"step EPOCHS"
                                + " FACTOR\" or cosine, with \"warmup STEPS\" before it if"
                                + " wanted"),
                arguments("train --beta1 1", "Adam: beta1 1.0 and beta2 0.999 must be in [0, 1)"),
                arguments(
                        "train --optimizer sgd --momentum 1",
                        "SGD: momentum 1.0 must be in [0, 1)"),
                arguments("train --weight-decay -1", "weight decay -1.0 must be 0 or more"),
                arguments(
                        "train --scale 0",
                        "scaling x · 0.0 + 0.0: give a finite scale other than 0 and a finite"
                                + " shift"),
                arguments(
                        "train --optimizer adagrad",
                        "unknown optimizer \"adagrad\": use " + either(Optimizer.Kind.options())),
                arguments(
                        "train --loss hinge",
                        "unknown loss \"hinge\": use " + either(Loss.Kind.options())),
                arguments(
                        "train --loss sparse_categorical_crossentropy",
                        "unknown loss \"sparse_categorical_crossentropy\": here it is called"
                                + " cross-entropy"),
                arguments(
                        "train --loss Categorical_CrossEntropy",
                        "unknown loss \"Categorical_CrossEntropy\": here it is called"
                                + " cross-entropy"),
                arguments("train --lr abc", "--lr: 'abc' is not a number (quern train --help)"),
                arguments(
                        "evaluate m.safetensors --use best",
                        "--use goes with a run's folder: leave it out for a file"),
                arguments(
                        "evaluate m.safetensors --use first",
                        "--use: 'first' is not one of best, last (quern evaluate --help)"),
                arguments("completion fish", "completion fish: give bash or zsh"),
                arguments(
                        "train --recipe third",
                        "unknown recipe \"third\": use one of first, tutorial, 97, 98, 98.5, 99"),
                arguments(
                        "train --dry-run --save x.safetensors",
                        "--dry-run keeps nothing: leave --out, --resume, --save, --report and --tensorboard out"),
                arguments("train --gallery 0", "gallery 0: give 1 or more"),
                arguments("evaluate m.safetensors --gallery -1", "gallery -1: give 1 or more"),
                arguments(
                        "compare runs/a",
                        "only runs/a was given: give the folders of two or more runs"),
                arguments("compare", "Missing required parameter: 'RUN' (quern compare --help)"),
                arguments(
                        "report m.safetensors",
                        "m.safetensors is no run's folder: give the one that train --out was"
                                + " given"),
                arguments("draw", "Missing required parameter: 'MODEL|RUN' (quern draw --help)"),
                arguments("summary --batch 0", "batch 0: a batch has at least 1 row"),
                arguments("summary --input 0", "input shape [0]: every extent is at least 1"),
                arguments(
                        "predict m.safetensors",
                        "give one of: images or a .csv file, --index N, --csv-row VALUES"),
                arguments(
                        "predict",
                        "Missing required parameter: 'MODEL|RUN' (quern predict --help)"));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void saysWhatIsWrongInOneLine(String line, String message) throws IOException {
        Cli.Outcome outcome = new Cli(folder).run(line.split(" "));

        assertThat(outcome.err()).isEqualTo("quern: " + message + System.lineSeparator());
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.code()).isEqualTo(2);
        assertNothingWritten();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "dense 48 relu, dropout 1.0, dense 10"
                        + "|dropout 1.0: the rate is the fraction to drop, at least 0 and below 1",
                "dense 48 relu, dropout -0.1, dense 10"
                        + "|dropout -0.1: the rate is the fraction to drop, at least 0 and below 1",
                "dense 0|dense 0: a layer has at least 1 unit",
                "dense -4|dense -4: a layer has at least 1 unit",
                "dropout 0.5|model \"dropout 0.5\" does not end in a dense layer: add one as wide"
                        + " as the output",
                "conv 3|model layer \"conv 3\" is not understood: write \"dense 48 relu\" or"
                        + " \"dropout 0.3\", separated by commas",
                "dense 10 relu|cross-entropy takes logits, but the last layer is \"dense 10 relu\": make it \"dense 10\""
            })
    void refusesModels(String modelAndMessage) throws IOException {
        String[] parts = modelAndMessage.split("\\|");
        refuses(parts[0], parts[1]);
    }

    @Test
    void refusesActivationsThatThereAreNot() throws IOException {
        refuses("dense 4 mish", "unknown activation \"mish\": use " + Activation.names());
        refuses("dense 4 swish", "unknown activation \"swish\": here it is called silu");
        refuses("dense 4 rleu", "unknown activation \"rleu\": did you mean \"relu\"?");
        refuses(
                "dense 48 relu, dense 10 softmax",
                "model layer \"dense 10 softmax\": leave softmax out, cross-entropy has it in it:"
                        + " write \"dense 10\"");
    }

    private void refuses(String model, String message) throws IOException {
        Cli.Outcome outcome =
                new Cli(folder).run("train", "--data", "generated:50,10", "--model", model);

        assertThat(outcome.err()).isEqualTo("quern: " + message + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(2);
        assertNothingWritten();
    }

    @Test
    void refusesAnUnknownBackendAndNamesTheOthers() throws IOException {
        Cli.Outcome outcome =
                new Cli(folder).run("train", "--data", "generated:50,10", "--backend", "abacus");

        assertThat(outcome.err())
                .isEqualTo(
                        "quern: unknown backend \"abacus\": use auto, cuda, opencl, cpu, java,"
                                + " reference"
                                + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(2);
        assertNothingWritten();
    }

    @Test
    void refusesAModelThatDoesNotFitTheDataBeforeItMakesTheRunFolder() throws IOException {
        Cli.Outcome outcome =
                new Cli(folder)
                        .run(
                                "train",
                                "--data",
                                "generated:50,10",
                                "--model",
                                "dense 5",
                                "--out",
                                folder.resolve("run").toString());

        assertThat(outcome.err())
                .isEqualTo(
                        "quern: model \"dense 5\" has 5 outputs, but generated digits train has 10"
                                + " classes: make its last layer \"dense 10\""
                                + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(3);
        assertNothingWritten();
    }

    @Test
    void refusesOutputThatCannotBeWritten() throws IOException {
        Path nowhere = folder.resolve("missing").resolve("m.safetensors");
        Cli.Outcome saved =
                new Cli(folder)
                        .run("train", "--data", "generated:50,10", "--save", nowhere.toString());
        assertThat(saved.err())
                .isEqualTo(
                        "quern: %s cannot be written: there is no folder %s%n"
                                .formatted(nowhere, nowhere.getParent()));
        assertThat(saved.code()).isEqualTo(3);
        assertNothingWritten();

        Path full = Files.createDirectory(folder.resolve("full"));
        Path mine = Files.writeString(full.resolve("mine.txt"), "mine");
        for (Path events : List.of(mine, mine.resolve("events"))) {
            Cli.Outcome before =
                    new Cli(folder)
                            .run("train", "--data", "nowhere.csv", "--tensorboard", "" + events);
            assertThat(before.err())
                    .as("said before the data is read")
                    .isEqualTo(
                            "quern: %s cannot be written (there is a file of that name): give --tensorboard another folder%n"
                                    .formatted(events));
        }
        Cli.Outcome out =
                new Cli(folder).run("train", "--data", "generated:50,10", "--out", full.toString());
        assertThat(out.err())
                .isEqualTo(
                        "quern: %s is not empty (mine.txt): give --out a new or empty folder%n"
                                .formatted(full));
        assertThat(out.code()).isEqualTo(3);
        assertThat(mine).hasContent("mine");
        assertThat(full).isDirectoryContaining(path -> path.equals(mine));

        Cli.Outcome file =
                new Cli(folder).run("train", "--data", "generated:50,10", "--out", mine.toString());
        assertThat(file.err())
                .isEqualTo(
                        "quern: %s is a file: give --out a new or empty folder%n".formatted(mine));
        assertThat(file.code()).isEqualTo(3);
        assertThat(mine).hasContent("mine");
    }

    @Test
    void saysWhichDataIsNotThere() {
        Path missing = folder.resolve("no.csv");
        Cli.Outcome outcome = new Cli(folder).run("train", "--data", missing.toString());

        assertThat(outcome.err()).isEqualTo("quern: %s does not exist%n".formatted(missing));
        assertThat(outcome.code()).isEqualTo(3);
        assertThat(new Cli(folder).run("train", "--data", "https://example.com/t.csv").err())
                .endsWith(" does not exist: a URL is not read; download it and give the file\n");
        assertThat(new Cli(folder).with("QUERN_MNIST", folder.toString()).run("train").err())
                .startsWith("quern: QUERN_MNIST is " + folder + ", which does not hold MNIST: no ");
    }

    /** Generated digits tell nothing of a model: what measures one asks for MNIST. */
    @Test
    void nothingIsMeasuredOnDigitsThatNobodyAskedFor() {
        String model = folder.resolve("m.safetensors").toString();
        Cli cli = new Cli(folder).with("http_proxy", "http://127.0.0.1:9");
        cli.with("https_proxy", "http://127.0.0.1:9");
        String[] train = {"train", "--epochs", "1", "--limit", "100", "--save", model};
        assertThat(cli.run(train).out()).contains("taking generated digits instead");
        for (String command :
                new String[] {
                    "evaluate " + model, "predict --index 0 " + model, "bench mnist --rung 97"
                }) {
            Cli.Outcome outcome = cli.run(command.split(" "));
            assertThat(outcome.err()).as(command).startsWith("quern: MNIST cannot be fetched (");
            assertThat(outcome.code()).as(command).isEqualTo(3);
        }
    }

    @Test
    void optionsOfTablesAreForTables() {
        for (String command : new String[] {"train --data", "explore", "data info"}) {
            String line = command + " generated:50,10 --label x --missing -9";
            Cli.Outcome outcome = new Cli(folder).run(line.split(" "));
            assertThat(outcome.err())
                    .startsWith(
                            "quern: --label, --missing: only for tables such as CSV files; the data is generated digits");
            assertThat(outcome.code()).isEqualTo(2);
        }
    }

    @Test
    void saysHowMuchMoreMemoryJavaMayHave() throws IOException {
        Jvm.Outcome outcome =
                new Jvm(folder)
                        .option("-Xmx32m")
                        .run(Quern.class, "explore", "generated:60000,10000");
        assertThat(outcome.err())
                .matches(
                        "quern: out of memory: Java may use 3\\d MiB at most \\(Java heap space\\):"
                                + " allow twice that with JAVA_TOOL_OPTIONS=-Xmx6\\dm, or give fewer"
                                + " rows\n");
        assertThat(outcome.code()).isEqualTo(5);
    }

    @Test
    void aPathHasNoNul() {
        Cli.Outcome nul = new Cli(folder).run("data", "info", "a\0b");
        assertThat(nul.err())
                .isEqualTo(
                        "quern: \"a?b\" cannot be a path: it contains a NUL character%n"
                                .formatted());
        assertThat(nul.code()).isEqualTo(2);
    }

    /** In the C locale Java knows no path that is not ASCII: neither one given nor its own. */
    @Test
    void saysWhyAPathIsNoneInTheCLocale() throws Exception {
        String program =
                Path.of(System.getProperty("java.home"), "bin", "java")
                        + " -XX:TieredStopAtLevel=1 -cp \"$CLASSPATH\" org.quern.cli.Quern data info ";
        assertThat(inTheCLocale(program + "$(printf 't\\303\\251')"))
                .isEqualTo(
                        "quern: \"t\ufffd\ufffd\" cannot be a path: this locale allows ASCII"
                                + " only: set LC_ALL=C.UTF-8\n2\n");
        assertThat(
                        inTheCLocale(
                                "mkdir $(printf 't\\303\\251') && cd t* && echo a,b >t.csv && "
                                        + program
                                        + "t.csv"))
                .isEqualTo(
                        "quern: t.csv does not exist; the folder that this runs in cannot be found:"
                                + " this locale allows ASCII only: set LC_ALL=C.UTF-8\n3\n");
    }

    /** What a shell says, which has all letters, and the exit code. */
    private String inTheCLocale(String script) throws IOException {
        ProcessBuilder shell = new ProcessBuilder("sh", "-c", script + "; echo $?");
        shell.environment().put("LC_ALL", "C");
        String classes =
                Stream.of(System.getProperty("java.class.path").split(":"))
                        .map(one -> Path.of(one).toAbsolutePath().toString())
                        .collect(Collectors.joining(":"));
        shell.environment().put("CLASSPATH", classes);
        Process process = shell.directory(folder.toFile()).redirectErrorStream(true).start();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private void assertNothingWritten() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void aSweepOverWhatDoesNothingIsTold() {
        String command = "sweep --data generated:64,20 --backend java --epochs 1 --momentum 0,0.9";
        Cli.Outcome outcome = new Cli(folder).run(command.split(" "));
        assertThat(outcome.lines())
                .contains("note      --momentum does nothing with cross-entropy and adam");

        outcome = new Cli(folder).run((command + " --optimizer adam,sgd").split(" "));
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out()).doesNotContain("does nothing");
    }

    /** What is asked of another loss or optimizer is not left out in silence. */
    @ParameterizedTest
    @CsvSource({
        "--delta 2, --delta does nothing with cross-entropy and adam",
        "--momentum 0.5, --momentum does nothing with cross-entropy and adam",
        "--optimizer sgd --beta2 0.9, --beta2 does nothing with cross-entropy and sgd",
        "--optimizer lion --epsilon 1e-8, --epsilon does nothing with cross-entropy and lion",
        "--optimizer lion --beta1 0.8 --lr 1e-4 --weight-decay 0,",
        "--optimizer sgd --momentum 0.5,"
    })
    void aSettingOfAnotherLossOrOptimizerIsTold(String asked, String note) {
        String command = "train --data generated:64,20 --backend java --epochs 1 " + asked;
        Cli.Outcome outcome = new Cli(folder).run(command.split(" "));

        assertThat(outcome.code()).isZero();
        if (note == null) {
            assertThat(outcome.out()).doesNotContain("does nothing");
        } else {
            assertThat(outcome.lines()).contains("note      " + note);
        }
    }
}
