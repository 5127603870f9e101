package org.quern.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.StateFile;
import org.quern.run.Sweep;
import org.quern.run.Training;
import org.quern.train.EpochResult;
import org.quern.train.Listener;
import org.quern.train.Trainer;

class SweepTest {
    private final SparkSession spark = Cluster.local();
    private final Splits points =
            Splits.of(QuernSweep.rows(Cluster.points(spark), "features", "label"));

    static final RunSettings BASE =
            RunSettings.DEFAULT.with(
                    Map.of("model", "dense 8 relu, dense 3", "validation", 0.2, "epochs", 3));

    @Test
    void eachMemberHasTheBitsThatItHasAlone() {
        List<Sweep.Member> members =
                Sweep.members(
                        BASE.with(Map.of("momentum", 0.5)),
                        Map.of("seed", List.of("1", "2"), "lr", List.of("0.01")));
        List<QuernSweep.Result> results = new QuernSweep(spark).run(points, members);
        assertThat(results).hasSize(2);
        for (int i = 0; i < members.size(); i++) {
            QuernSweep.Result result = results.get(i);
            RunSettings settings = members.get(i).on(points).settings();
            Splits parts = settings.parts(points);
            try (Training alone = new Training(settings, parts, settings.choose().backend())) {
                alone.fit();
                assertThat(Bytes.of(result.model())).isEqualTo(Bytes.of(alone.model()));
            }
            Sweep.Result by =
                    new Sweep(points, Backends.choose("auto").backend(), 1)
                            .run(List.of(members.get(i).on(points)), heard -> {})
                            .get(0);
            assertThat(result.scores().validation()).isEqualTo(by.validation());
            assertThat(result.scores().test()).isEqualTo(by.test());
            assertThat(result.scores().epochs()).hasSize(3);
            assertThat(result.scores().member()).isSameAs(members.get(i));
            assertThat(result.notes())
                    .containsExactly("momentum does nothing with cross-entropy and adam");
        }
    }

    /** Broadcasts of the next session have the same numbers. */
    @Test
    void dataIsThatOfItsSession() {
        Sweep.Member member = Sweep.members(BASE, Map.of()).get(0);
        SparkSession session = spark;
        for (String label : List.of("label", "2 - label")) {
            session.stop();
            session = Cluster.local();
            Dataset<Row> rows = Cluster.points(session).withColumn("label", functions.expr(label));
            Splits data = Splits.of(QuernSweep.rows(rows, "features", "label"));
            Sweep.Result alone =
                    new Sweep(data, Backends.choose("auto").backend(), 1)
                            .run(List.of(member.on(data)), heard -> {})
                            .get(0);
            assertThat(new QuernSweep(session).run(data, List.of(member)).get(0).scores())
                    .extracting(Sweep.Result::validation)
                    .isEqualTo(alone.validation());
        }
    }

    @Test
    void oneThatFailsIsAResultThatSaysSo() {
        List<Sweep.Member> members =
                Sweep.members(
                        BASE.with(Map.of("optimizer", "sgd")),
                        Map.of("lr", List.of("0.01", "1e30")));
        members = Stream.concat(members.stream(), wide().stream()).toList();
        List<QuernSweep.Result> results = new QuernSweep(spark).run(points, members);
        assertThat(results.get(0).failure()).isNull();
        assertThat(results.get(0).accuracy()).isGreaterThan(0.3);
        assertThat(results.get(1).failure()).contains("training diverged");
        assertThat(results.get(1).model()).isNull();
        assertThat(results.get(2).failure()).contains("has 7 outputs, but");
        assertThat(results.get(2).accuracy()).isNaN();
    }

    private static List<Sweep.Member> wide() {
        return Sweep.members(BASE.with(Map.of("model", "dense 7")), Map.of());
    }

    @Test
    void nothingToTrainIsSaid() {
        assertThatThrownBy(() -> new QuernSweep(spark).run(points, List.of()))
                .isInstanceOf(QuernException.class)
                .hasMessage("there is nothing to train");
    }

    /** A training is broken off, and another goes on from its checkpoint. */
    @Test
    void whoTriesAgainGoesOnToTheSameBits(@TempDir Path folder) throws Exception {
        Splits digits = Splits.of(Digits.generate("digits", 400, 0, 1));
        RunSettings settings = RunSettings.DEFAULT.with(Map.of("epochs", 4)).on(digits);
        Splits parts = settings.parts(digits);
        String where = folder.resolve("kept").toUri().toString();
        byte[] expected;
        try (Training training = open(settings, parts)) {
            training.fit();
            expected = Bytes.of(training.model());
        }
        try (Training training = open(settings, parts)) {
            new Checkpoints(where, 1, settings, 0, training).attach(training.trainer());
            training.trainer()
                    .listen(
                            new Listener() {
                                @Override
                                public Verdict epochEnd(
                                        EpochResult result, boolean best, Trainer trainer) {
                                    if (result.epoch() == 2) {
                                        throw new IllegalStateException("killed");
                                    }
                                    return Verdict.GO_ON;
                                }
                            });
            assertThatThrownBy(training::fit).hasMessage("killed");
        }
        try (Stream<Path> files = Files.list(folder.resolve("kept"))) {
            Path state = files.filter(file -> file.toString().endsWith(".state")).findFirst().get();
            assertThat(StateFile.read(state).checkpoint().epochs()).hasSize(2);
        }
        try (Training training = open(settings.with(Setting.THREADS, 1), parts)) {
            Checkpoints kept = new Checkpoints(where, 1, settings, 0, training);
            kept.attach(training.trainer());
            assertThat(training.trainer().step()).isPositive();
            training.fit();
            assertThat(Bytes.of(training.model())).isEqualTo(expected);
            kept.delete();
        }
        try (Stream<Path> files = Files.list(folder.resolve("kept"))) {
            assertThat(files.filter(file -> file.toString().endsWith(".state"))).isEmpty();
        }
        try (Training other = open(settings.with(Setting.SEED, 2L), parts)) {
            new Checkpoints(where, 1, settings, 0, other).attach(other.trainer());
            assertThat(other.trainer().step()).isZero();
        }
    }

    private static Training open(RunSettings settings, Splits parts) {
        return new Training(settings, parts, settings.choose().backend());
    }
}
