package org.quern.io;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.quern.RealMnist;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.train.Predictor;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** Exported models in onnxruntime give what they give here. */
class OnnxFileTest {
    @TempDir Path folder;

    /** The bound: logits within 1e-5 of the largest, the same class everywhere. */
    @Test
    void aTrainedNetworkSaysTheSameOfAllTestImages() throws Exception {
        Dataset train = RealMnist.splits().train();
        Dataset test = RealMnist.splits().test();
        Model model =
                Model.input(28, 28)
                        .scaled(Scaling.UNIT)
                        .dense(48, Activation.RELU)
                        .dropout(0.3f)
                        .dense(15)
                        .dropout(0.3f)
                        .dense(10);
        float[] parameters;
        try (Trainer trainer = Trainer.open(TrainingConfig.of(model))) {
            trainer.fit(train, 1);
            parameters = trainer.parameters();
        }
        SavedModel saved =
                new SavedModel(model, Loss.CROSS_ENTROPY, parameters, train.classes(), Map.of());
        assertThat(test.rows()).isEqualTo(10_000);
        compare(saved, test);
    }

    @ParameterizedTest
    @EnumSource(Activation.class)
    void everyActivationAndScaling(Activation activation) throws Exception {
        Model model =
                Model.input(28, 28)
                        .scaled(new Scaling(2 / 255f, -1))
                        .dropout(0.1f)
                        .dense(31, activation)
                        .dense(7, activation);
        Plan plan = Plan.forInference(model);
        float[] parameters = Arrays.copyOf(plan.initialState(3), (int) plan.parameters().size());
        compare(
                new SavedModel(model, Loss.MEAN_SQUARED_ERROR, parameters, List.of(), Map.of()),
                Digits.generate("digits", 500, 0, 1));
    }

    @Test
    void oneLayerOnPlainRows() throws Exception {
        Model model = Model.input(3).dense(2);
        Plan plan = Plan.forInference(model);
        float[] parameters = Arrays.copyOf(plan.initialState(3), (int) plan.parameters().size());
        Dataset rows = Dataset.ofValues("rows", new int[] {3}, new float[] {1, -2, 3, 0.5f, 0, -7});
        compare(new SavedModel(model, Loss.CROSS_ENTROPY, parameters, List.of(), Map.of()), rows);
        SavedModel binary =
                new SavedModel(model, Loss.BINARY_CROSS_ENTROPY, parameters, List.of(), Map.of());
        assertThat(OnnxFile.output(binary)).isEqualTo("logits");
        compare(binary, rows);
    }

    private void compare(SavedModel saved, Dataset rows) throws Exception {
        Path file = folder.resolve("model.onnx");
        OnnxFile.write(file, saved);
        float[] expected = new float[rows.rows() * saved.model().outputSize()];
        try (Predictor predictor =
                new Predictor(
                        saved.model(),
                        saved.loss(),
                        saved.parameters(),
                        Backends.choose("java").backend(),
                        Backend.Options.DEFAULT)) {
            predictor.outputs(rows, expected);
        }
        float[] input = new float[rows.rows() * rows.features()];
        for (int i = 0; i < input.length; i++) {
            input[i] = rows.value(i / rows.features(), i % rows.features());
        }
        long[] shape =
                IntStream.concat(
                                IntStream.of(rows.rows()),
                                saved.model().inputShape().stream().mapToInt(Integer::intValue))
                        .asLongStream()
                        .toArray();
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(file.toString());
                OnnxTensor tensor =
                        OnnxTensor.createTensor(environment, FloatBuffer.wrap(input), shape);
                OrtSession.Result result = session.run(Map.of("input", tensor))) {
            float[][] got = (float[][]) result.get(OnnxFile.output(saved)).orElseThrow().getValue();
            float largest = 0;
            for (float value : expected) {
                largest = Math.max(largest, Math.abs(value));
            }
            int width = saved.model().outputSize();
            for (int row = 0; row < rows.rows(); row++) {
                float[] own = Arrays.copyOfRange(expected, row * width, (row + 1) * width);
                for (int j = 0; j < width; j++) {
                    assertThat(Math.abs(got[row][j] - own[j]))
                            .as("output %d of row %d", j, row)
                            .isLessThanOrEqualTo(1e-5f * largest);
                }
                if (saved.loss().classifies()) {
                    assertThat(best(got[row])).as("row %d", row).isEqualTo(best(own));
                }
            }
        }
    }

    private static int best(float[] values) {
        return IntStream.range(0, values.length).reduce(0, (a, b) -> values[b] > values[a] ? b : a);
    }
}
