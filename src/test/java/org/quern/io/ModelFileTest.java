package org.quern.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.QuernException;
import org.quern.data.Columns;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;

@Tag("jdk")
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

    /** What is known of a table's columns comes back; what no table has is refused. */
    @Test
    void columnsAreReadBack() {
        Path file = folder.resolve("m.safetensors");
        Columns columns =
                new Columns(
                        List.of(
                                new Columns.Input("a", null, 1e9, 1e9 + 1, 0.1, 1e9, 2e9, true),
                                new Columns.Input("b", List.of("x"), 0, 0, 1, 0, 0, false),
                                new Columns.Input("c", null, 0, -1, 1, -2, 1 / 3.0, false)),
                        List.of(new Columns.Target("y", 5, 1e-3)),
                        true);
        ModelFile.SavedModel saved = saved();
        ModelFile.write(
                file,
                new ModelFile.SavedModel(
                        MODEL, saved.loss(), saved.parameters(), List.of(), columns, Map.of()));
        assertThat(ModelFile.read(file, null).columns()).isEqualTo(columns);
        SafeTensors whole = SafeTensors.read(file);
        String text = whole.metadata().get("quern.columns");
        String[][] faults = {
            {"\"a\"", "null"},
            {"-1.0", "NaN"},
            {"\"deviation\":1.0,\"min\":-2.0", "\"deviation\":-1.0,\"min\":-2.0"},
            {"\"gaps\":true", "\"gaps\":false"},
            {"\"deviation\":0.001", "\"deviation\":0"},
            {"\"targets\":[", "\"targets\":[null,"},
            {"\"targets\":[", "\"targets\":[{\"name\":\"\",\"mean\":0,\"deviation\":1},"},
            {"\"inputs\":[", "\"inputs\":\"["},
            {"\"inputs\"", "\"outputs\""},
            {text, "[]"},
            {text, "null"},
        };
        for (String[] fault : faults) {
            assertThat(text).contains(fault[0]);
            Map<String, String> metadata = new LinkedHashMap<>(whole.metadata());
            metadata.put("quern.columns", text.replace(fault[0], fault[1]));
            new SafeTensors(metadata, whole.tensors()).write(file);
            assertThatThrownBy(() -> ModelFile.read(file, null))
                    .as(fault[1])
                    .isInstanceOf(QuernException.class)
                    .hasMessageStartingWith(
                            file + ": its metadata does not describe a model: quern.columns ");
        }
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
        Path file = folder.resolve("torch.safetensors");
        ModelFile.write(file, saved());
        new SafeTensors(Map.of(), SafeTensors.read(file).tensors()).write(file);
        refused(
                file,
                Model.input(3).dense(4).dense(1),
                ": tensor 0.weight has shape [2, 3], but the model needs [4, 3]");
        String unlike =
                ": no telling which of its tensors are the weights of the %d layers of --model (it has"
                        + " 0.weight, 0.bias, 3.weight, 3.bias): name them as those of an"
                        + " nn.Sequential, 0.weight, 2.weight and so on";
        refused(file, Model.input(3).dense(2), unlike.formatted(1));
        refused(file, Model.input(3).dense(2).dense(1).dense(1), unlike.formatted(3));
        // layers are counted, whatever is between them
        assertThat(ModelFile.read(file, Model.input(3).dense(2).dense(1)).parameters())
                .isEqualTo(saved().parameters());
    }

    @Test
    void aFileThatSaysWhatItIsOfIsNotReadAsAnythingElse() {
        Path file = folder.resolve("m.safetensors");
        ModelFile.write(file, saved());
        Model other = Model.input(3).dense(2, Activation.TANH).dropout(0.5f).dense(1);
        refused(
                file,
                other,
                " is of model \"dense 2 relu, dropout 0.5, dense 1\" for 3 values, not \"dense 2"
                        + " tanh, dropout 0.5, dense 1\" for 3: leave --model out");
        // the scaling is the file's
        assertThat(ModelFile.read(file, MODEL.scaled(Scaling.NONE)).model()).isEqualTo(MODEL);
    }

    @Test
    void numbersThatAreNoneAreRefused() {
        Path file = folder.resolve("m.safetensors");
        float[] bad = saved().parameters().clone();
        bad[1] = Float.NaN;
        ModelFile.write(
                file,
                new ModelFile.SavedModel(MODEL, Loss.CROSS_ENTROPY, bad, List.of(), Map.of()));
        refused(file, null, ": tensor 0.weight holds NaN as value 3");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "quern.format | 2 | ' is of format 2, but this version of Quern reads format 1'",
                "quern.format | | ' is of format unknown, but this version of Quern reads format 1'",
                "quern.model | | '$there is no quern.model'",
                "quern.model | dense x | '$model layer \"dense x\": \"x\" is not a number of units'",
                "quern.model | dense 2000000000 | '$the network needs more than 2³¹ − 1 numbers at"
                        + " batch 1 (0.weight alone has 6,000,000,000): use a smaller batch or"
                        + " narrower layers'",
                "quern.input | [0] | '$input shape [0]: every extent is at least 1'",
                "quern.scale | x | '$For input string: \"x\"'",
                "quern.scale | NaN | '$scaling x · NaN + 0.0: give a finite scale other than 0 and a"
                        + " finite shift'",
                "quern.classes | [\"a\",\"b\"] | '$2 classes, but 1 outputs'",
                "quern.loss | hubert | '$unknown loss \"hubert\": did you mean \"huber\"?'",
                "quern.loss | huber | '$loss huber: 0 settings given, 1 expected'",
                "quern.loss | huber 1 2 | '$loss huber: 2 settings given, 1 expected'",
                "quern.loss | huber 0 | '$Huber: delta 0.0 must be above 0 and finite'",
                "quern.loss | cross_entropy 5 1 | '$2 class weights, but the model has 1 outputs'",
                "quern.loss | cross_entropy -5 | '$class weights: -5.0 must be 0 or more, and finite'",
                "quern.loss | cross_entropy 0 | '$class weights: all are 0, so there is nothing to learn'",
                "quern.classes | [null] | '$quern.classes is not a list of names'",
            })
    void metadataThatDoesNotFitIsRefused(String key, String value, String message) {
        Path file = folder.resolve("m.safetensors");
        ModelFile.write(file, saved());
        SafeTensors good = SafeTensors.read(file);
        Map<String, String> metadata = new LinkedHashMap<>(good.metadata());
        if (value == null) {
            metadata.remove(key);
        } else {
            metadata.put(key, value);
        }
        new SafeTensors(metadata, good.tensors()).write(file);
        refused(file, null, message.replace("$", ": its metadata does not describe a model: "));
    }

    /** A model is believed only as far as its tensors go: here it claims 3.6 GB. */
    @Test
    void nothingIsAllocatedForAModelWithoutTensors() {
        Path file = folder.resolve("m.safetensors");
        ModelFile.write(file, saved());
        SafeTensors good = SafeTensors.read(file);
        Map<String, String> metadata = new LinkedHashMap<>(good.metadata());
        metadata.put("quern.model", "dense 30000, dense 30000, dense 1");
        new SafeTensors(metadata, good.tensors()).write(file);
        refused(
                file,
                null,
                " has no tensor 1.weight, only 0.weight, 0.bias, 3.weight, 3.bias: it is of another"
                        + " model");
        metadata.put("quern.model", "dense 30000 relu, dropout 0.5, dense 30000");
        new SafeTensors(metadata, good.tensors()).write(file);
        refused(file, null, ": tensor 0.weight has shape [2, 3], but the model needs [30000, 3]");
    }

    /**
     * A file as safetensors.torch.save_file lays it out for a Sequential of one nn.Linear(2, 1):
     * names in order, metadata {"format":"pt"}, header padded with blanks.
     */
    @Test
    void aFileOfPyTorchIsRead() throws IOException {
        String header =
                "{\"__metadata__\":{\"format\":\"pt\"},"
                        + "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                        + "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,12]}}";
        String padded = header + " ".repeat((8 - header.length() % 8) % 8);
        ByteBuffer bytes =
                ByteBuffer.allocate(8 + padded.length() + 12).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(padded.length()).put(padded.getBytes(StandardCharsets.US_ASCII));
        bytes.putFloat(0.5f).putFloat(2).putFloat(-3);
        Path file = folder.resolve("torch.safetensors");
        Files.write(file, bytes.array());
        Model model = Model.input(2).dense(1);
        ModelFile.SavedModel read = ModelFile.read(file, model);
        Plan.DenseSlices dense = Plan.forInference(model).dense().get(0);
        assertThat(read.parameters()[(int) dense.weights().offset()]).isEqualTo(2);
        assertThat(read.parameters()[(int) dense.weights().offset() + 1]).isEqualTo(-3);
        assertThat(read.parameters()[(int) dense.bias().offset()]).isEqualTo(0.5f);
        assertThat(read.loss()).isEqualTo(Loss.MEAN_SQUARED_ERROR);
    }

    private static void refused(Path file, Model spec, String message) {
        assertThatThrownBy(() -> ModelFile.read(file, spec))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA))
                .hasMessage(file + message);
    }
}
