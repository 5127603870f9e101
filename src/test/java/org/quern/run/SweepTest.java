package org.quern.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.train.Trainer;

class SweepTest {
    private static final Splits DIGITS = Digits.splits(1500, 300);
    private static final RunSettings BASE =
            RunSettings.DEFAULT.with(Map.of("epochs", "2", "validation", "0.1"));

    private static Map<String, List<String>> varied() {
        Map<String, List<String>> varied = new LinkedHashMap<>();
        varied.put("lr", List.of("0.001", "0.01"));
        varied.put("dropout", List.of("0", "0.3"));
        varied.put("width", List.of("33", "48"));
        varied.put("seed", List.of("1", "2"));
        return varied;
    }

    @ParameterizedTest
    @MethodSource("org.quern.backend.Usable#onHost")
    void eachMemberIsWhatItIsAlone(Backend backend) {
        List<Sweep.Member> members = Sweep.members(BASE, varied());
        assertThat(members).hasSize(16);
        List<Sweep.Result> heard = new ArrayList<>();
        List<Sweep.Result> results = new Sweep(DIGITS, backend, 3).run(members, heard::add);
        assertThat(results).hasSize(16).containsExactlyInAnyOrderElementsOf(heard);
        for (Sweep.Result result : results) {
            Sweep.Member member = result.member();
            assertThat(member).isSameAs(members.get(member.number() - 1));
            RunSettings settings = member.settings();
            Splits parts = settings.parts(DIGITS);
            try (Trainer alone =
                    Trainer.open(settings.config(28, 28), backend, Backend.Options.DEFAULT)) {
                alone.fit(parts.train(), parts.validation(), 2);
                assertThat(result.test())
                        .as(member.toString())
                        .isEqualTo(Sweep.Score.of(alone.evaluate(parts.test())));
                assertThat(result.validation())
                        .isEqualTo(Sweep.Score.of(alone.evaluate(parts.validation())));
                assertThat(result.epochs()).hasSize(2);
                assertThat(result.failure()).isNull();
            }
        }
        assertThat(results.stream().map(Sweep.Result::test).distinct()).hasSize(16);
    }

    /** Each row is tested once, by a network that has not seen it, and alone is as beside. */
    @Test
    void aFoldIsAMember() {
        Backend backend = Usable.named("java");
        RunSettings base =
                RunSettings.DEFAULT.with(Map.of("epochs", "1", "folds", "3", "balance", "true"));
        List<Sweep.Member> members = Sweep.members(base, Map.of("seed", List.of("1", "2")));
        assertThat(members.stream().map(Sweep.Member::number)).containsExactly(1, 1, 1, 2, 2, 2);
        assertThat(members.stream().map(Sweep.Member::fold)).containsExactly(1, 2, 3, 1, 2, 3);
        int tested = 0;
        for (Sweep.Result result : new Sweep(DIGITS, backend, 2).run(members, heard -> {})) {
            RunSettings settings = result.member().settings();
            Splits parts = settings.parts(DIGITS, result.member().fold());
            assertThat(parts.train().rows() + parts.test().rows()).isEqualTo(1500);
            assertThat(parts.validation()).isNull();
            tested += parts.test().rows();
            try (Trainer alone = settings.open(parts, backend, settings.options())) {
                alone.fit(settings.toTrain(parts), 1);
                assertThat(result.validation())
                        .isEqualTo(Sweep.Score.of(alone.evaluate(parts.test())));
                assertThat(result.test()).isEqualTo(Sweep.Score.NONE);
            }
        }
        assertThat(tested).isEqualTo(2 * 1500);
    }

    @Test
    void earlyStoppingDoesNotGoByTheFold() {
        RunSettings base = RunSettings.DEFAULT.with(Map.of("folds", "3"));
        List<Sweep.Member> members =
                Sweep.members(base, Map.of("early-stopping", List.of("0", "5")));
        assertThat(members.get(0).parts(DIGITS).validation()).isNull();
        Splits stopped = members.get(3).parts(DIGITS);
        assertThat(stopped.validation().rows()).isEqualTo(100);
        assertThat(stopped.train().rows()).isEqualTo(900);
        assertThat(stopped.test().rows()).isEqualTo(500);
    }

    /** On a GPU each is a team of blocks, and a thread on the host. */
    @Test
    @Tag("slow")
    void trainingsSideBySideOnAGpuAreWhatTheyAreAlone() {
        Backend cuda = Usable.named("cuda");
        Splits few = Digits.splits(100, 50);
        Map<String, List<String>> varied = new LinkedHashMap<>();
        varied.put("width", List.of("37", "48")); // one kernel, of two sizes of memory
        varied.put("seed", List.of("1", "2"));
        RunSettings base = BASE.with(Map.of("gemm", "own"));
        List<Sweep.Member> members = Sweep.members(base, varied);
        List<Sweep.Result> beside = new Sweep(few, cuda, 3).run(members, result -> {});
        List<Sweep.Result> alone = new Sweep(few, cuda, 1).run(members, result -> {});
        assertThat(beside.stream().map(Sweep.Result::test).toList())
                .isEqualTo(alone.stream().map(Sweep.Result::test).toList());
        assertThat(beside.stream().map(Sweep.Result::test).distinct()).hasSize(4);
        // four multiprocessors are less than a cluster of twelve
        assertThat(new Sweep(few, cuda, 0).sideBySide(members).most()).isEqualTo(1);
        assertThat(new Sweep(few, Usable.named("java"), 0).sideBySide(members).most())
                .isEqualTo(Math.min(4, Runtime.getRuntime().availableProcessors()));
    }

    @Test
    void variantsChangeTheModelsText() {
        assertThat(
                        Sweep.members(BASE, varied()).stream()
                                .map(member -> member.settings().text("model"))
                                .distinct())
                .containsExactly(
                        "dense 33 relu, dropout 0.0, dense 15, dropout 0.0, dense 10",
                        "dense 48 relu, dropout 0.0, dense 15, dropout 0.0, dense 10",
                        "dense 33 relu, dropout 0.3, dense 15, dropout 0.3, dense 10",
                        "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10");
        assertThat(Sweep.members(BASE, Map.of())).hasSize(1);
    }

    @Test
    void aMemberThatDivergesDoesNotEndTheOthers() {
        Map<String, List<String>> varied = Map.of("lr", List.of("0.001", "1e30"));
        List<Sweep.Result> results =
                new Sweep(DIGITS, Usable.named("java"), 1)
                        .run(Sweep.members(BASE, varied), result -> {});
        assertThat(results.get(0).failure()).isNull();
        assertThat(results.get(1).failure()).contains("epoch 1");
        assertThat(results.get(1).validation().accuracy()).isNaN();
    }

    @Test
    void stoppedItStartsNoMore() {
        Sweep sweep = new Sweep(DIGITS, Usable.named("java"), 1);
        List<Sweep.Result> results =
                sweep.run(Sweep.members(BASE, varied()), result -> sweep.stop());
        assertThat(results).hasSize(1);
    }

    @Test
    @Timeout(60)
    void stoppedItInterruptsWhatRuns() throws Exception {
        RunSettings endless = BASE.with(Map.of("epochs", "1000000"));
        Sweep sweep = new Sweep(DIGITS, Usable.named("java"), 2);
        CompletableFuture<List<Sweep.Result>> results =
                CompletableFuture.supplyAsync(
                        () -> sweep.run(Sweep.members(endless, varied()), result -> {}));
        Thread.sleep(300);
        assertThat(results).isNotDone();
        sweep.stop();
        assertThat(results.get()).isEmpty();
    }

    @Test
    @Timeout(60)
    void aFailureEndsTheOthersToo() {
        RunSettings endless = BASE.with(Map.of("epochs", "1000000"));
        Map<String, List<String>> models = Map.of("model", List.of("dense 10", "dense 9"));
        Sweep sweep = new Sweep(DIGITS, Usable.named("java"), 2);
        assertThatThrownBy(() -> sweep.run(Sweep.members(endless, models), result -> {}))
                .isInstanceOf(QuernException.class)
                .hasMessageContaining("10 classes, but the model has 9 outputs");
    }

    static Stream<Arguments> wrong() {
        return Stream.of(
                Arguments.of("dropout", "1", "dropout 1.0: the rate is the fraction to drop"),
                Arguments.of("dropout", "x", "dropout \"x\" is not a number"),
                Arguments.of("width", "0", "dense 0: a layer has at least 1 unit"),
                Arguments.of("lr", "fast", "lr \"fast\" is not a number"),
                Arguments.of("batch", "0.5", "batch \"0.5\" is not a number"));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void saysWhichValueIsWrong(String setting, String value, String message) {
        assertThatThrownBy(() -> Sweep.members(BASE, Map.of(setting, List.of(value))))
                .isInstanceOf(QuernException.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void wrongModelsAndTooManyMembers() {
        RunSettings flat = BASE.with(Map.of("model", "dense 10"));
        assertThatThrownBy(() -> Sweep.members(flat, Map.of("dropout", List.of("0.1"))))
                .hasMessage("dropout 0.1: the model has no dropout to change");
        assertThatThrownBy(() -> Sweep.members(flat, Map.of("width", List.of("3"))))
                .hasMessage("width: the model has no hidden layer to change");
        List<String> many = java.util.Collections.nCopies(101, "1");
        assertThatThrownBy(() -> Sweep.members(flat, Map.of("seed", many, "batch", many)))
                .hasMessage("a sweep of more than 10,000 trainings: vary less at once");
    }

    @Test
    void nothingIsTrainedTwice() {
        String twice = "a sweep trains the same twice, %s: give each value once";
        assertThatThrownBy(() -> Sweep.members(BASE, Map.of("lr", List.of("0.1", "0.1"))))
                .isInstanceOf(QuernException.class)
                .hasMessage(twice.formatted("as lr 0.1 and as lr 0.1"));
        assertThatThrownBy(() -> Sweep.members(BASE, Map.of("lr", List.of("0.1", "1", "0.10"))))
                .hasMessage(twice.formatted("as lr 0.1 and as lr 0.10"));
        assertThatThrownBy(() -> Sweep.members(BASE, Map.of("width", List.of("8", "9", "8"))))
                .hasMessage(twice.formatted("as width 8 and as width 8"));
    }

    @Test
    void withoutValidationThereIsNothingToCompareBy() {
        assertThatThrownBy(() -> Sweep.members(RunSettings.DEFAULT, Map.of()))
                .isInstanceOf(QuernException.class)
                .hasMessage(
                        "validation 0: a sweep compares by validation rows, give a fraction above"
                                + " 0");
        RunSettings few = RunSettings.DEFAULT.with(Map.of("overfit", "20", "epochs", "1"));
        assertThat(few.validated()).isSameAs(few);
        Sweep.Result byHeart =
                new Sweep(DIGITS, Usable.named("java"), 1)
                        .run(Sweep.members(few, Map.of()), result -> {})
                        .get(0);
        assertThat(byHeart.validation()).isEqualTo(byHeart.test());
    }

    @Test
    void dataThatDoesNotFitEndsTheSweep() {
        RunSettings narrow = BASE.with(Map.of("model", "dense 3"));
        assertThatThrownBy(
                        () ->
                                new Sweep(DIGITS, Usable.named("java"), 2)
                                        .run(
                                                Sweep.members(
                                                        narrow, Map.of("seed", List.of("1", "2"))),
                                                result -> {}))
                .isInstanceOf(QuernException.class)
                .hasMessageContaining("has 10 classes, but the model has 3 outputs");
    }
}
