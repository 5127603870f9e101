package org.quern.run;

import static org.quern.QuernException.data;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.QuernException;
import org.quern.io.SafeTensors;
import org.quern.train.Checkpoint;

/**
 * A {@link Checkpoint} as a safetensors file: tensors {@code state} and, if there is one, {@code
 * best}; the rest as metadata. It holds all that a resume needs, so no two files can be of
 * different epochs.
 */
final class StateFile {
    private static final String KIND = "quern.state";
    private static final String FORMAT = "2";

    private StateFile() {}

    /**
     * A checkpoint and what it is of.
     *
     * @param config of the trainer, as {@link ConfigText} writes it
     * @param settings whatever else the caller wants to have back
     */
    record Saved(Checkpoint checkpoint, Map<String, String> config, Map<String, String> settings) {}

    static void write(Path file, Saved saved) {
        Checkpoint checkpoint = saved.checkpoint();
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(KIND, FORMAT);
        metadata.put("seed", Long.toString(checkpoint.seed()));
        metadata.put("step", Long.toString(checkpoint.step()));
        metadata.put("partialLoss", Double.toString(checkpoint.partialLoss()));
        metadata.put("partialHits", Long.toString(checkpoint.partialHits()));
        metadata.put("epochs", HistoryCsv.write(checkpoint.epochs()));
        metadata.put("config", new Gson().toJson(saved.config()));
        metadata.put("settings", new Gson().toJson(saved.settings()));
        List<SafeTensors.Tensor> tensors = new ArrayList<>();
        tensors.add(tensor("state", checkpoint.state()));
        if (checkpoint.best() != null) {
            tensors.add(tensor("best", checkpoint.best()));
        }
        new SafeTensors(metadata, tensors).write(file);
    }

    private static SafeTensors.Tensor tensor(String name, float[] values) {
        return new SafeTensors.Tensor(name, new int[] {values.length}, values);
    }

    static Saved read(Path file) {
        SafeTensors tensors = SafeTensors.read(file);
        Map<String, String> metadata = tensors.metadata();
        SafeTensors.Tensor state = tensors.tensor("state");
        if (!metadata.containsKey(KIND) || state == null) {
            throw data("%s is not the state of a run: give the run's folder", file);
        }
        if (!metadata.get(KIND).equals(FORMAT)) {
            throw data("%s is of another version of Quern: start a new run", file);
        }
        try {
            SafeTensors.Tensor best = tensors.tensor("best");
            Checkpoint checkpoint =
                    new Checkpoint(
                            Long.parseLong(text(metadata, "seed")),
                            Long.parseLong(text(metadata, "step")),
                            state.values(),
                            HistoryCsv.read(text(metadata, "epochs")),
                            Double.parseDouble(text(metadata, "partialLoss")),
                            Long.parseLong(text(metadata, "partialHits")),
                            best == null ? null : best.values());
            if (checkpoint.step() < 0) {
                throw data("it is at step %d", checkpoint.step());
            }
            return new Saved(checkpoint, texts(metadata, "config"), texts(metadata, "settings"));
        } catch (QuernException | JsonParseException | NumberFormatException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    "%s is damaged (%s): start a new run"
                            .formatted(
                                    file, String.valueOf(e.getMessage()).lines().findFirst().get()),
                    e);
        }
    }

    private static String text(Map<String, String> metadata, String key) {
        String value = metadata.get(key);
        if (value == null) {
            throw data("there is no %s", key);
        }
        return value;
    }

    private static Map<String, String> texts(Map<String, String> metadata, String key) {
        Map<String, String> texts =
                new Gson()
                        .fromJson(
                                text(metadata, key),
                                new TypeToken<LinkedHashMap<String, String>>() {}.getType());
        if (texts == null || texts.containsValue(null)) {
            throw data("its %s is empty", key);
        }
        return texts;
    }
}
