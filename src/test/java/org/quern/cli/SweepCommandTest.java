package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SweepCommandTest {
    @TempDir Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "1,2,5; 1 2 5",
                "1..4; 1 2 3 4",
                "7; 7",
                "-1..1; -1 0 1",
                "1e-4..1e-2; 0.00010 0.000316228 0.0010 0.00316228 0.010",
                "1e-4..1e-2:3; 0.00010 0.0010 0.010",
                "0..0.4:5; 0 0.1 0.2 0.3 0.4",
                "1..2,9; 1 2 9",
                "1..16:3; 1 4 16",
                "adam,sgd; adam sgd"
            })
    void valuesOfASetting(String text, String values) {
        List<String> parsed = ValueList.parse("x", text, ",");
        List<String> expected = Arrays.asList(values.split(" "));
        if (expected.get(0).matches("[-0-9.]+")) {
            assertThat(parsed.stream().map(Double::valueOf))
                    .containsExactlyElementsOf(expected.stream().map(Double::valueOf).toList());
        } else {
            assertThat(parsed).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "1,,2", "4..1", "a..b", "1..2:x", "1..2:1", "1e-3..1e-3", "1..99999999"})
    void valuesThatAreNone(String text) {
        assertThatThrownBy(() -> ValueList.parse("lr", text, ","))
                .hasMessageStartingWith("lr \"" + text + "\": ");
    }

    @Test
    void aSweepAsTableCsvAndJson() throws IOException {
        Path csv = folder.resolve("s.csv");
        Path json = folder.resolve("s.json");
        Cli.Outcome outcome =
                new Cli(folder)
                        .run(
                                "sweep",
                                "--data",
                                "generated:1000,200",
                                "--model",
                                "dense 10 | dense 16 relu, dense 10",
                                "--lr",
                                "1e-3..1e-2:2",
                                "--seeds",
                                "2",
                                "--epochs",
                                "1",
                                "--csv",
                                csv.toString(),
                                "--json",
                                json.toString());
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out())
                .containsPattern("sweep +8 trainings, \\d at a time")
                .containsPattern(
                        "model dense 16 relu, dense 10, lr 0\\.0*10*, seed 2: accuracy 0\\.\\d{4}, loss ");
        List<String> table =
                outcome.lines().stream().dropWhile(line -> !line.contains("mean")).toList();
        assertThat(table.get(0).strip().split(" +"))
                .containsExactly("model", "lr", "runs", "mean", "least", "most", "loss", "seconds");
        assertThat(table).hasSize(1 + 4 + 1);
        List<String> lines = Files.readAllLines(csv);
        assertThat(lines.get(0))
                .isEqualTo("number,model,lr,seed,accuracy,loss,epochs,seconds,failure");
        assertThat(lines).hasSize(9);
        assertThat(lines.get(5)).startsWith("5,\"dense 16 relu, dense 10\",");
        JsonArray records = JsonParser.parseString(Files.readString(json)).getAsJsonArray();
        assertThat(records).hasSize(8);
        assertThat(records.get(7).getAsJsonObject().get("number").getAsInt()).isEqualTo(8);
    }

    @Test
    void oneSeedHasNoMeans() {
        Cli.Outcome outcome =
                new Cli(folder)
                        .run(
                                "sweep",
                                "--data",
                                "generated:500,100",
                                "--batch",
                                "16,32",
                                "--epochs",
                                "1",
                                "--threads",
                                "1");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).contains("2 trainings, 1 at a time");
        assertThat(outcome.lines())
                .anyMatch(line -> line.matches("batch +accuracy +loss +seconds"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "--seeds 0; seeds 0: give 1 or more, and not --seed as well",
                "--seeds 2 --seed 1,2; seeds 2: give 1 or more, and not --seed as well",
                "--lr fast,slow; lr \"fast\" is not a number",
                "--optimizer adam,lion; unknown optimizer \"lion\": use adam or sgd"
            })
    void saysWhatIsWrong(String options, String message) {
        Cli.Outcome outcome =
                new Cli(folder).run(("sweep --data generated:100,20 " + options).split(" "));
        assertThat(outcome.err()).isEqualTo("quern: " + message + System.lineSeparator());
        assertThat(outcome.code()).isEqualTo(2);
    }
}
