package org.quern.report;

import static org.quern.report.Numbers.format;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;

/**
 * The settings of a run in words: {@code run.json} has them as programs read them.
 *
 * @hidden
 */
public final class RunWords {
    /** What of {@code run.json} is a result, or says when and where the run was. */
    private static final Set<String> NO_SETTINGS =
            Set.of(
                    ("quern epochs steps test seconds timing end bestEpoch tested parameters"
                                    + " resumedAfter started resumed host command shift validation sweep"
                                    + " testLabels")
                            .split(" "));

    private RunWords() {}

    /** Name and value of each setting, in the order of {@code run.json}. */
    public static Map<String, String> of(JsonObject run) {
        Map<String, String> words = new LinkedHashMap<>();
        for (String key : run.keySet()) {
            if (!NO_SETTINGS.contains(key)) {
                words.put(name(key), value(run, key, text(run.get(key))));
            }
        }
        return words;
    }

    private static String name(String key) {
        return switch (key) {
            case "java" -> "Java";
            case "version" -> "Quern";
            case "scale" -> "input scaling";
            default -> key.replaceAll("([A-Z])", " $1").toLowerCase(Locale.ROOT);
        };
    }

    private static String text(JsonElement value) {
        return value.isJsonPrimitive() ? value.getAsString() : value.toString();
    }

    private static String value(JsonObject run, String key, String text) {
        try {
            return switch (key) {
                case "input" -> text.replaceAll("[\\[\\]]", "").replace(",", " x ");
                case "scale" -> scaling(run, Float.parseFloat(text));
                case "loss" -> Loss.parse(text).title();
                case "optimizer" -> optimizer(text);
                case "learningRate" -> Numbers.plain(Float.parseFloat(text));
                case "version" -> text.replaceFirst("^quern ", "");
                case "schedule" -> schedule(text);
                case "earlyStopping" -> stopping(text);
                case "seed", "splitSeed" -> text;
                default -> text.matches("\\d{4,18}") ? format("%,d", Long.parseLong(text)) : text;
            };
        } catch (RuntimeException e) {
            return text; // of another version: as it stands there
        }
    }

    private static String scaling(JsonObject run, float scale) {
        float shift = run.has("shift") ? run.get("shift").getAsFloat() : 0;
        if (run.has("columns")
                && run.getAsJsonObject("columns").get("standardize").getAsBoolean()) {
            return "each column to mean 0 and standard deviation 1";
        }
        String plus = shift == 0 ? "" : ", plus " + Numbers.plain(shift);
        if (scale == 1) {
            return shift == 0 ? "none" : plus.substring(2);
        }
        return (scale == 1 / 255f ? "divided by 255" : "times " + Numbers.plain(scale)) + plus;
    }

    private static String optimizer(String text) {
        String[] words = text.split(" ");
        List<String> names = new ArrayList<>(Optimizer.Kind.of(words[0]).defaults().keySet());
        List<String> values = new ArrayList<>();
        for (int i = 1; i < words.length; i++) {
            float value = Float.parseFloat(words[i]);
            if (value != 0) {
                values.add(
                        names.get(i - 1).replace('-', ' ')
                                + " "
                                + (value < 1e-4
                                        ? format("%.0e", value).replace("e-0", "e-")
                                        : Numbers.plain(value)));
            }
        }
        String kind = words[0].equals("sgd") ? "SGD" : capital(words[0]);
        return values.isEmpty() ? kind : kind + " (" + String.join(", ", values) + ")";
    }

    private static String capital(String word) {
        return word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1);
    }

    private static String schedule(String text) {
        String[] words = text.split(" ", 3);
        return switch (words[0]) {
            case "warmup" ->
                    format(
                            "warm-up over %,d steps, then %s",
                            Long.parseLong(words[1]), schedule(words[2]));
            case "step" -> "times " + words[2] + " every " + words[1] + " epochs";
            case "cosine" ->
                    words.length == 1 ? text : "cosine down to " + words[1] + " of the rate";
            default -> text;
        };
    }

    private static String stopping(String text) {
        String[] words = text.split(" ");
        if (words.length < 2) {
            return text;
        }
        float least = Float.parseFloat(words[1]);
        return "after "
                + words[0]
                + (words[0].equals("1") ? " epoch" : " epochs")
                + " without improvement"
                + (least == 0 ? "" : " by more than " + Numbers.plain(least));
    }
}
