package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClassWeightsOptionTest {
    @TempDir Path folder;

    @BeforeEach
    void table() throws IOException {
        Random random = new Random(3);
        StringBuilder rows = new StringBuilder("x,label\n");
        for (int i = 0; i < 500; i++) {
            boolean rare = i % 10 == 0;
            double x = random.nextGaussian() + (rare ? 2 : 0);
            rows.append(x).append(',').append(rare ? "fraud" : "ok").append('\n');
        }
        Files.writeString(folder.resolve("bank.csv"), rows);
    }

    private Cli.Outcome train(String... more) {
        List<String> words =
                new ArrayList<>(List.of("--data", folder.resolve("bank.csv").toString()));
        words.addAll(List.of("--lr", "0.03", "--epochs", "10"));
        words.addAll(List.of(more));
        if (!words.contains("--model")) {
            words.addAll(List.of("--model", "dense 2"));
        }
        words.add(0, "train");
        return new Cli(folder.resolve("cache")).run(words.toArray(String[]::new));
    }

    /** Of the test's fraud rows, how many were found. */
    private static double recall(Cli.Outcome outcome) {
        assertThat(outcome.err()).isEmpty();
        String[] fraud =
                outcome.lines().stream()
                        .filter(line -> line.matches("fraud +\\d+ +\\d+ +0\\.\\d+ .*"))
                        .findFirst()
                        .orElseThrow()
                        .split(" +");
        return Double.parseDouble(fraud[4]);
    }

    @Test
    void aRareClassIsFoundAndTheWeightsAreTold() {
        Cli.Outcome balanced = train("--class-weights", "balanced");
        assertThat(balanced.out())
                .containsPattern("cross-entropy with class weights from 0\\.\\d+ to");
        double plain = recall(train());
        assertThat(recall(balanced)).isGreaterThan(plain + 0.2);
        Cli.Outcome named = train("--class-weights", "fraud=9");
        assertThat(named.out()).contains("cross-entropy with class weights from 1.0 to 9.0,");
        assertThat(recall(named)).isGreaterThan(plain + 0.2);
    }

    @Test
    void aRunWithWeightsIsEvaluatedAndResumedByItsOwn() {
        String run = folder.resolve("run").toString();
        assertThat(train("--class-weights", "fraud=9", "--out", run).err()).isEmpty();
        Cli cli = new Cli(folder.resolve("cache"));
        assertThat(cli.run("evaluate", run).err()).isEmpty();
        Cli.Outcome resumed = cli.run("train", "--resume", run);
        assertThat(resumed.err()).isEmpty();
        assertThat(resumed.out()).contains("class weights from 1.0 to 9.0,");
        assertThat(cli.run("train", "--resume", run, "--class-weights", "fraud=8").err())
                .contains("--class-weights fraud=8 contradicts");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "fruad=2 | bank.csv has no class \"fruad\": it has fraud, ok",
                "ok=a | \"ok=a\" is not understood: give balanced, or weights of different classes",
                "ok | \"ok\" is not understood",
                "ok=1,ok=2 | \"ok=2\" is not understood",
                "ok=-1 | class weights: -1.0 must be 0 or more, and finite",
            })
    void whatCannotBeUnderstood(String weights, String message) {
        Cli.Outcome refused = train("--class-weights", weights);
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains(message);
    }

    @Test
    void otherLossesHaveNoUseForThem() throws IOException {
        Path bank = folder.resolve("bank.csv");
        Files.writeString(bank, Files.readString(bank).replace("fraud", "1").replace("ok", "0"));
        String weights = "--class-weights";
        Cli.Outcome trained = train("--model", "dense 1", "--loss", "mse", weights, "balanced");
        assertThat(trained.err()).isEmpty();
        assertThat(trained.out()).contains("--class-weights does nothing with mse and adam");
    }
}
