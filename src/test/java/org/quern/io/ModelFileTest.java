package org.quern.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;

class ModelFileTest {
    private static final Model MODEL =
            Model.input(3).scaled(Scaling.UNIT).dense(2, Activation.RELU).dropout(0.5f).dense(1);

    @TempDir Path folder;

    private static ModelFile.SavedModel saved() {
        float[] parameters = new float[(int) Plan.forInference(MODEL).parameters().size()];
        for (Plan.DenseSlices dense : Plan.forInference(MODEL).dense()) {
            for (int i = 0; i < dense.weights().size(); i++) {
                parameters[(int) dense.weights().offset() + i] = i + 1;
            }
            parameters[(int) dense.bias().offset()] = -1;
        }
        return new ModelFile.SavedModel(
                MODEL, Loss.MEAN_SQUARED_ERROR, parameters, List.of(), Map.of("epoch", "3"));
    }

    @Test
    void tensorsAreCalledAndLaidOutAsPyTorchs() {
        Path file = folder.resolve("m.safetensors");
        ModelFile.write(file, saved());
        SafeTensors tensors = SafeTensors.read(file);
        List<String> names = new ArrayList<>();
        tensors.tensors().forEach(t -> names.add(t.name()));
        // Linear 0, ReLU 1, Dropout 2, Linear 3
        assertThat(names).containsExactly("0.weight", "0.bias", "3.weight", "3.bias");
        assertThat(tensors.tensor("0.weight").shape()).containsExactly(2, 3);
        // ours is [in][out] = 1 2 / 3 4 / 5 6
        assertThat(tensors.tensor("0.weight").values()).containsExactly(1, 3, 5, 2, 4, 6);
        assertThat(tensors.tensor("0.bias").values()).containsExactly(-1, 0);
    }

    @Test
    void aModelIsReadBackWhole() {
        Path file = folder.resolve("m.safetensors");
        ModelFile.write(file, saved());
        ModelFile.SavedModel read = ModelFile.read(file, null);
        assertThat(read.model()).isEqualTo(MODEL);
        assertThat(read.loss()).isEqualTo(Loss.MEAN_SQUARED_ERROR);
        assertThat(read.parameters()).isEqualTo(saved().parameters());
        assertThat(read.notes()).containsEntry("epoch", "3");
    }

    @Test
    void aFileWithoutMetadataNeedsTheModel() {
        Path file = folder.resolve("torch.safetensors");
        ModelFile.write(file, saved());
        new SafeTensors(Map.of(), SafeTensors.read(file).tensors()).write(file);
        assertThatThrownBy(() -> ModelFile.read(file, null))
                .hasMessage(
                        file
                                + " does not say what model it is of: give it with --model, as for a"
                                + " file written by PyTorch");
        assertThat(ModelFile.read(file, MODEL).parameters()).isEqualTo(saved().parameters());
    }

    @Test
    void filesOfAnotherModelAreRefused() {
        Path file = folder.resolve("m.safetensors");
        ModelFile.write(file, saved());
        assertThatThrownBy(() -> ModelFile.read(file, Model.input(3).dense(4)))
                .hasMessage(
                        file + ": tensor 0.weight has shape [2, 3], but the model needs [4, 3]");
        assertThatThrownBy(() -> ModelFile.read(file, Model.input(3).dense(2)))
                .hasMessage(
                        file
                                + " holds 4 tensors, but model \"dense 2\" has 2: it is of another"
                                + " model");
        assertThatThrownBy(() -> ModelFile.read(file, Model.input(3).dense(2).dense(1)))
                .hasMessage(file + " has no tensor 1.weight: it is of another model");
        float[] bad = saved().parameters().clone();
        bad[1] = Float.NaN;
        ModelFile.write(
                file,
                new ModelFile.SavedModel(MODEL, Loss.CROSS_ENTROPY, bad, List.of(), Map.of()));
        assertThatThrownBy(() -> ModelFile.read(file, null))
                .hasMessage(file + ": tensor 0.weight holds NaN");
    }

    @Test
    void whatCannotBeWrittenLeavesTheOldFile() throws IOException {
        Path file = folder.resolve("m.safetensors");
        ModelFile.write(file, saved());
        byte[] before = Files.readAllBytes(file);
        assertThatThrownBy(
                        () ->
                                AtomicFile.write(
                                        file,
                                        out -> {
                                            out.write(new byte[100_000]);
                                            throw new IOException("No space left on device");
                                        }))
                .hasMessage(file + " cannot be written: the disk is full");
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
        Path none = folder.resolve("no").resolve("m");
        assertThatThrownBy(() -> AtomicFile.write(none, "x"))
                .hasMessage(none + " cannot be written: there is no folder " + none.getParent());
        assertThatThrownBy(() -> AtomicFile.write(folder, "x"))
                .hasMessage(folder + " cannot be written: it is a folder");
    }
}
