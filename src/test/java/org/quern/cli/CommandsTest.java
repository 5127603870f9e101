package org.quern.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.RealMnist;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.run.RunFolder;

/** Whole commands: train, then everything that a trained model is for. */
@Tag("jdk")
class CommandsTest {
    @TempDir Path folder;

    private Cli.Outcome run(String... arguments) {
        return new Cli(folder.resolve("cache")).run(arguments);
    }

    /** Digits as images, a folder for each class, in train and test. */
    private Path images() throws IOException {
        Path root = folder.resolve("digits");
        for (String split : new String[] {"train", "test"}) {
            boolean train = split.equals("train");
            Dataset set = Digits.generate(split, train ? 1500 : 200, train ? 0 : Digits.TEST, 1);
            for (int row = 0; row < set.rows(); row++) {
                BufferedImage image = new BufferedImage(28, 28, BufferedImage.TYPE_BYTE_GRAY);
                for (int i = 0; i < 784; i++) {
                    image.getRaster().setSample(i % 28, i / 28, 0, set.value(row, i));
                }
                Path file =
                        root.resolve(split)
                                .resolve(Integer.toString(set.labels()[row]))
                                .resolve(row + ".png");
                Files.createDirectories(file.getParent());
                ImageIO.write(image, "png", file.toFile());
            }
        }
        return root;
    }

    @Test
    void trainEvaluateAndPredict() throws IOException {
        Path data = images();
        Path model = folder.resolve("m.safetensors");
        Path runFolder = folder.resolve("run");
        Cli.Outcome trained =
                run(
                        "train",
                        "--data",
                        data.toString(),
                        "--epochs",
                        "12",
                        "--save",
                        model.toString(),
                        "--out",
                        runFolder.toString());
        assertThat(trained.err()).isEmpty();
        assertThat(trained.code()).isZero();
        String accuracy =
                trained.lines().stream()
                        .filter(line -> line.startsWith("test accuracy 0."))
                        .findFirst()
                        .orElseThrow()
                        .split("[ ,]")[2];
        assertThat(Double.parseDouble(accuracy)).isGreaterThan(0.6);
        assertThat(Files.readString(runFolder.resolve("run.json")))
                .contains("\"wrongPerClass\"", "\"confusion\"", "\"stepMicros\"", "\"seconds\"");
        assertThat(Files.readAllLines(runFolder.resolve("history.csv"))).hasSize(13);

        for (Path trainedModel : new Path[] {model, runFolder}) {
            Cli.Outcome evaluated =
                    run("evaluate", trainedModel.toString(), "--data", data.toString());
            assertThat(evaluated.err()).isEmpty();
            assertThat(evaluated.out()).contains("test accuracy " + accuracy);
        }

        Path image = data.resolve("test").resolve("1");
        try (var files = Files.list(image)) {
            image = files.sorted().findFirst().orElseThrow();
        }
        Cli.Outcome predicted = run("predict", model.toString(), image.toString());
        assertThat(predicted.err()).isEmpty();
        assertThat(predicted.lines()).hasSize(1 + 14 + 10); // the class, the picture, the bars
        assertThat(predicted.lines().get(15)).matches("0  [01]\\.\\d{4}(  #+)?");

        Cli.Outcome again = run("train", "--data", data.toString(), "--out", runFolder.toString());
        assertThat(again.code()).isEqualTo(3);
        assertThat(again.err())
                .isEqualTo(
                        "quern: %s holds a run already: go on with it by --auto-resume or --resume %s, or give --out"
                                        .formatted(runFolder, runFolder)
                                + " another folder\n");
        Cli.Outcome missed =
                run(
                        "train",
                        "--data",
                        data.toString(),
                        "--epochs",
                        "1",
                        "--target-accuracy",
                        "0.999");
        assertThat(missed.code()).isEqualTo(1);
    }

    @Test
    void summaryOfTheTutorialsNetworks() {
        assertThat(run("summary").out())
                .isEqualTo(
                        """
                        Layer          Output shape  Parameters
                        ---------------------------------------
                        input          (28, 28)               0
                        dense 48 relu  (48)              37,680
                        dropout 0.3    (48)                   0
                        dense 15       (15)                 735
                        dropout 0.3    (15)                   0
                        dense 10       (10)                 160
                        ---------------------------------------
                        Total                            38,575

                        parameters   150.7 KiB
                        optimizer    301.4 KiB
                        activations  866.5 KiB (batches of 32, of 256 when not training)
                        arena        1.4 MiB
                        """);
        assertThat(run("summary", "--recipe", "first").out()).contains("31,810");
    }

    @Test
    void gradcheckPassesAndDoctorFindsABackend() {
        Cli.Outcome checked =
                run(
                        "gradcheck",
                        "--input",
                        "5",
                        "--model",
                        "dense 4 tanh, dense 3",
                        "--batch",
                        "3");
        assertThat(checked.code()).isZero();
        assertThat(checked.lines()).allMatch(line -> line.startsWith("PASS  "));
        // what is said of a network is not lost where no layers are given
        Cli.Outcome batch = run("gradcheck", "--batch", "3", "--entries", "1", "--backend", "java");
        assertThat(batch.out()).startsWith("PASS  dense 48 relu, ");
        Cli.Outcome doctor = run("doctor");
        assertThat(doctor.code()).isZero();
        assertThat(doctor.lines()).anyMatch(line -> line.matches("java +PASS  .*within bounds.*"));
        assertThat(doctor.lines())
                .contains("mnist     not found: fetch it with quern data fetch mnist")
                .contains("cache     PASS  " + folder.resolve("cache/quern") + " can be written")
                .last()
                .asString()
                .matches("verdict   ready: train runs on \\w+(, the CPU: no GPU is used)?");
    }

    /** Without a network, too: what other commands find needs no fetching. */
    @Test
    void mnistIsNotFetchedWhereItIsFound() {
        Path there = RealMnist.folder();
        Cli.Outcome outcome =
                new Cli(folder).with("QUERN_MNIST", there.toString()).run("data", "fetch", "mnist");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out())
                .matches(
                        "mnist     whole and checked \\(SHA-256\\) in .*mnist, which QUERN_MNIST names\\R");
        assertThat(folder.resolve("cache/quern/mnist")).doesNotExist();
    }

    /** The last weights and the best, which are not those of one epoch here. */
    @Test
    void theWeightsOfARunAreTestedByName() {
        String run = folder.resolve("run").toString();
        String train =
                "train --data generated:300,200 --backend java --epochs 6 --lr 0.1 --seed 3"
                        + " --validation 0.3 --quiet --out ";
        Cli.Outcome trained = run((train + run).split(" "));
        assertThat(trained.err()).isEmpty();
        assertThat(trained.lines().get(0)).startsWith("test accuracy "); // --quiet
        String tested = RunFolder.readRun(folder.resolve("run")).get("tested").getAsString();
        assertThat(tested)
                .matches("the weights of epoch 6, the last; by validation loss, epoch [1-5] is .*");
        List<String> results =
                Stream.of("last", "best")
                        .map(use -> run("evaluate", run, "--use", use).lines())
                        .map(lines -> lines.stream().filter(l -> l.startsWith("test accuracy")))
                        .map(lines -> lines.findFirst().orElseThrow())
                        .toList();
        assertThat(results.get(0)).isEqualTo(trained.lines().get(0)).isNotEqualTo(results.get(1));
    }

    /** The script completes in bash: its function is asked as the shell does. */
    @Test
    void completionCompletes() throws Exception {
        Path script = folder.resolve("quern.sh");
        Files.writeString(script, run("completion", "bash").out());
        String ask =
                "source %s; COMP_WORDS=(quern train --ear); COMP_CWORD=2; _complete_quern;"
                        + " echo ${COMPREPLY[@]}; COMP_WORDS=(quern swe); COMP_CWORD=1;"
                        + " _complete_quern; echo ${COMPREPLY[@]}";
        Process bash =
                new ProcessBuilder("bash", "-c", ask.formatted(script))
                        .redirectError(
                                ProcessBuilder.Redirect.DISCARD) // it is no shell of a person
                        .start();
        assertThat(new String(bash.getInputStream().readAllBytes(), UTF_8))
                .isEqualTo("--early-stopping\nsweep\n");
    }
}
