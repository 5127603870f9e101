package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Header;
import org.quern.io.ModelFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.io.OnnxFile;
import org.quern.report.TextReport;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Training;

/** A program that trains gets what the command line gets, to the bit. */
class FromJavaTest {
    private static final String MODEL = "dense 8 relu, dense 1";

    @TempDir Path folder;

    private static List<Object[]> rows() {
        Random random = new Random(3);
        List<Object[]> rows = new ArrayList<>();
        for (int i = 0; i < 257; i++) {
            double area = 30 + 200 * random.nextDouble();
            int age = random.nextInt(90);
            long sold = 1_500_000_000L + random.nextInt(1_000_000_000);
            rows.add(new Object[] {area, age, sold, area * (3000.7 - 20 * age)});
        }
        return rows;
    }

    private String path(String name) {
        return folder.resolve(name).toString();
    }

    private SavedModel trained(Path csv, String... options) {
        List<String> words = new ArrayList<>(List.of("train", "--data", csv.toString()));
        words.addAll(List.of("--label", "price", "--loss", "mse", "--model", MODEL));
        words.addAll(List.of("--backend", "java", "--save", path("cli.safetensors")));
        words.addAll(List.of(options));
        Cli.Outcome outcome = new Cli(folder).run(words.toArray(String[]::new));
        assertThat(outcome.err()).isEmpty();
        said = outcome.out();
        return ModelFile.read(folder.resolve("cli.safetensors"), null);
    }

    private String said;

    private static void same(SavedModel one, SavedModel other) {
        assertThat(one.parameters()).isEqualTo(other.parameters());
        assertThat(one.model().text()).isEqualTo(other.model().text());
        assertThat(one.loss()).isEqualTo(other.loss());
        assertThat(one.classes()).isEqualTo(other.classes());
        assertThat(one.notes()).isEqualTo(other.notes());
        assertThat(one.columns().names()).hasSameSizeAs(other.columns().names());
        assertThat(one.columns().means()).isEqualTo(other.columns().means());
        assertThat(one.columns().factors()).isEqualTo(other.columns().factors());
        Columns.Target target = one.columns().targets().get(0);
        assertThat(target.mean()).isEqualTo(other.columns().targets().get(0).mean());
        assertThat(target.deviation()).isEqualTo(other.columns().targets().get(0).deviation());
    }

    @Test
    void theSameRowsSplitAndSeedGiveTheSameModel() throws IOException {
        String csv =
                rows().stream()
                        .map(row -> Arrays.stream(row).map(Object::toString))
                        .map(cells -> cells.collect(Collectors.joining(",")))
                        .collect(Collectors.joining("\n", "area,age,sold,price\n", "\n"));
        Path table = Files.writeString(folder.resolve("homes.csv"), csv);
        Header header = Header.columns().number("area", "age", "sold").target("price");
        Dataset homes = Dataset.ofRows("homes.csv", header, rows());
        RunSettings settings =
                RunSettings.DEFAULT
                        .with(Setting.MODEL, MODEL)
                        .with(Setting.BACKEND, "java")
                        .with(Setting.EPOCHS, 7)
                        .with(Setting.SEED, 5L)
                        .with(Setting.EARLY_STOPPING, 3);
        for (Setting.OnOff standardize : Setting.OnOff.values()) {
            RunSettings asked = settings.with(Setting.STANDARDIZE, standardize);
            String is = asked.text("standardize");
            SavedModel told =
                    trained(
                            table,
                            "--epochs",
                            "7",
                            "--seed",
                            "5",
                            "--early-stopping",
                            "3",
                            "--standardize",
                            is);
            try (Training training = Training.open(homes, asked)) {
                training.fit();
                same(training.model(), told);
                assertThat(said.lines()).contains(TextReport.of("test", training.test()));
                OnnxFile.write(folder.resolve("java.onnx"), training.model());
            }
            new Cli(folder).run("export", path("cli.safetensors"), "--onnx", path("cli.onnx"));
            assertThat(folder.resolve("java.onnx"))
                    .hasSameBinaryContentAs(folder.resolve("cli.onnx"));
        }
    }
}
