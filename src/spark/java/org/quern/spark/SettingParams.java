package org.quern.spark;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.FloatParam;
import org.apache.spark.ml.param.IntArrayParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;
import org.apache.spark.ml.util.Identifiable$;
import org.quern.run.Setting;

/**
 * Spark's params for what decides a training: one for each of Quern's settings that rows of a
 * DataFrame leave open, and those of {@link QuernParams}.
 */
final class SettingParams implements Serializable {
    private static final long serialVersionUID = 1;

    /** Where the rows come from and which are tested on is Spark's. */
    private static final List<String> NOT = List.of("data", "limit", "split", "folds", "overfit");

    private static final ThreadLocal<String> NEXT_UID = new ThreadLocal<>();

    /** By the setting's name. */
    private final LinkedHashMap<String, Param<?>> bySetting = new LinkedHashMap<>();

    final String uid;
    final IntParam workers;
    final IntParam averageEvery;
    final Param<String> checkpoint;
    final IntParam checkpointInterval;
    private IntArrayParam shape;

    /** With the uid that was left, or a new one. */
    SettingParams(String prefix) {
        String left = NEXT_UID.get();
        NEXT_UID.remove();
        uid = left == null ? Identifiable$.MODULE$.randomUID(prefix) : left;
        for (Setting<?> setting :
                Setting.of(
                        Setting.Group.ROWS,
                        Setting.Group.NETWORK,
                        Setting.Group.SWEEP,
                        Setting.Group.TRAINING,
                        Setting.Group.RUNNING)) {
            if (!NOT.contains(setting.name())) {
                bySetting.put(setting.name(), param(uid, setting));
            }
        }
        String many =
                "How many tasks train together, each on its share of the rows (1): their weights"
                        + " are averaged every averageEvery steps.";
        workers = new IntParam(uid, "workers", many);
        String every =
                "Steps between two averages with several workers (0: as many as make the exchange a"
                        + " tenth of the time, which is measured first).";
        averageEvery = new IntParam(uid, "averageEvery", every);
        String where =
                "A folder, of any file system that Hadoop knows, to keep checkpoints in while it"
                        + " trains (none): a task that is tried again goes on from the last one.";
        checkpoint = new Param<>(uid, "checkpoint", where);
        String often = "Epochs between two checkpoints (1).";
        checkpointInterval = new IntParam(uid, "checkpointInterval", often);
    }

    /** Made when it is asked for: it takes its owner's uid, which is here. */
    IntArrayParam shape(Params owner) {
        if (shape == null) {
            String images =
                    "Shape of images, such as 28 × 28: whole numbers from 0 to 255 are then pixels."
                            + " Without it, features are the columns of a table.";
            shape = new IntArrayParam(owner, "shape", images);
        }
        return shape;
    }

    private static Param<?> param(String owner, Setting<?> setting) {
        StringBuilder name = new StringBuilder();
        for (String word : setting.name().split("-")) {
            char first = name.isEmpty() ? word.charAt(0) : Character.toUpperCase(word.charAt(0));
            name.append(first).append(word.substring(1));
        }
        String as = name.toString();
        String help = setting.help();
        return switch (setting.type().getSimpleName()) {
            case "Integer" -> new IntParam(owner, as, help);
            case "Long" -> new LongParam(owner, as, help);
            case "Float" -> new FloatParam(owner, as, help);
            case "Double" -> new DoubleParam(owner, as, help);
            case "Boolean" -> new BooleanParam(owner, as, help);
            default -> new Param<String>(owner, as, help);
        };
    }

    @SuppressWarnings("unchecked") // each is made by the type of its setting
    <P extends Param<?>> P of(Setting<?> setting) {
        return (P) bySetting.get(setting.name());
    }

    Map<String, Param<?>> bySetting() {
        return bySetting;
    }

    /** A value of a param's type, of which it may be the text, or a number of another type. */
    static Object parsed(Param<?> param, Object value) {
        String text =
                given(value, param.name()) instanceof Enum<?> constant
                        ? constant.name().toLowerCase(Locale.ROOT)
                        : value.toString();
        try {
            return switch (param.getClass().getSimpleName()) {
                case "IntParam" -> Integer.valueOf(text);
                case "LongParam" -> Long.valueOf(text);
                case "FloatParam" -> Float.valueOf(text);
                case "DoubleParam" -> Double.valueOf(text);
                case "BooleanParam" -> {
                    boolean is = text.equalsIgnoreCase("true");
                    String neither = "%s \"%s\" is neither true nor false";
                    expect(is || text.equalsIgnoreCase("false"), neither, param.name(), text);
                    yield is;
                }
                default -> text;
            };
        } catch (NumberFormatException e) {
            throw usage("%s \"%s\" is not a number", param.name(), text);
        }
    }

    /** These and the others of an owner. */
    Param<?>[] with(Param<?>[] others) {
        List<Param<?>> all = new ArrayList<>(Arrays.asList(others));
        bySetting.values().stream()
                .filter(one -> all.stream().noneMatch(other -> other.name().equals(one.name())))
                .forEach(all::add);
        return all.toArray(Param<?>[]::new);
    }

    /**
     * Spark's constructors ask for a uid before those of a class in Java can set it: it is left
     * here for {@link #SettingParams}.
     */
    static Void next(String uid) {
        NEXT_UID.set(uid);
        return null;
    }
}
