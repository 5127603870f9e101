package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.data.Dataset;
import org.quern.data.Header;
import org.quern.io.ModelFile;
import org.quern.io.OnnxFile;
import org.quern.report.TextReport;
import org.quern.run.RowPredictor;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Training;

/** A program that trains gets what the command line gets of the same table, to the bit. */
class FromJavaTest {
    private static final Header HOMES =
            Header.columns()
                    .number("id", "area", "age", "sold")
                    .category("town", "garden", "zone", "kind")
                    .number("built");

    @TempDir Path folder;

    /**
     * With gaps, text, booleans, names that are numbers, and times that floats cannot tell apart.
     */
    private static List<List<Object>> rows() {
        Random random = new Random(3);
        String[] towns = {"Rome", "Oslo, Norway", "Bern"};
        List<List<Object>> rows = new ArrayList<>();
        for (int i = 0; i < 257; i++) {
            double area = 30 + 200 * random.nextDouble();
            Integer age = random.nextInt(7) == 0 ? null : random.nextInt(90);
            long sold = 1_700_000_000L + random.nextInt(100_000);
            String town = random.nextInt(9) == 0 ? null : towns[random.nextInt(3)];
            boolean garden = random.nextBoolean();
            int zone = random.nextInt(4);
            String kind = area > 130 ? "large" : "small";
            double price = area * 3000.7 + (garden ? 50_000 : 0) + (sold - 1_700_000_000L);
            rows.add(
                    Arrays.asList(
                            i, area, age, sold, town, garden, zone, kind, 1990, price, -price / 3));
        }
        return rows;
    }

    private Path csv() throws IOException {
        String names = "id,area,age,sold,town,garden,zone,kind,built,price,debt\n";
        String lines =
                rows().stream()
                        .map(row -> row.stream().map(FromJavaTest::field))
                        .map(fields -> fields.collect(Collectors.joining(",")))
                        .collect(Collectors.joining("\n"));
        return Files.writeString(folder.resolve("homes.csv"), names + lines + "\n");
    }

    private static String field(Object cell) {
        return cell == null ? "" : cell instanceof String text ? '"' + text + '"' : cell.toString();
    }

    /** Of the same rows, as the header says which they are, the same file, ONNX and test. */
    private void same(Header header, String model, Map<String, String> options) throws IOException {
        List<String> words = new ArrayList<>(List.of("train", "--data", csv().toString()));
        words.addAll(List.of("--category", "zone", "--save", folder.resolve("cli").toString()));
        RunSettings settings = RunSettings.DEFAULT.with(Setting.BACKEND, "java");
        words.addAll(List.of("--model", model, "--backend", "java"));
        String label =
                header.targets().stream().map(c -> c.name()).collect(Collectors.joining(","));
        words.addAll(List.of("--label", label));
        options.forEach((name, value) -> words.addAll(List.of("--" + name, value)));
        Cli.Outcome told = new Cli(folder).run(words.toArray(String[]::new));
        assertThat(told.err()).isEmpty();
        List<String> all =
                List.of(
                        "id", "area", "age", "sold", "town", "garden", "zone", "kind", "built",
                        "price", "debt");
        List<String> wanted = new ArrayList<>();
        header.inputs().forEach(column -> wanted.add(column.name()));
        header.targets().forEach(column -> wanted.add(column.name()));
        List<Object[]> rows =
                rows().stream()
                        .map(row -> wanted.stream().map(all::indexOf).map(row::get).toArray())
                        .toList();
        RunSettings asked = settings.with(Setting.MODEL, model).with(options);
        try (Training training = Training.open(Dataset.ofRows("homes.csv", header, rows), asked)) {
            training.fit();
            ModelFile.write(folder.resolve("java"), training.model());
            assertThat(folder.resolve("java")).hasSameBinaryContentAs(folder.resolve("cli"));
            assertThat(told.out()).contains(TextReport.of("test", training.test()));
            OnnxFile.write(folder.resolve("java.onnx"), training.model());
        }
        String onnx = folder.resolve("cli.onnx").toString();
        new Cli(folder).run("export", folder.resolve("cli").toString(), "--onnx", onnx);
        assertThat(folder.resolve("java.onnx")).hasSameBinaryContentAs(Path.of(onnx));
    }

    @Test
    void oneNumber() throws IOException {
        Header header = HOMES.number("debt").target("price");
        same(header, "dense 8 relu, dense 1", Map.of("epochs", "4", "seed", "5"));
        same(header, "dense 1", Map.of("standardize", "off", "lr", "1e-6", "early-stopping", "2"));
    }

    @Test
    void severalNumbers() throws IOException {
        same(HOMES.target("price", "debt"), "dense 8 relu, dense 2", Map.of("loss", "mse"));
    }

    @Test
    void classes() throws IOException {
        Header header = HOMES.number("price", "debt").label("kind");
        same(header, "dense 8 relu, dense 2", Map.of("validation", "0.2", "optimizer", "sgd"));
    }

    /** A model of the command line's answers a program's row as it answers the same in a file. */
    @Test
    void rowsToPredict() throws IOException {
        same(HOMES.number("debt").target("price"), "dense 8 relu, dense 1", Map.of("epochs", "2"));
        String names = "town,id,area,age,sold,garden,zone,kind,built,debt\n";
        String row = "Rome,7,100.5,,1700000123,TRUE,03,small,1990,-5";
        Path file = Files.writeString(folder.resolve("row.csv"), names + row + "\n");
        Cli.Outcome told =
                new Cli(folder).run("predict", folder.resolve("cli").toString(), file.toString());
        assertThat(told.err()).isEmpty();
        List<Object> values =
                Arrays.asList("Rome", 7, 100.5, null, 1_700_000_123L, "TRUE", 3, "small", 1990, -5);
        Map<String, Object> map = new HashMap<>();
        for (int i = 0; i < values.size(); i++) {
            map.put(names.strip().split(",")[i], values.get(i));
        }
        try (RowPredictor model = RowPredictor.open(folder.resolve("cli"))) {
            String number = Float.toString(model.predict(map).number());
            assertThat(told.out()).contains(number);
            for (String note : model.predict(map).notes()) {
                assertThat(told.out()).contains(note);
            }
            assertThat(model.predict(map).notes()).hasSize(1); // of TRUE
        }
    }
}
