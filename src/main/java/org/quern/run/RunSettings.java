package org.quern.run;

import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.quern.backend.Backend;
import org.quern.data.Distortion;
import org.quern.data.Parts;
import org.quern.data.Splits;
import org.quern.data.TableFormat;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.train.EarlyStopping;
import org.quern.train.Schedule;
import org.quern.train.TrainingConfig;

/**
 * All that decides a run, its data included, as the texts that a run folder keeps and the command
 * line gives: {@code epochs} → {@code 5}. Names are those of the options of {@code quern train};
 * texts are canonical, so that equal settings have equal texts.
 */
public final class RunSettings {
    private static final Map<String, String> DEFAULTS = new LinkedHashMap<>();

    static {
        DEFAULTS.put("data", "");
        DEFAULTS.put("label", "");
        DEFAULTS.put("header", "auto");
        DEFAULTS.put("limit", "0");
        DEFAULTS.put("overfit", "0");
        DEFAULTS.put("split", "0.2");
        DEFAULTS.put("validation", "0.0");
        DEFAULTS.put("model", Recipe.TUTORIAL.model());
        DEFAULTS.put("outputs", "0");
        DEFAULTS.put("scale", Float.toString(Recipe.TUTORIAL.scaling().scale()));
        DEFAULTS.put("shift", Float.toString(Recipe.TUTORIAL.scaling().shift()));
        DEFAULTS.put("loss", "cross-entropy");
        DEFAULTS.put("optimizer", "adam");
        DEFAULTS.put("beta1", Double.toString(Optimizer.Adam.DEFAULT.beta1()));
        DEFAULTS.put("beta2", Double.toString(Optimizer.Adam.DEFAULT.beta2()));
        DEFAULTS.put("epsilon", Double.toString(Optimizer.Adam.DEFAULT.epsilon()));
        DEFAULTS.put("momentum", "0.0");
        DEFAULTS.put("weight-decay", "0.0");
        DEFAULTS.put("lr", Double.toString(TrainingConfig.DEFAULT_RATE));
        DEFAULTS.put("schedule", "constant");
        DEFAULTS.put("batch", Integer.toString(TrainingConfig.DEFAULT_BATCH));
        DEFAULTS.put("epochs", "5");
        DEFAULTS.put("early-stopping", "0");
        DEFAULTS.put("min-delta", "0.0");
        DEFAULTS.put("distort", "none");
        DEFAULTS.put("seed", "1");
        DEFAULTS.put("backend", "auto");
        DEFAULTS.put("threads", "0");
        DEFAULTS.put("device", "");
        DEFAULTS.put("device-memory", "0");
        DEFAULTS.put("sync", "false");
        DEFAULTS.put("gemm", "auto");
        DEFAULTS.put("precision", "fp32");
        DEFAULTS.put("cublas", "");
        DEFAULTS.put("engine", "auto");
    }

    /**
     * Rows to validate on where they are needed and nobody says how many: scikit-learn's default
     * for early stopping, which leaves nine tenths to learn from.
     */
    private static final String VALIDATION = "0.1";

    /** What says on what a run is computed, and may change when it is resumed. */
    private static final Set<String> RUNNING =
            Set.of(
                    "backend",
                    "threads",
                    "device",
                    "device-memory",
                    "sync",
                    "gemm",
                    "cublas",
                    "engine");

    /** Of these, what only a GPU understands. */
    private static final Set<String> ON_A_GPU =
            Set.of("device", "device-memory", "sync", "gemm", "cublas", "engine");

    /** The tutorial's network with Keras' defaults on whatever data is found. */
    public static final RunSettings DEFAULT = new RunSettings(DEFAULTS);

    private final Map<String, String> texts;

    private RunSettings(Map<String, String> texts) {
        this.texts = Collections.unmodifiableMap(new LinkedHashMap<>(texts));
    }

    /** Those of a run's folder, which may hold more than settings. */
    public static RunSettings ofRun(Map<String, String> saved) {
        Map<String, String> known = new LinkedHashMap<>(saved);
        known.keySet().removeIf(name -> !has(name));
        return DEFAULT.with(known);
    }

    /** Whether a setting of that name exists. */
    public static boolean has(String name) {
        return DEFAULTS.containsKey(name);
    }

    /**
     * These with some replaced.
     *
     * @param given by name; {@code recipe} stands for model, scale and shift
     * @throws org.quern.QuernException if one is not understood
     */
    public RunSettings with(Map<String, String> given) {
        Map<String, String> all = new LinkedHashMap<>(texts);
        all.putAll(canonical(given));
        RunSettings settings = new RunSettings(all);
        settings.check();
        return settings;
    }

    /**
     * The same without what only a GPU understands: for a run that goes on on the host.
     *
     * @param given by name, what was asked for now, which stays and is refused as ever
     */
    public RunSettings onHost(Map<String, String> given) {
        Map<String, String> plain = new LinkedHashMap<>();
        for (String name : ON_A_GPU) {
            if (!given.containsKey(name)) {
                plain.put(name, DEFAULTS.get(name));
            }
        }
        return with(plain);
    }

    /**
     * The same with rows to validate on, if it was not said how many; rows that are to be learned
     * by heart are not parted.
     *
     * @param given names of what was asked for
     */
    public RunSettings validated(Set<String> given) {
        return given.contains("validation") || overfit() > 0
                ? this
                : with(Map.of("validation", VALIDATION));
    }

    /** The same for one epoch of one batch. */
    public RunSettings forOneBatch() {
        int rows = validation() > 0 ? 2 * integer("batch") : integer("batch");
        return with(Map.of("limit", Integer.toString(rows), "epochs", "1"));
    }

    /**
     * Checks that options do not contradict these; on what is computed may change.
     *
     * @param given by name, as for {@link #with}
     * @param where whose settings these are, for the message
     * @throws org.quern.QuernException if one differs; the message names both values
     */
    public void refuseOthers(Map<String, String> given, String where) {
        canonical(given)
                .forEach(
                        (name, text) -> {
                            if (!RUNNING.contains(name) && !text.equals(texts.get(name))) {
                                throw usage(
                                        "--%s %s contradicts %s, which was started with %s: leave"
                                                + " the option out, or start a new run",
                                        name, quoted(text), where, quoted(texts.get(name)));
                            }
                        });
    }

    private static String quoted(String text) {
        return text.isEmpty() || text.indexOf(' ') >= 0 ? '"' + text + '"' : text;
    }

    private static Map<String, String> canonical(Map<String, String> given) {
        Map<String, String> result = new LinkedHashMap<>();
        if (given.containsKey("recipe")) {
            result.putAll(canonical(Recipe.parse(given.get("recipe")).settings()));
        }
        given.forEach(
                (name, text) -> {
                    switch (name) {
                        case "recipe" -> {}
                        case "data" -> result.put(name, path(text));
                        case "gemm", "precision", "engine" ->
                                result.put(name, text.toLowerCase(Locale.ROOT));
                        case "distort" -> result.put(name, Distortion.parse(text).text());
                        case "model" -> result.put(name, layers(text).text());
                        case "schedule" -> result.put(name, Schedule.parse(text, 1).text());
                        default -> result.put(name, text);
                    }
                });
        return result;
    }

    private static String path(String text) {
        return text.isEmpty() || text.matches("generated(:.*)?")
                ? text
                : Path.of(text).toAbsolutePath().normalize().toString();
    }

    private static Model layers(String text) {
        return ModelText.parse(Model.input(1), text);
    }

    /** Everything that can be checked before there is data. */
    private void check() {
        config(1);
        if (epochs() < 1) {
            throw usage("epochs %d: give at least 1", epochs());
        }
        if (limit() < 0 || overfit() < 0) {
            throw usage("limit %d, overfit %d: give at least 1 row", limit(), overfit());
        }
        if (!(validation() >= 0 && validation() < 1)) {
            throw usage("validation %s: give a fraction from 0 to below 1", validation());
        }
        if (!(split() > 0 && split() < 1)) {
            throw usage("split %s: give a fraction above 0 and below 1", split());
        }
        if (integer("outputs") < 0) {
            throw usage("outputs %d: give at least 1", integer("outputs"));
        }
        format();
        options();
    }

    /** The settings as texts by name. */
    public Map<String, String> texts() {
        return texts;
    }

    /** What a model's file says of its training, of settings by name; not all need be there. */
    public static Map<String, String> notes(Map<String, String> texts, long seed) {
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put("seed", Long.toString(seed));
        String label = texts.getOrDefault("label", "");
        if (!label.isEmpty()) {
            notes.put("label", label);
        }
        return notes;
    }

    /** The text of one setting. */
    public String text(String name) {
        return texts.get(name);
    }

    /** What the trainer is to do, for examples of a shape. */
    public TrainingConfig config(int... inputShape) {
        Scaling scaling =
                new Scaling(Float.parseFloat(text("scale")), Float.parseFloat(text("shift")));
        return new TrainingConfig(
                ModelText.parse(Model.input(inputShape).scaled(scaling), text("model")),
                loss(),
                Optimizer.of(text("optimizer"), this::number),
                Schedule.parse(text("schedule"), number("lr")),
                integer("batch"),
                Long.parseLong(text("seed")),
                integer("early-stopping") == 0
                        ? null
                        : new EarlyStopping(integer("early-stopping"), number("min-delta")),
                Distortion.parse(text("distort")));
    }

    /** The rows of the run; in regression, labels are the numbers to predict. */
    public Parts parts(Splits source) {
        return Parts.of(
                loss().classifies() ? source : source.withLabelsAsTargets(),
                split(),
                limit(),
                validation(),
                overfit(),
                seed());
    }

    /** What is minimised. */
    public Loss loss() {
        return Loss.of(text("loss"), this::number);
    }

    /** Where the data is; empty to look for it. */
    public String data() {
        return text("data");
    }

    /** For CSV, the label's column; empty to find it. */
    public String label() {
        return text("label");
    }

    /** For CSV, what is known of it. */
    public TableFormat format() {
        return TableFormat.of(label(), text("header"));
    }

    /** Most rows to train on; 0 for all. */
    public int limit() {
        return integer("limit");
    }

    /** Rows to train and to test on, to see whether a model can learn them by heart; 0 for no. */
    public int overfit() {
        return integer("overfit");
    }

    /** Fraction of the rows to test on where the data has no test rows. */
    public double split() {
        return number("split");
    }

    /** Fraction of the training rows to validate on; 0 for none. */
    public double validation() {
        return number("validation");
    }

    /** Epochs of the whole run. */
    public int epochs() {
        return integer("epochs");
    }

    /** Key of initial weights, batch order, dropout and of what is carved out of the data. */
    public long seed() {
        return Long.parseLong(text("seed"));
    }

    /** Name of the backend, or auto. */
    public String backend() {
        return text("backend");
    }

    /** How to run on the backend. */
    public Backend.Options options() {
        return new Backend.Options(
                integer("threads"),
                text("device").isEmpty() ? null : text("device"),
                integer("device-memory"),
                Boolean.parseBoolean(text("sync")),
                choice("gemm", Backend.Gemm.class),
                choice("precision", Backend.Precision.class),
                text("cublas").isEmpty() ? null : text("cublas"),
                choice("engine", Backend.Engine.class));
    }

    private <E extends Enum<E>> E choice(String name, Class<E> type) {
        for (E one : type.getEnumConstants()) {
            if (one.name().toLowerCase(Locale.ROOT).equals(text(name))) {
                return one;
            }
        }
        throw usage(
                "unknown %s \"%s\": use %s",
                name,
                text(name),
                String.join(
                        ", ",
                        java.util.Arrays.stream(type.getEnumConstants())
                                .map(one -> one.name().toLowerCase(Locale.ROOT))
                                .toList()));
    }

    private int integer(String name) {
        return parse(name, Integer::valueOf);
    }

    private double number(String name) {
        return parse(name, Double::valueOf);
    }

    private <T> T parse(String name, java.util.function.Function<String, T> reader) {
        try {
            return reader.apply(text(name));
        } catch (NumberFormatException e) {
            throw usage("%s \"%s\" is not a number", name, text(name));
        }
    }
}
