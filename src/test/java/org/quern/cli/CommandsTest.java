package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.data.Dataset;
import org.quern.data.Digits;

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
    }
}
