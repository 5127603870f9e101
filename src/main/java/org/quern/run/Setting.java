package org.quern.run;

import static org.quern.QuernException.either;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;
import static org.quern.run.Setting.Group.NETWORK;
import static org.quern.run.Setting.Group.ROWS;
import static org.quern.run.Setting.Group.RUNNING;
import static org.quern.run.Setting.Group.SWEEP;
import static org.quern.run.Setting.Group.TABLE;
import static org.quern.run.Setting.Group.TRAINING;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Distortion;
import org.quern.model.Activation;
import org.quern.model.Layer;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.train.Schedule;
import org.quern.train.TrainingConfig;

/**
 * A setting of a run. Its entry in this table is all that there is of it besides its use: the
 * option of the command line with its help, its text in a run's folder and its values in a sweep
 * are made from it. A value is a string, a number, a boolean or an enum.
 */
public final class Setting<T> {
    /** What a setting is about. Commands take some of these. */
    public enum Group {
        /** Which rows there are. */
        ROWS,
        /** What files do not say of themselves. */
        TABLE,
        /** What is trained. */
        NETWORK,
        /** How it is trained. */
        TRAINING,
        /** What else of a network the trainings of a sweep may differ in. */
        SWEEP,
        /** What it is computed on, and how. */
        RUNNING;

        /** All that a run has: those of the options of {@code quern train}. */
        public static Group[] ofRun() {
            return new Group[] {ROWS, TABLE, NETWORK, TRAINING, RUNNING};
        }

        /** What options are about, in the order in which help lists them. */
        public static List<String> headings() {
            return List.of("Data", "Model", "Training", "Output", "Device");
        }

        /** An entry: the name, what help calls its value ({@code lr=RATE}), the default. */
        private <T> Setting<T> setting(String option, T byDefault) {
            return new Setting<>(this, option.split("=", 2), byDefault);
        }
    }

    /** Whether something is done. */
    public enum OnOff {
        ON,
        OFF
    }

    private static final Map<String, Setting<?>> ALL = new LinkedHashMap<>();

    /** Rows to validate on where nobody says how many: as in scikit-learn's early stopping. */
    static final double HELD_OUT = 0.1;

    /** With this many, 64-32 networks on nine well-known tables do best: bench/results. */
    static final int EPOCHS_OF_A_TABLE = 20;

    public static final Setting<String> DATA =
            ROWS.setting("data=PATH", "")
                    .help(
                            "A folder of IDX files such as MNIST's, an .npz or .csv file, or a"
                                    + " folder of images for each class. Default: MNIST, else"
                                    + " generated digits.")
                    .as(Setting::path);
    public static final Setting<String> LABEL =
            TABLE.setting("label=COLUMN", "")
                    .help(
                            "Tables: name or index (from 0) of the column to predict; several"
                                    + " columns of numbers: a,b. Default: the first of label,"
                                    + " class, target, y that is there, else the only one that"
                                    + " test.csv lacks.");
    public static final Setting<String> HEADER =
            TABLE.setting("header=YES|NO", "auto")
                    .help("Tables: whether line 1 names the columns (%s: detected).");
    public static final Setting<String> SEPARATOR =
            TABLE.setting("separator=CHAR", "auto")
                    .help(
                            "Tables: what separates fields: comma, semicolon, tab or any other"
                                    + " character (%s: detected).");
    public static final Setting<String> MISSING =
            TABLE.setting("missing=LIST", "")
                    .help(
                            "Tables: texts that mean a missing value, such as \"-999,x\", in"
                                    + " addition to empty, NA, NaN, ? and the like.");
    public static final Setting<String> CATEGORY =
            TABLE.setting("category=LIST", "")
                    .help("Tables: columns of numbers to take as categories, such as codes.");
    public static final Setting<OnOff> STANDARDIZE =
            ROWS.setting("standardize=ON|OFF", OnOff.ON)
                    .help(
                            "Tables: scale each column of numbers, and numbers to predict, to mean"
                                    + " 0 and deviation 1 (%s).");
    public static final Setting<Boolean> TRANSPOSE =
            TABLE.setting("transpose", false)
                    .help("Turn images that are stored column after column, as EMNIST's are.");
    public static final Setting<Integer> LIMIT =
            ROWS.setting("limit=N", 0).help("Train on N rows only (all).");
    public static final Setting<Double> SPLIT =
            ROWS.setting("split=FRACTION", 0.2)
                    .help("Rows to test on, where the data has no test rows (%s).")
                    .where(x -> x > 0 && x < 1, "split %s: give a fraction above 0 and below 1");
    public static final Setting<Double> VALIDATION =
            ROWS.setting("validation=FRACTION", 0.0)
                    .help(
                            "Training rows to validate on after each epoch, where the data has no"
                                    + " validation rows (%s; "
                                    + HELD_OUT
                                    + " for early stopping).")
                    .where(
                            x -> x >= 0 && x < 1,
                            "validation %s: give a fraction from 0 to below 1");
    public static final Setting<Integer> FOLDS =
            ROWS.setting("folds=K", 0)
                    .help(
                            "Cross-validation: split the rows into K parts and train K times, each"
                                    + " time testing on the part that is left out (off).")
                    .where(n -> n == 0 || n >= 2, "folds %d: give at least 2");
    public static final Setting<Long> SPLIT_SEED =
            ROWS.setting("split-seed=N", 1L)
                    .help("Decides which rows are set aside to test and to validate (%s).");
    public static final Setting<OnOff> STRATIFY =
            ROWS.setting("stratify=ON|OFF", OnOff.ON)
                    .help("Give each class its share of the rows set aside (%s).");
    public static final Setting<Integer> OVERFIT =
            ROWS.setting("overfit=N", 0)
                    .help("Train and test on the same N rows: can the model learn them at all?");

    public static final Setting<String> RECIPE =
            NETWORK.setting("recipe=NAME", Recipe.TUTORIAL.text())
                    .help(
                            "first: 784-40-10, linear, raw pixels; tutorial: 784-48-15-10 with ReLU"
                                    + " and dropout, pixels / 255; 97, 98, 98.5, 99: the fastest"
                                    + " known way to that accuracy on MNIST, in percent (%s).")
                    .standsFor((name, model) -> Recipe.parse(name).settings);
    public static final Setting<String> MODEL =
            NETWORK.setting("model=LAYERS", ModelText.TUTORIAL)
                    .help(
                            "Such as \"dense 48 relu, dropout 0.3, dense 10\"; activations are "
                                    + Activation.names()
                                    + ".")
                    .as(text -> layers(text).text());
    public static final Setting<Float> SCALE =
            NETWORK.setting("scale=X", Scaling.UNIT.scale())
                    .help("What raw input is multiplied by (pixels 0 to 255: 1/255; else 1).");
    public static final Setting<Float> SHIFT =
            NETWORK.setting("shift=X", Scaling.UNIT.shift()).help("What is then added (%s).");

    public static final Setting<Float> DROPOUT =
            SWEEP.setting("dropout=LIST", 0f)
                    .help("Rates for all dropouts of the model.")
                    .standsFor(Setting::withDropouts);
    public static final Setting<Integer> WIDTH =
            SWEEP.setting("width=LIST", 0)
                    .help("Units for the model's first hidden layer.")
                    .standsFor(Setting::withFirstHidden);

    public static final Setting<Integer> OUTPUTS =
            TRAINING.setting("outputs=N", 0)
                    .help("Outputs of the model (one for each class).")
                    .where(n -> n >= 0, "outputs %d: give at least 1");
    public static final Setting<String> LOSS =
            TRAINING.setting("loss=NAME", "cross-entropy")
                    .help(
                            either(Loss.Kind.options())
                                    + " (%s; mse for numbers); binary: 0 or 1 for each output.")
                    .as(name -> Loss.Kind.of(name).option());
    public static final Setting<Double> DELTA =
            TRAINING.setting("delta=X", Loss.DELTA)
                    .help("Huber's delta: larger errors count linearly, not squared (%s).");
    public static final Setting<String> CLASS_WEIGHTS =
            TRAINING.setting("class-weights=HOW", ClassWeights.NONE)
                    .help(
                            "Weights of classes in cross-entropy: balanced (rare classes count"
                                    + " more), or such as cat=2,dog=0.5 (%s).")
                    .as(text -> ClassWeights.parse(text).text());
    public static final Setting<String> OPTIMIZER =
            TRAINING.setting("optimizer=NAME", "adam")
                    .help(either(Optimizer.Kind.options()) + " (%s).")
                    .as(name -> Optimizer.Kind.of(name).option());
    public static final Setting<Double> RATE =
            TRAINING.setting("lr=RATE", TrainingConfig.DEFAULT_RATE).help("Learning rate (%s).");
    public static final Setting<String> SCHEDULE =
            TRAINING.setting("schedule=TEXT", "constant")
                    .help(
                            "constant, \"step EPOCHS FACTOR\" or cosine; \"warmup STEPS\" may stand"
                                    + " before it (%s).")
                    .as(text -> Schedule.parse(text, 1).text());
    public static final Setting<Double> BETA1 =
            TRAINING.setting("beta1=X", Optimizer.Adam.DEFAULT.beta1())
                    .help("Decay of Adam's mean; share of the mean in Lion's step (%s).");
    public static final Setting<Double> BETA2 =
            TRAINING.setting("beta2=X", Optimizer.Adam.DEFAULT.beta2())
                    .help("Decay of Adam's mean square and of Lion's mean (%s).");
    public static final Setting<Double> EPSILON =
            TRAINING.setting("epsilon=X", Optimizer.Adam.DEFAULT.epsilon())
                    .help("Adam's epsilon (%s).");
    public static final Setting<Double> MOMENTUM =
            TRAINING.setting("momentum=X", 0.0).help("SGD's momentum (%s).");
    public static final Setting<Double> WEIGHT_DECAY =
            TRAINING.setting("weight-decay=X", 0.0).help("Decoupled weight decay (%s).");
    public static final Setting<Integer> BATCH =
            TRAINING.setting("batch=N", TrainingConfig.DEFAULT_BATCH).help("Rows of a batch (%s).");
    public static final Setting<Integer> EPOCHS =
            TRAINING.setting("epochs=N", 5)
                    .help(
                            "Passes over the training data (%s; "
                                    + EPOCHS_OF_A_TABLE
                                    + " for a table).")
                    .where(n -> n >= 1, "epochs %d: give at least 1");
    public static final Setting<Integer> EARLY_STOPPING =
            TRAINING.setting("early-stopping=N", 0)
                    .help(
                            "Stop after N epochs without a better validation loss (off); with"
                                    + " --validation 0, training loss.");
    public static final Setting<Double> MIN_DELTA =
            TRAINING.setting("min-delta=X", 0.0).help("Least improvement that counts for it (%s).");
    public static final Setting<String> DISTORT =
            TRAINING.setting("distort=TEXT", Distortion.NONE.text())
                    .help(
                            "Augment images every epoch: such as \"rotate 10, scale 0.1, shift"
                                    + " 1, bend 2\", in degrees, parts and pixels (%s).")
                    .as(text -> Distortion.parse(text).text());
    public static final Setting<Boolean> BALANCE =
            TRAINING.setting("balance", false)
                    .help(
                            "Repeat training rows of rarer classes, so that each class comes"
                                    + " equally often.");
    public static final Setting<Long> SEED =
            TRAINING.setting("seed=N", 1L)
                    .help("Random seed of training (%s); for drawing rows: --split-seed.");

    public static final Setting<String> BACKEND =
            RUNNING.setting("backend=NAME", Backends.AUTO)
                    .help("What to run on: auto, or a name that quern doctor lists (%s).");
    public static final Setting<Integer> THREADS =
            RUNNING.setting("threads=N", 0).help("CPU threads to use (the backend's choice).");
    public static final Setting<String> DEVICE =
            RUNNING.setting("device=D", "")
                    .help("GPU to use: its number or part of its name (the first).");
    public static final Setting<Integer> DEVICE_MEMORY =
            RUNNING.setting("device-memory=MIB", 0)
                    .help(
                            "Most memory of the GPU that data may take; more is streamed (what is"
                                    + " free).");
    public static final Setting<Boolean> SYNC =
            RUNNING.setting("sync", false)
                    .help("Wait after each op, so that a fault on the GPU is told with its op.");
    public static final Setting<Backend.Gemm> GEMM =
            RUNNING.setting("gemm=HOW", Backend.Gemm.AUTO)
                    .help("Matrix products on CUDA by own kernels, cublas, or auto (%s).");
    public static final Setting<Backend.Precision> PRECISION =
            RUNNING.setting("precision=P", Backend.Precision.FP32)
                    .help("Factors of matrix products, by cuBLAS: fp32, tf32 or bf16 (%s).");
    public static final Setting<String> CUBLAS =
            RUNNING.setting("cublas=PATH", "")
                    .help("The cuBLAS library or its folder (looked for).");
    public static final Setting<Backend.Engine> ENGINE =
            RUNNING.setting("engine=HOW", Backend.Engine.AUTO)
                    .help(
                            "Training steps on a GPU: fused into few launches, the same with tensor"
                                    + " cores, as a graph, as ops, or auto (%s).");

    private final Group group;
    private final String name;
    private final String label;
    final T byDefault;
    private String help;
    private UnaryOperator<T> canonical;
    private BiFunction<T, String, Map<String, ?>> standsFor;

    private Setting(Group group, String[] option, T byDefault) {
        this.group = group;
        this.name = option[0];
        this.label = option.length > 1 ? option[1] : "";
        this.byDefault = byDefault;
        ALL.put(name, this);
    }

    /** The same with its help, with {@code %s} for the default. */
    private Setting<T> help(String text) {
        help = text;
        return this;
    }

    /** The same with one way only to write a value, or a failure to understand it. */
    private Setting<T> as(UnaryOperator<T> form) {
        canonical = form;
        return this;
    }

    /** The same with what its values are to be, and what is said where they are not. */
    private Setting<T> where(Predicate<T> holds, String message) {
        return as(
                value -> {
                    expect(holds.test(value), message, value);
                    return value;
                });
    }

    /** The same as another way to give other settings, which alone are kept. */
    private Setting<T> standsFor(BiFunction<T, String, Map<String, ?>> others) {
        standsFor = others;
        return this;
    }

    /** All settings of some groups, in the order in which help lists them. */
    public static List<Setting<?>> of(Group... groups) {
        List<Group> wanted = Arrays.asList(given(groups, "groups"));
        return ALL.values().stream().filter(one -> wanted.contains(one.group)).toList();
    }

    public static Setting<?> named(String name) {
        return ALL.get(name);
    }

    /** All settings that a run keeps. */
    static List<Setting<?>> kept() {
        return ALL.values().stream().filter(one -> one.standsFor == null).toList();
    }

    /** Values with some replaced by values or their texts; names of no setting are left out. */
    static Map<String, Object> replaced(Map<String, Object> values, Map<String, ?> changes) {
        Map<String, Object> all = new LinkedHashMap<>(values);
        for (Setting<?> setting : ALL.values()) {
            if (changes.containsKey(setting.name)) {
                all.putAll(setting.read(changes.get(setting.name), all));
            }
        }
        return all;
    }

    private Map<String, Object> read(Object given, Map<String, Object> values) {
        boolean isValue = byDefault.getClass().isInstance(given);
        T value = value(isValue ? given : parse(given(given, name).toString()));
        return standsFor == null
                ? Map.of(name, canonical == null ? value : canonical.apply(value))
                : replaced(values, standsFor.apply(value, (String) values.get("model")));
    }

    private Object parse(String text) {
        if (byDefault instanceof Enum<?>) {
            List<?> all = List.of(byDefault.getClass().getEnumConstants());
            List<String> names = all.stream().map(Setting::textOf).toList();
            String asked = text.toLowerCase(Locale.ROOT);
            String message = "unknown %s \"%s\": use %s";
            expect(names.contains(asked), message, name, asked, String.join(", ", names));
            return all.get(names.indexOf(asked));
        }
        try {
            return switch (byDefault.getClass().getSimpleName()) {
                case "Integer" -> Integer.valueOf(text);
                case "Long" -> Long.valueOf(text);
                case "Float" -> Float.valueOf(text);
                case "Double" -> Double.valueOf(text);
                case "Boolean" -> Boolean.valueOf(text);
                default -> text;
            };
        } catch (NumberFormatException e) {
            throw usage("%s \"%s\" is not a number", name, text);
        }
    }

    @SuppressWarnings("unchecked") // all are made by parse or checked by read
    T value(Object object) {
        return (T) object;
    }

    static String textOf(Object value) {
        return value instanceof Enum<?> constant
                ? constant.name().toLowerCase(Locale.ROOT)
                : value.toString();
    }

    /** The name of its option, without dashes; of its text in a run's folder, too. */
    public String name() {
        return name;
    }

    /** Under which of the {@link Group#headings} help lists it. */
    public String heading() {
        return switch (group) {
            case ROWS, TABLE -> "Data";
            case NETWORK, SWEEP -> "Model";
            case TRAINING -> "Training";
            case RUNNING -> "Device";
        };
    }

    /** What help calls its value; empty if the option has none. */
    public String label() {
        return label;
    }

    /** What the command line reads its value as. */
    public Class<?> type() {
        return byDefault instanceof Enum<?> ? String.class : byDefault.getClass();
    }

    /** A sentence for help, its default in brackets. */
    public String help() {
        StringBuilder values = new StringBuilder(plain(byDefault));
        for (Optimizer.Kind kind : Optimizer.Kind.values()) {
            Double own = kind.defaults().get(name);
            if (own != null && !own.equals(byDefault)) {
                values.append("; ").append(kind.option()).append(' ').append(plain(own));
            }
        }
        return help.formatted(values);
    }

    /** A value as people write it: 0 for 0.0, 1e-7 for 1.0E-7. */
    public static String plain(Object value) {
        return textOf(given(value, "value")).replaceFirst("\\.0(?=E|$)", "").replace('E', 'e');
    }

    /** Whether it is the same for all trainings of a sweep: else they could not be compared. */
    public boolean isCommon() {
        return group == ROWS || group == TABLE || group == RUNNING;
    }

    /** What is between two values in a list of them. */
    public String separator() {
        return this == MODEL || this == DISTORT || this == CLASS_WEIGHTS ? "|" : ",";
    }

    /** Whether it says what a run is computed on, which may change when it is resumed. */
    boolean mayChange() {
        return group == RUNNING && this != PRECISION;
    }

    boolean isOfGpu() {
        return mayChange() && this != BACKEND && this != THREADS;
    }

    private static String path(String text) {
        if (text.isEmpty() || text.matches("generated(:.*)?")) {
            return text;
        }
        try {
            return Path.of(text).toAbsolutePath().normalize().toString();
        } catch (InvalidPathException e) {
            throw usage("\"%s\" is no path (%s)", text, e.getReason());
        }
    }

    private static Map<String, ?> withDropouts(float rate, String model) {
        String refusal = "dropout %s: the model has no dropout to change";
        expect(model.contains("dropout "), refusal, plain(rate));
        return Map.of("model", model.replaceAll("dropout [^,]+", new Layer.Dropout(rate).text()));
    }

    private static Map<String, ?> withFirstHidden(int units, String model) {
        Matcher hidden = Pattern.compile("dense \\d+(?=[^,]*,)").matcher(model);
        expect(hidden.find(), "width: the model has no hidden layer to change");
        return Map.of("model", hidden.replaceFirst("dense " + units));
    }

    static Model layers(String text) {
        return ModelText.parse(Model.input(1), text);
    }
}
