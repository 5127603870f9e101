package org.quern.run;

import static org.quern.QuernException.data;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.QuernException;
import org.quern.io.Json;
import org.quern.io.SafeTensors;
import org.quern.train.Checkpoint;
import org.quern.train.EpochResult;
import org.quern.train.Trainer;

/**
 * A {@link Checkpoint} as a safetensors file: tensors {@code state} and, if there is one, {@code
 * best}; the rest, with the trainer's configuration and a run's settings, as metadata. It holds all
 * that a resume needs, so no two files can be of different epochs.
 */
public record StateFile(
        Checkpoint checkpoint, Map<String, String> config, Map<String, String> settings) {
    private static final String KIND = "quern.state";
    private static final String FORMAT = "3";
    private static final String HISTORY =
            "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds,"
                    + "step_micros,weight_norm,gradient_norm";

    public StateFile {
        given(checkpoint, "checkpoint");
        given(config, "config");
        given(settings, "settings");
    }

    /** Where a trainer stands. */
    public static StateFile of(Trainer trainer, Map<String, String> settings) {
        Checkpoint checkpoint = given(trainer, "trainer").checkpoint();
        return new StateFile(checkpoint, trainer.config().texts(), settings);
    }

    /** Writes it atomically. */
    public void write(Path file) {
        given(file, "file");
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(KIND, FORMAT);
        metadata.put("seed", Long.toString(checkpoint.seed()));
        metadata.put("step", Long.toString(checkpoint.step()));
        metadata.put("partialLoss", Double.toString(checkpoint.partialLoss()));
        metadata.put("partialHits", Long.toString(checkpoint.partialHits()));
        metadata.put("epochs", history(checkpoint.epochs()));
        metadata.put("config", new Gson().toJson(config));
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

    /**
     * Reads one.
     *
     * @throws org.quern.QuernException if it is damaged, or of another version
     */
    public static StateFile read(Path file) {
        SafeTensors tensors = SafeTensors.read(file);
        Map<String, String> metadata = tensors.metadata();
        SafeTensors.Tensor state = tensors.tensor("state");
        String text = "%s is not the state of a run: give the run's folder";
        require(metadata.containsKey(KIND) && state != null, text, file);
        String message = "%s is of another version of Quern: start a new run";
        require(FORMAT.equals(metadata.get(KIND)), message, file);
        try {
            SafeTensors.Tensor best = tensors.tensor("best");
            Checkpoint checkpoint =
                    new Checkpoint(
                            Long.parseLong(text(metadata, "seed")),
                            Long.parseLong(text(metadata, "step")),
                            state.values(),
                            epochs(text(metadata, "epochs")),
                            Double.parseDouble(text(metadata, "partialLoss")),
                            Long.parseLong(text(metadata, "partialHits")),
                            best == null ? null : best.values());
            require(checkpoint.step() >= 0, "it is at step %d", checkpoint.step());
            return new StateFile(
                    checkpoint, texts(metadata, "config"), texts(metadata, "settings"));
        } catch (QuernException | JsonParseException | NumberFormatException e) {
            throw data(e, "%s is damaged (%s): start a new run", file, Json.why(e));
        }
    }

    /** Brings a trainer there; refused, by the file's name, if its configuration is another. */
    public void restore(Trainer trainer, String file) {
        for (Map.Entry<String, String> is : given(trainer, "trainer").config().texts().entrySet()) {
            String was = config.get(is.getKey());
            String other =
                    "checkpoint %s is of a run with %s \"%s\", not \"%s\": resume it as it was, or"
                            + " start a new run";
            boolean fits = is.getValue().equals(was);
            require(fits, other, given(file, "file"), is.getKey(), was, is.getValue());
        }
        trainer.restore(checkpoint);
    }

    private static String text(Map<String, String> metadata, String key) {
        String value = metadata.get(key);
        require(value != null, "there is no %s", key);
        return value;
    }

    private static Map<String, String> texts(Map<String, String> metadata, String key) {
        TypeToken<?> type = new TypeToken<LinkedHashMap<String, String>>() {};
        Map<String, String> texts = new Gson().fromJson(text(metadata, key), type.getType());
        require(texts != null && !texts.containsValue(null), "its %s is empty", key);
        return texts;
    }

    /**
     * Epochs as CSV: a line of names, then one line an epoch, whose numbers are read back to the
     * same bits, NaN and infinity included; what is missing is left empty.
     */
    static String history(List<EpochResult> epochs) {
        StringBuilder csv = new StringBuilder(HISTORY).append('\n');
        for (EpochResult e : epochs) {
            String line = "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n";
            csv.append(
                    line.formatted(
                                    e.epoch(),
                                    e.loss(),
                                    e.accuracy(),
                                    e.validationLoss(),
                                    e.validationAccuracy(),
                                    e.learningRate(),
                                    e.seconds(),
                                    e.stepMicros(),
                                    e.weightNorm(),
                                    e.gradientNorm())
                            .replace("null", ""));
        }
        return csv.toString();
    }

    static List<EpochResult> epochs(String history) {
        List<String> lines = history.lines().toList();
        boolean known = !lines.isEmpty() && lines.get(0).equals(HISTORY);
        require(known, "its history has other columns");
        List<EpochResult> epochs = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            String[] fields = line.split(",", -1);
            int epoch = epochs.size() + 1;
            boolean whole = fields.length == 10;
            if (!whole || !fields[0].equals(Integer.toString(epoch))) {
                throw data("its history lacks epoch %d", epoch);
            }
            epochs.add(
                    new EpochResult(
                            epoch,
                            Double.parseDouble(fields[1]),
                            Double.parseDouble(fields[2]),
                            value(fields, 3),
                            value(fields, 4),
                            Double.parseDouble(fields[5]),
                            Double.parseDouble(fields[6]),
                            Double.parseDouble(fields[7]),
                            Double.parseDouble(fields[8]),
                            Double.parseDouble(fields[9])));
        }
        return epochs;
    }

    private static Double value(String[] fields, int at) {
        return fields[at].isEmpty() ? null : Double.valueOf(fields[at]);
    }
}
