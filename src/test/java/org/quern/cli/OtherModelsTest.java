package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.File;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.io.KerasWriter;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;

/** The commands that take a model take those of other programs. */
class OtherModelsTest {
    @TempDir Path folder;

    private static String given(String name) throws URISyntaxException {
        return Path.of(OtherModelsTest.class.getResource("/models/" + name).toURI()).toString();
    }

    private Cli.Outcome quern(String... arguments) {
        return new Cli(folder).run(arguments);
    }

    /** What Keras says of the first row of its table, and twice converted, the same. */
    @Test
    void predictsAndConverts() throws Exception {
        String keras = given("table.keras");
        String onnx = folder.resolve("a.onnx").toString();
        String safe = folder.resolve("a.safetensors").toString();
        String again = folder.resolve("a.keras").toString();
        String[] row = {"--csv-row", "1,2,3,4,5", "--backend", "java"};
        Cli.Outcome direct = quern("predict", keras, row[0], row[1], row[2], row[3]);
        assertThat(direct.out()).startsWith("the CSV row: 0.349654").contains(", -0.623731");

        Cli.Outcome export =
                quern("export", keras, "--onnx", onnx, "--safetensors", safe, "--keras", again);
        assertThat(export.lines())
                .containsExactly(
                        onnx
                                + ": ONNX opset 13; input [N, 5], float32, as in the data; output [N, 2]",
                        again + ": Keras 3; input [N, 5], float32, as in the data; output [N, 2]",
                        "loss      compile it with Huber(delta=1.0)",
                        safe + ": safetensors; dense 6 tanh, dense 4 silu, dense 2");
        for (String converted : new String[] {onnx, safe, again}) {
            assertThat(quern("predict", converted, row[0], row[1], row[2], row[3]).out())
                    .isEqualTo(direct.out());
        }
    }

    @Test
    void kerasFilesAreCalledSo() throws Exception {
        Cli.Outcome outcome = quern("export", given("table.keras"), "--keras", "table.h5");
        assertThat(outcome.err())
                .isEqualTo(
                        "quern: --keras table.h5: Keras tells file formats by extension: use a"
                                + " name that ends in .keras\n");
        assertThat(outcome.code()).isEqualTo(2);
    }

    @Test
    void whatWasGuessedOrLeftOutIsANote() throws Exception {
        assertThat(quern("summary", given("torch-scaled.onnx")).lines())
                .contains(
                        "note      torch-scaled.onnx does not say what its outputs are: taken for a"
                                + " classifier of 3 classes");
        String torch = given("torch-scaled.safetensors");
        String layers = "dense 5 gelu, dense 4 relu, dense 3";
        String onnx = folder.resolve("t.onnx").toString();
        assertThat(
                        quern("export", torch, "--model", layers, "--input", "4x3", "--onnx", onnx)
                                .lines())
                .startsWith("note      torch-scaled.safetensors: not used: loss.weights, steps");
    }

    /** Only pixels are divided by 255 if nobody says so; either is told. */
    @Test
    void theScalingOfAFileThatHasNoneIsTold() throws Exception {
        String torch = given("torch-named.safetensors");
        String[] model = {torch, "--model", "dense 4 silu, dense 3", "--input"};
        String[] row = {
            "--csv-row", "1,-2,3,4,-5,6,-7,8,9,10,11,-12", "--backend", "java", "--logits"
        };
        String note = "note      %s does not say how its input is scaled: %s, unless --scale says";
        List<String> told = predicted(model, "12", row);
        assertThat(told.get(0)).startsWith(note.formatted(torch, "taken as it is"));
        List<String> asked = predicted(model, "12 --scale 1", row);
        assertThat(told.subList(1, told.size())).isEqualTo(asked);
        assertThat(predicted(model, "12 --scale 0.5", row)).isNotEqualTo(asked);
        String scaled = given("torch-scaled.safetensors");
        String layers = "dense 5 gelu, dense 4 relu, dense 3";
        assertThat(quern("summary", scaled, "--model", layers, "--input", "4x3").out())
                .contains(note.formatted(scaled, "divided by 255"));
    }

    /** Such as the tutorial's, whose pixels are divided by 255 before the model. */
    @Test
    void aModelOfImagesThatDoesNotScaleThemIsToldHow() throws Exception {
        String keras = folder.resolve("plain.keras").toString();
        Model plain = Model.input(4, 3).dense(2);
        float[] weights = new float[48];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (i % 5 - 2) / 10f;
        }
        SavedModel saved = new SavedModel(plain, Loss.CROSS_ENTROPY, weights, List.of(), Map.of());
        KerasWriter.write(Path.of(keras), saved);
        String image = folder.resolve("image.png").toString();
        BufferedImage pixels = new BufferedImage(3, 4, BufferedImage.TYPE_BYTE_GRAY);
        pixels.getRaster().setSample(1, 2, 0, 200);
        pixels.getRaster().setSample(0, 1, 0, 50);
        ImageIO.write(pixels, "png", new File(image));
        Cli.Outcome silent = quern("predict", keras, image, "--logits", "--backend", "java");
        assertThat(silent.lines().get(0))
                .isEqualTo(
                        "note      %s does not scale its input: pixels are from 0 to 255; give --scale"
                                        .formatted(keras)
                                + " 0.003921569 if it was trained on pixels from 0 to 1");
        Cli.Outcome told =
                quern(
                        "predict",
                        keras,
                        image,
                        "--logits",
                        "--backend",
                        "java",
                        "--scale",
                        "0.003921569");
        assertThat(told.err()).isEmpty();
        assertThat(told.out()).doesNotContain("note ");
        String unit = folder.resolve("unit.safetensors").toString();
        new SavedModel(plain.scaled(Scaling.UNIT), Loss.CROSS_ENTROPY, weights, List.of(), Map.of())
                .save(Path.of(unit));
        assertThat(quern("predict", unit, image, "--logits", "--backend", "java").out())
                .isEqualTo(told.out());
        String scaled = given("images.keras");
        assertThat(quern("summary", scaled, "--scale", "1").err())
                .isEqualTo(
                        "quern: the model's file says how its input is scaled: leave --scale out%n"
                                .formatted());
    }

    private List<String> predicted(String[] model, String input, String[] row) {
        List<String> all = new ArrayList<>(List.of("predict"));
        all.addAll(List.of(model));
        all.addAll(List.of(input.split(" ")));
        all.addAll(List.of(row));
        Cli.Outcome outcome = quern(all.toArray(String[]::new));
        assertThat(outcome.err()).isEmpty();
        return outcome.lines();
    }

    @Test
    void refusesWhatCannotBe() throws Exception {
        String keras = given("table.keras");
        assertThat(quern("export", keras).err())
                .isEqualTo(
                        "quern: give --onnx FILE, --keras FILE or --safetensors FILE, or several%n"
                                .formatted());
        assertThat(quern("export", keras, "--safetensors", keras).err())
                .isEqualTo(
                        "quern: %s belongs to what this command reads: name another file%n"
                                .formatted(keras));
        assertThat(quern("evaluate", keras, "--model", "dense 3").err())
                .isEqualTo(
                        "quern: %s says what model it is of: leave --model out%n".formatted(keras));
        String table = Files.writeString(folder.resolve("table.csv"), "a,b\n1,2\n").toString();
        String none =
                "quern: %s is not a model: give a safetensors, Keras (.keras, .h5) or ONNX file%n";
        assertThat(quern("summary", table).err()).isEqualTo(none.formatted(table));
        Cli.Outcome convolution = quern("summary", given("convolution.keras"));
        assertThat(convolution.err()).contains(" has layers that Quern has not: Conv2D (seeing), ");
        assertThat(convolution.code()).isEqualTo(3);
    }

    /** As a library, Quern has jHDF only if its user wants it. */
    @Test
    void saysWhatKerasFilesNeed() throws Exception {
        String without =
                Stream.of(System.getProperty("java.class.path").split(":"))
                        .filter(part -> !part.contains("jhdf"))
                        .collect(Collectors.joining(":"));
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                without,
                                "org.quern.cli.Quern",
                                "summary",
                                given("images.h5"))
                        .redirectErrorStream(true)
                        .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(said)
                .isEqualTo(
                        "quern: %s: models of Keras are read by io.jhdf:jhdf, which is not on the class"
                                        .formatted(given("images.h5"))
                                + " path\n");
    }
}
