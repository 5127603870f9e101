package org.quern.train;

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

/**
 * A {@link Checkpoint} as a safetensors file: tensors {@code state} and, if there is one, {@code
 * best}; the rest as metadata. It holds all that a resume needs, so no two files can be of
 * different epochs.
 */
final class StateFile {
    private static final String FORMAT = "1";

    private StateFile() {}

    /**
     * A checkpoint and what it is of.
     *
     * @param settings the configuration and whatever else must be the same when it is resumed
     */
    record Saved(Checkpoint checkpoint, Map<String, String> settings) {}

    static void write(Path file, Checkpoint checkpoint, Map<String, String> settings) {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("quern.state", FORMAT);
        metadata.put("seed", Long.toString(checkpoint.seed()));
        metadata.put("step", Long.toString(checkpoint.step()));
        metadata.put("partialLoss", Double.toString(checkpoint.partialLoss()));
        metadata.put("partialHits", Long.toString(checkpoint.partialHits()));
        metadata.put("epochs", new Gson().toJson(checkpoint.epochs()));
        metadata.put("settings", new Gson().toJson(settings));
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
        if (!FORMAT.equals(metadata.get("quern.state")) || tensors.tensor("state") == null) {
            throw data("%s is not the state of a run: give the run's folder", file);
        }
        try {
            SafeTensors.Tensor best = tensors.tensor("best");
            List<EpochResult> epochs =
                    new Gson()
                            .fromJson(
                                    metadata.get("epochs"),
                                    new TypeToken<List<EpochResult>>() {}.getType());
            Map<String, String> settings =
                    new Gson()
                            .fromJson(
                                    metadata.get("settings"),
                                    new TypeToken<LinkedHashMap<String, String>>() {}.getType());
            Checkpoint checkpoint =
                    new Checkpoint(
                            Long.parseLong(metadata.get("seed")),
                            Long.parseLong(metadata.get("step")),
                            tensors.tensor("state").values(),
                            epochs,
                            Double.parseDouble(metadata.get("partialLoss")),
                            Long.parseLong(metadata.get("partialHits")),
                            best == null ? null : best.values());
            return new Saved(checkpoint, Map.copyOf(settings));
        } catch (JsonParseException | NumberFormatException | NullPointerException e) {
            throw new QuernException(
                    QuernException.Kind.DATA,
                    file + ": its metadata is damaged (" + e.getMessage() + ")",
                    e);
        }
    }
}
