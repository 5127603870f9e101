package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.bench.StepBench;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;
import picocli.CommandLine;

/** What {@code quern bench} says and leaves; no figure of it is held against anything. */
@Tag("slow")
class BenchCommandTest {
    private static final int COLUMNS = 100;

    @TempDir Path folder;

    private Cli.Outcome run(String... arguments) {
        return new Cli(folder.resolve("cache")).run(arguments);
    }

    private static List<String> strings(JsonArray array, String name) {
        List<String> all = new ArrayList<>();
        for (JsonElement each : array) {
            all.add(each.getAsJsonObject().get(name).getAsString());
        }
        return all;
    }

    @Test
    void bothPartsAreMeasuredAndWritten() throws IOException {
        Path json = folder.resolve("bench.json");
        Cli.Outcome outcome =
                run("bench", "--quick", "--backend", "java", "--json", json.toString());

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(outcome.lines())
                .filteredOn(line -> !line.startsWith("machine") && !line.startsWith("written"))
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(COLUMNS));
        assertThat(outcome.lines())
                .anyMatch(line -> line.startsWith("limits    java: copies 64.0 MiB at "))
                .anyMatch(line -> line.startsWith("summary   java: 12 kernels right; medians: "))
                .contains("verdict   no GPU here; java is the fastest at every batch size");

        JsonObject all = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
        assertThat(all.keySet())
                .containsExactly(
                        "machine",
                        "quick",
                        "devices",
                        "limits",
                        "kernels",
                        "steps",
                        "crossovers",
                        "verdict",
                        "wrong",
                        "leftOut");
        JsonObject machine = all.getAsJsonObject("machine");
        assertThat(machine.get("processor").getAsString()).isNotBlank();
        assertThat(machine.get("processors").getAsInt()).isPositive();
        assertThat(machine.get("java").getAsString()).contains(System.getProperty("java.version"));
        JsonArray kernels = all.getAsJsonArray("kernels");
        assertThat(strings(kernels, "kernel"))
                .isEqualTo(KernelCases.quickBench().stream().map(KernelCase::name).toList());
        for (JsonElement each : kernels) {
            JsonObject kernel = each.getAsJsonObject();
            JsonObject seconds = kernel.getAsJsonObject("seconds");
            double median = seconds.get("median").getAsDouble();
            assertThat(median)
                    .isPositive()
                    .isBetween(
                            seconds.get("least").getAsDouble(), seconds.get("most").getAsDouble());
            assertThat(kernel.get("flopsPerSecond").getAsDouble())
                    .isEqualTo(kernel.get("flops").getAsDouble() / median);
            assertThat(kernel.get("bytesPerSecond").getAsDouble())
                    .isEqualTo(kernel.get("bytes").getAsDouble() / median);
            assertThat(kernel.get("percentOfLimit").getAsDouble()).isPositive();
            assertThat(kernel.get("limit").getAsString()).isIn("arithmetic", "cache");
        }
        JsonArray steps = all.getAsJsonArray("steps");
        assertThat(strings(steps, "network")).contains("784-48-15-10", "784-800-800-10");
        assertThat(strings(steps, "batch").get(0))
                .isEqualTo(Integer.toString(StepBench.QUICK_BATCHES.get(0)));
        assertThat(all.getAsJsonArray("wrong")).isEmpty();
        assertThat(all.getAsJsonArray("crossovers")).isEmpty();
    }

    @Test
    void withoutANameEveryBackendIsMeasured() throws IOException {
        Path json = folder.resolve("kernels.json");
        Cli.Outcome outcome = run("bench", "kernels", "--quick", "--json", json.toString());

        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        JsonObject all = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
        assertThat(all.has("steps")).isFalse();
        List<String> names = strings(all.getAsJsonArray("kernels"), "backend");
        for (Backend backend : Usable.backends()) {
            assertThat(names)
                    .filteredOn(backend.name()::equals)
                    .hasSameSizeAs(KernelCases.quickBench());
        }
        assertThat(names).doesNotContain("reference");
        assertThat(strings(all.getAsJsonArray("limits"), "backend"))
                .isEqualTo(Usable.backends().stream().map(Backend::name).toList());
        for (JsonElement each : all.getAsJsonArray("devices")) {
            JsonObject device = each.getAsJsonObject();
            boolean host = List.of("cpu", "java").contains(device.get("backend").getAsString());
            assertThat(device.get("gpu").getAsBoolean() && host).isFalse();
        }
    }

    @Test
    void oneKernelAloneIsMeasured() throws IOException {
        Path json = folder.resolve("kernels.json");
        String[] quick = {"bench", "kernels", "--quick", "--backend", "java"};
        List<String> command = new ArrayList<>(List.of(quick));
        command.addAll(List.of("--json", json.toString(), "--only", "denseforward"));
        Cli.Outcome all = run(command.toArray(String[]::new));
        assertThat(all.err()).isEmpty();
        assertThat(all.out()).contains("summary   java: 3 kernels right; medians: ");
        JsonObject written = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
        List<String> names = strings(written.getAsJsonArray("kernels"), "kernel");
        assertThat(names).hasSize(3).allMatch(name -> name.startsWith("DenseForward 32x"));

        command.set(command.size() - 1, names.get(1));
        Cli.Outcome one = run(command.toArray(String[]::new));
        assertThat(one.out())
                .contains("\n" + names.get(1) + " ", "summary   java: 1 kernel right; medians: ")
                .doesNotContain(names.get(0));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "kernels --backend none | 2 | unknown backend \"none\": use auto, ",
                "--backend java --device 1 | 2 | --device, --device-memory",
                "steps --device 1 | 2 | what is asked of a GPU goes with its backend: add"
                        + " --backend",
                "steps --backend java --threads -1 | 2 | threads -1: give 1 or more",
                "stepz | 2 | unknown argument \"stepz\": did you mean \"steps\"?",
                "kernels --quik | 2 | unknown option \"--quik\": did you mean \"--quick\"?",
                "kernels --only Adamm | 2 | unknown kernel \"Adamm\": did you mean \"Adam\"?",
                "kernels --only dense | 2 | unknown kernel \"dense\": there are Adam, CrossEntropy,",
                "steps --only Adam | 2 | unknown option \"--only\"",
                "--quick kernels | 2 | --quick is to follow \"kernels\": quern bench kernels --quick",
                "--json x.json mnist | 2 | --json is to follow \"mnist\": quern bench mnist --json",
                "--json /proc/none/x.json | 3 | /proc/none/x.json cannot be written: there is no"
                        + " folder"
            })
    void whatIsWrongIsSaidInOneLineBeforeAnythingIsMeasured(
            String arguments, int code, String message) {
        Cli.Outcome outcome = run(("bench " + arguments).split(" "));

        assertThat(outcome.err().lines().toList()).hasSize(1);
        assertThat(outcome.err()).startsWith("quern: " + message);
        assertThat(outcome.code()).isEqualTo(code);
        assertThat(outcome.out()).doesNotContain("limits", "GFLOP/s", "batch");
    }

    @Test
    void aWrongResultEndsWithAnError() {
        PrintStream nowhere = new PrintStream(PrintStream.nullOutputStream());
        Console console = new Console(nowhere, nowhere, false, Map.of(), System::nanoTime);
        BenchCommands.BenchRun run = new BenchCommands.BenchRun();
        new CommandLine(run).parseArgs("--backend", "java");
        run.begin(console);
        run.finish();
        run.wrong("java: Adam 7: off by 1");

        assertThatThrownBy(run::finish)
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.BACKEND))
                .hasMessage(
                        "wrong results: 1; the first: java: Adam 7: off by 1; see the lines that"
                                + " begin with \"wrong\"");
    }
}
