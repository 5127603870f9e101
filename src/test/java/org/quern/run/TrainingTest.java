package org.quern.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.data.Header;
import org.quern.data.Splits;
import org.quern.io.ModelFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.train.Evaluation;
import org.quern.train.History;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** From a program's rows to a model, and from a model to answers. */
class TrainingTest {
    enum Ocean {
        BAY,
        INLAND,
        ISLAND
    }

    private record House(
            int id, double income, Double rooms, Ocean ocean, boolean old, int price) {}

    /** A house that is for sale. */
    private record Offer(double income, Double rooms, Ocean ocean, boolean old) {}

    private static final Header HOUSE = Header.of(House.class).without("id").target("price");

    private static final RunSettings SETTINGS =
            RunSettings.DEFAULT
                    .with(Setting.MODEL, "dense 16 relu, dense 1")
                    .with(Setting.RATE, 0.01)
                    .with(Setting.EPOCHS, 40)
                    .with(Setting.BACKEND, "java");

    @TempDir static Path folder;
    private static SavedModel price;

    private static int price(int i) {
        int ocean = new int[] {150_000, 0, 400_000}[i % 3];
        return 100_000 + 20_000 * (i % 11) + ocean + (i % 5 == 0 ? -30_000 : 0);
    }

    private static Stream<House> houses() {
        return IntStream.range(0, 600)
                .mapToObj(
                        i ->
                                new House(
                                        i,
                                        i % 11,
                                        i % 7 == 3 ? null : i % 7 + 0.5,
                                        Ocean.values()[i % 3],
                                        i % 5 == 0,
                                        price(i)));
    }

    private static Training train(Dataset rows, RunSettings settings) {
        Training training = Training.open(rows, settings);
        training.fit();
        return training;
    }

    @BeforeAll
    static void trainOnHouses() {
        Dataset rows = Dataset.ofRows("houses", HOUSE, houses()::iterator);
        try (Training training = train(rows, SETTINGS)) {
            assertThat(training.parts().test().rows()).isEqualTo(120);
            assertThat(training.test().accuracy()).isGreaterThan(0.99);
            price = training.model();
        }
    }

    @AfterAll
    static void forget() {
        price = null;
    }

    private static RowPredictor open(SavedModel model) {
        return new RowPredictor(model, SETTINGS.choose().backend(), RunSettings.DEFAULT.options());
    }

    @Test
    void aSavedModelAnswersRecordsInTheUnitsOfTheTable() {
        Path file = folder.resolve("houses.safetensors");
        ModelFile.write(file, price);
        try (RowPredictor model = RowPredictor.open(file)) {
            House house = new House(-1, 4, 2.5, Ocean.ISLAND, false, 0);
            float number = model.predict(house).number();
            assertThat(number).isCloseTo(580_000, within(30_000f));
            assertThat(model.predict(house).value("price")).isEqualTo(number);
            assertThat(model.predict(new Offer(4, 2.5, Ocean.ISLAND, false)).number())
                    .isEqualTo(number);
            Map<String, ?> map =
                    Map.of("income", 4L, "rooms", "2.5", "ocean", "ISLAND", "old", false);
            assertThatThrownBy(() -> model.predict(map))
                    .hasMessage(
                            "rows to predict, row 0 (from 0): rooms is \"2.5\" (String), which is no"
                                    + " number");
            Map<String, Object> right = new HashMap<>(map);
            right.put("rooms", 2.5f);
            right.put("colour", "red");
            assertThat(model.predict(right).number()).isEqualTo(number);
            right.remove("old");
            assertThatThrownBy(() -> model.predict(right))
                    .isInstanceOf(QuernException.class)
                    .hasMessageStartingWith(
                            "rows to predict, row 0 (from 0): there is no old, only");
        }
    }

    @Test
    void whatIsNotAsInTrainingIsSaid() {
        try (RowPredictor model = open(price)) {
            Offer usual = new Offer(4, 2.5, Ocean.BAY, false);
            assertThat(model.predict(usual).notes()).isEmpty();
            assertThat(model.predict(new Offer(4, null, Ocean.BAY, true)).notes()).isEmpty();
            Map<String, Object> lake = new HashMap<>();
            lake.put("income", null);
            lake.put("rooms", 2.5);
            lake.put("ocean", "LAKE");
            lake.put("old", false);
            assertThat(model.predict(lake).notes())
                    .containsExactly(
                            "income: missing in 1 of 1 rows, but none in training: taken as its mean",
                            "ocean: values in 1 of 1 rows that training did not know (\"LAKE\")");
            lake.put("income", 1e9);
            List<Prediction> two = model.predictAll(List.of(usual, lake));
            assertThat(two.get(0).notes())
                    .containsExactly(
                            "income: 1 of 2 rows lie far outside 0 to 10, all that training saw",
                            "ocean: values in 1 of 2 rows that training did not know (\"LAKE\")");
            assertThat(two.get(0).number()).isEqualTo(model.predict(usual).number());
            assertThat(model.predictAll(List.of())).isEmpty();
        }
    }

    @Test
    void evaluatesOtherRows() {
        Dataset others = Dataset.ofRows("others", HOUSE, houses().skip(500)::iterator);
        List<String> notes = new ArrayList<>();
        try (RowPredictor model = open(price)) {
            Evaluation evaluation = model.evaluate(others, notes);
            assertThat(evaluation.rows()).isEqualTo(100);
            assertThat(evaluation.accuracy()).isGreaterThan(0.99);
            assertThat(notes).isEmpty();
        }
    }

    @Test
    void manyThreadsGetTheBitsOfOne() throws Exception {
        List<House> rows = houses().toList();
        try (RowPredictor model = open(price)) {
            List<Float> expected = model.predictAll(rows).stream().map(Prediction::number).toList();
            ExecutorService threads = Executors.newFixedThreadPool(4);
            List<Future<List<Float>>> all = new ArrayList<>();
            for (int t = 0; t < 4; t++) {
                all.add(
                        threads.submit(
                                () -> rows.stream().map(h -> model.predict(h).number()).toList()));
            }
            for (Future<List<Float>> one : all) {
                assertThat(one.get()).isEqualTo(expected);
            }
            threads.shutdown();
        }
    }

    @Test
    void aClassIsAnsweredWithItsProbabilities() {
        Header header = Header.of(House.class).without("id").label("ocean");
        Dataset rows = Dataset.ofRows("houses", header, houses()::iterator);
        RunSettings settings = SETTINGS.with(Setting.MODEL, "dense 16 relu, dense 3");
        try (Training training = train(rows, settings)) {
            assertThat(training.test().accuracy()).isGreaterThan(0.9);
            assertThat(training.model().classes()).containsExactly("BAY", "INLAND", "ISLAND");
            try (RowPredictor model = open(training.model())) {
                House island = new House(-1, 4, 2.5, null, false, 580_000);
                Prediction prediction = model.predict(island);
                assertThat(prediction.label()).isEqualTo("ISLAND");
                assertThat(prediction.value("ISLAND")).isBetween(0.8f, 1f);
                assertThat(prediction.names()).containsExactly("BAY", "INLAND", "ISLAND");
                double sum = 0;
                for (float probability : prediction.values()) {
                    sum += probability;
                }
                assertThat(sum).isCloseTo(1, within(1e-6));
                assertThatThrownBy(prediction::number)
                        .hasMessage("the model predicts a class, not a number: ask for label()");
                assertThatThrownBy(() -> prediction.value("LAKE"))
                        .hasMessage("the model has no output LAKE: it has BAY, INLAND, ISLAND");
            }
        }
    }

    @Test
    void severalNumbersAreAnsweredByName() {
        Header header = Header.columns().number("a", "b").target("sum", "difference");
        Stream<double[]> rows =
                IntStream.range(0, 500)
                        .mapToObj(
                                i ->
                                        new double[] {
                                            i % 17, i % 23, i % 17 + i % 23, i % 17 - i % 23
                                        });
        RunSettings settings = SETTINGS.with(Setting.MODEL, "dense 2").with(Setting.RATE, 0.1);
        try (Training training = train(Dataset.ofRows("rows", header, rows::iterator), settings);
                RowPredictor model = open(training.model())) {
            assertThat(training.model().notes()).containsEntry("label", "sum,difference");
            for (Prediction one :
                    List.of(
                            model.predict(Map.of("a", 10, "b", 4)),
                            model.predict(new float[] {10, 4}),
                            model.predictAll(List.of(new int[] {10, 4})).get(0))) {
                assertThat(one.value("sum")).isCloseTo(14, within(0.1f));
                assertThat(one.value("difference")).isCloseTo(6, within(0.1f));
                assertThatThrownBy(one::number)
                        .hasMessage("the model predicts 2 numbers: ask for value(name)");
                assertThatThrownBy(one::label)
                        .hasMessage("the model predicts numbers, not a class: ask for number()");
            }
        }
    }

    @Test
    void rowsOfFloatsWithGapsAndLabelsOfTheirOwn() {
        float[][] values = new float[400][];
        List<Boolean> labels = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            values[i] = new float[] {i % 20, i % 3 == 0 ? Float.NaN : i % 7};
            labels.add(i % 20 >= 10);
        }
        Dataset rows = Dataset.ofRows("rows", values).withLabels(labels);
        RunSettings settings = SETTINGS.with(Setting.MODEL, "dense 8 relu, dense 2");
        try (Training training = train(rows, settings);
                RowPredictor model = open(training.model())) {
            assertThat(training.test().accuracy()).isGreaterThan(0.95);
            assertThat(model.predict(new float[] {19, Float.NaN}).label()).isEqualTo("true");
            assertThat(model.predictAll(new float[][] {{0, 1}, {19, 1}}))
                    .extracting(Prediction::label)
                    .containsExactly("false", "true");
            assertThat(model.predictAll(new float[0][])).isEmpty();
            assertThatThrownBy(() -> model.predict(new float[3]))
                    .hasMessage(
                            "rows to predict has 3 columns, but the model takes 2, and there are no"
                                    + " names to tell");
            assertThatThrownBy(() -> model.predict(Map.of("a", 1)))
                    .hasMessage(
                            "rows to predict, row 0 (from 0): column 1 has no name: give arrays or"
                                    + " lists");
        }
    }

    @Test
    void aModelOfImagesAnswersTheirPixels() {
        Splits digits = Digits.splits(300, 50);
        try (Training training = Training.open(digits, SETTINGS.with(Setting.MODEL, "dense 10"))) {
            training.fit();
            Dataset test = training.parts().test();
            float[] pixels = new float[784];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = test.value(7, i);
            }
            try (RowPredictor model = open(training.model())) {
                int predicted = training.test().predicted()[7];
                assertThat(model.predict(pixels).label()).isEqualTo(test.classes().get(predicted));
                assertThatThrownBy(() -> model.predict(Map.of("a", 1)))
                        .hasMessage("the model knows no columns: give arrays of 784 numbers");
                assertThatThrownBy(() -> model.predict(new float[] {1, 2}))
                        .isInstanceOf(QuernException.class);
            }
        }
    }

    @Test
    void settingsAreThoseOfTheCommandLine() {
        Dataset rows = Dataset.ofRows("houses", HOUSE, houses()::iterator);
        RunSettings settings =
                SETTINGS.with(Setting.STANDARDIZE, Setting.OnOff.OFF)
                        .with(Setting.RATE, 1e-9)
                        .with(Setting.EARLY_STOPPING, 1)
                        .with(Setting.SPLIT, 0.5);
        try (Training training = Training.open(rows, settings)) {
            Columns columns = training.parts().columns();
            assertThat(columns.standardize()).isFalse();
            assertThat(training.parts().test().rows()).isEqualTo(300);
            assertThat(training.parts().validation().rows()).isEqualTo(30);
            assertThat(training.settings().text("loss")).isEqualTo("mse");
            training.trainer().interrupt();
            assertThat(training.fit().end()).isEqualTo(History.End.INTERRUPTED);
        }
        assertThatThrownBy(() -> Training.open(rows, SETTINGS.with(Setting.LABEL, "income")))
                .hasMessage(
                        "label is for a file: of a program's rows, a Header says what they are");
        Header unlabelled = HOUSE.without("price");
        assertThatThrownBy(
                        () ->
                                Training.open(
                                        Dataset.ofRows("houses", unlabelled, houses()::iterator),
                                        SETTINGS))
                .isInstanceOf(QuernException.class);
    }

    @Test
    void whatCountsForNothingIsSaid() {
        Header header = Header.of(House.class).category("id").target("price");
        Dataset rows = Dataset.ofRows("houses", header, houses()::iterator);
        try (Training training = Training.open(rows, SETTINGS.with(Setting.MOMENTUM, 0.9))) {
            assertThat(training.notes())
                    .containsExactly(
                            "left out: id (text with too many different values)",
                            "momentum does nothing with mse and adam");
        }
        Dataset usual = Dataset.ofRows("houses", HOUSE, houses()::iterator);
        try (Training training = Training.open(usual, SETTINGS)) {
            assertThat(training.notes()).isEmpty();
        }
    }

    /** Gaps would be NaN, and the indices of categories numbers. */
    @Test
    void aTableIsRefusedByWhoKnowsNoColumns() {
        Dataset rows = Dataset.ofRows("houses", HOUSE, houses()::iterator);
        Model model = Model.input(rows.features()).dense(1);
        TrainingConfig config = TrainingConfig.of(model).withLoss(Loss.MEAN_SQUARED_ERROR);
        try (Trainer trainer =
                Trainer.open(config, SETTINGS.choose().backend(), SETTINGS.options())) {
            assertThatThrownBy(() -> trainer.fit(rows, 1))
                    .hasMessageStartingWith("houses is a table: Columns make of it");
            assertThatThrownBy(() -> trainer.evaluate(rows))
                    .hasMessageStartingWith("houses is a table: Columns make of it");
        }
    }

    @Test
    void aDataSetMayBringItsTestRows() {
        Dataset train = Dataset.ofRows("train", HOUSE, houses().limit(500)::iterator);
        Dataset test = Dataset.ofRows("test", HOUSE, houses().skip(500)::iterator);
        try (Training training = Training.open(new Splits(train, test, "houses"), SETTINGS)) {
            training.fit();
            assertThat(training.test().rows()).isEqualTo(100);
            assertThat(training.test().accuracy()).isGreaterThan(0.99);
        }
    }

    @Test
    void rareClassesAreRepeatedIfSomebodyAsksForIt() {
        float[][] rows = new float[200][];
        List<String> labels = new ArrayList<>();
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new float[] {i % 7, i % 10};
            labels.add(i % 10 == 0 ? "rare" : "common");
        }
        Dataset set = Dataset.ofRows("rows", rows).withLabels(labels);
        RunSettings settings =
                SETTINGS.with(Setting.MODEL, "dense 2")
                        .with(Setting.EPOCHS, 1)
                        .with(Setting.BALANCE, true);
        try (Training training = Training.open(set, settings)) {
            training.fit();
            // 144 rows of each class that has rows, 32 a step
            assertThat(training.trainer().step()).isEqualTo(9);
        }
        assertThatThrownBy(() -> Training.open(set, settings.with(Setting.FOLDS, 5)))
                .hasMessage("folds 5 are several trainings: Sweep runs them");
    }

    /** What was found out is kept, not found out again. */
    @Test
    void aRunGoesOnWithTheColumnsThatItHad() {
        Dataset rows = Dataset.ofRows("houses", HOUSE, houses()::iterator);
        Splits source = new Splits(rows, null, "houses");
        RunSettings settings = SETTINGS.with(Setting.SCALE, 0.5f).on(source);
        Columns columns = settings.parts(source).columns();
        assertThat(columns.standardize()).isFalse();
        RunSettings resumed = RunSettings.ofRun(settings.texts(), Path.of("run"));
        assertThat(resumed.parts(source).columns()).isEqualTo(columns);
    }

    @Test
    void damagedSettingsAreTheFoldersFault() {
        assertThatThrownBy(() -> RunSettings.ofRun(Map.of("split", "1.2"), Path.of("runs/a")))
                .hasMessage(
                        "the settings of run runs/a are damaged (split 1.2: give a fraction above 0"
                                + " and below 1): start a new run")
                .extracting("kind")
                .isEqualTo(QuernException.Kind.DATA);
    }

    @Test
    void testImagesInAnotherRangeAreTold() {
        byte[] pixels = new byte[4 * 4];
        float[] unit = new float[4 * 4];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (i * 16);
            unit[i] = i * 16 / 255f;
        }
        int[] labels = {0, 1, 0, 1};
        List<String> classes = List.of("a", "b");
        int[] shape = {2, 2};
        Dataset train = Dataset.ofPixels("train", shape, pixels).withLabels(labels, classes);
        Dataset test = Dataset.ofValues("test", shape, unit).withLabels(labels, classes);
        RunSettings settings = RunSettings.DEFAULT.with(Setting.MODEL, "dense 2");
        try (Training training = Training.open(new Splits(train, test, "both"), settings)) {
            assertThat(training.notes())
                    .containsExactly(
                            "test rows: values from 0 to 0.9, but training saw 0 to 240: bring them"
                                    + " to that range");
        }
        try (Training training = Training.open(new Splits(train, train, "one"), settings)) {
            assertThat(training.notes()).isEmpty();
        }
    }

    /** Pixels of 0 and 1, as of a mask, are whole numbers from 0 to 255, too. */
    @Test
    void darkPixelsAreTold() {
        byte[] pixels = new byte[40];
        for (int i = 0; i < pixels.length; i += 3) {
            pixels[i] = 1;
        }
        RunSettings settings = RunSettings.DEFAULT.with(Map.of("model", "dense 2", "epochs", 1));
        assertThat(notes(settings, pixels))
                .containsExactly(
                        "no pixel is above 1, but they are divided by 255: give --scale 1 if 1 is"
                                + " white");
        assertThat(notes(settings.with(Map.of("scale", 1)), pixels)).isEmpty();
        pixels[39] = (byte) 200;
        assertThat(notes(settings, pixels)).isEmpty();
    }

    private static List<String> notes(RunSettings settings, byte[] pixels) {
        Dataset set =
                Dataset.ofPixels("d", new int[] {2, 2}, pixels)
                        .withLabels(new int[] {0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, List.of("a", "b"));
        Splits splits = new Splits(set, set, "d");
        RunSettings on = settings.on(splits);
        try (Training training = new Training(on, on.parts(splits), on.choose().backend())) {
            return training.notes();
        }
    }
}
