package org.quern.run;

import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Distortion;
import org.quern.data.Splits;
import org.quern.data.Splitter;
import org.quern.data.TableFormat;
import org.quern.data.TableFormat.Labels;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.model.Scaling;
import org.quern.plan.Folding;
import org.quern.plan.Loss;
import org.quern.plan.Optimizer;
import org.quern.train.EarlyStopping;
import org.quern.train.Schedule;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** All that decides a run, its data included: a value for each {@link Setting}. */
public final class RunSettings implements Serializable {
    private static final long serialVersionUID = 1;

    /** The tutorial's network with Keras' defaults on whatever data is found. */
    public static final RunSettings DEFAULT =
            new RunSettings(
                    Setting.kept().stream()
                            .collect(Collectors.toMap(Setting::name, one -> one.byDefault)),
                    Set.of());

    /** Before a setting's name: as it was given, where the data made something else of it. */
    private static final String GIVEN = "given ";

    private final HashMap<String, Object> values;
    private final HashSet<String> asked;

    private RunSettings(Map<String, Object> values, Set<String> asked) {
        this.values = new HashMap<>(values);
        this.asked = new HashSet<>(asked);
    }

    /**
     * Those that the run in a folder was kept with: what was found out then is not found out again.
     *
     * @throws org.quern.QuernException if they are none (data)
     */
    public static RunSettings ofRun(Map<String, String> texts, Path folder) {
        try {
            RunSettings settings = DEFAULT.settled(texts);
            return settings.with(Setting.LOSS, settings.get(Setting.LOSS));
        } catch (QuernException e) { // which would blame an option
            String text = "the settings of run %s are damaged (%s): start a new run";
            throw data(e, text, folder, e.getMessage());
        }
    }

    /** These with some replaced, by values or their texts, because somebody asks for it. */
    public RunSettings with(Map<String, ?> changes) {
        Set<String> names = new HashSet<>(asked);
        names.addAll(given(changes, "settings").keySet());
        return checked(changes, names);
    }

    /** These with another value for one. */
    public <T> RunSettings with(Setting<T> setting, T value) {
        return with(Map.of(given(setting, "setting").name(), given(value, "value")));
    }

    /** These with some replaced by what was found out, or is known of an earlier run. */
    public RunSettings settled(Map<String, ?> changes) {
        return checked(changes, asked);
    }

    /** Checks what can be checked before there is data. */
    private RunSettings checked(Map<String, ?> changes, Set<String> names) {
        Map<String, Object> all = Setting.replaced(values, given(changes, "settings"));
        Set<String> given = new HashSet<>(names);
        given.addAll(changes.keySet());
        adaptToOptimizer(all, given);
        RunSettings settings = new RunSettings(all, names);
        settings.config(1);
        int limit = settings.get(Setting.LIMIT);
        int overfit = settings.get(Setting.OVERFIT);
        String text = "limit %d, overfit %d: give at least 1 row";
        expect(limit >= 0 && overfit >= 0, text, limit, overfit);
        int folds = settings.get(Setting.FOLDS);
        if (folds > 0 && (overfit > 0 || settings.asksFor(Setting.SPLIT))) {
            String option = overfit > 0 ? "overfit" : "split";
            throw usage("--folds %d says what is tested on: leave --%s out", folds, option);
        }
        if (settings.get(Setting.BALANCE) && !settings.loss().classifies()) {
            throw usage("--balance needs classes, and --loss %s has none", settings.text("loss"));
        }
        if (settings.get(Setting.BALANCE) && !settings.text("class-weights").equals("none")) {
            throw usage("--balance and --class-weights both make rare classes count: give one");
        }
        settings.format();
        settings.options();
        return settings;
    }

    /** Where the optimizer is another, its defaults take the place of those of the one before. */
    private void adaptToOptimizer(Map<String, Object> all, Set<String> given) {
        Map<String, Double> before = Optimizer.Kind.of(get(Setting.OPTIMIZER)).defaults();
        Optimizer.Kind now = Optimizer.Kind.of((String) all.get("optimizer"));
        for (Map.Entry<String, Double> own : now.defaults().entrySet()) {
            String name = own.getKey();
            Double was = before.get(name);
            Object usual = was != null ? was : Setting.named(name).byDefault;
            if (!given.contains(name) && all.get(name).equals(usual)) {
                all.put(name, own.getValue());
            }
        }
    }

    /** Whether somebody asked for a setting, so that nothing that is found out changes it. */
    public boolean asksFor(Setting<?> setting) {
        return asked.contains(given(setting, "setting").name());
    }

    /** What somebody asked for of another loss or optimizer than the one that there is. */
    public List<String> unused() {
        Set<String> used = new HashSet<>(loss().kind().settings());
        used.addAll(Optimizer.Kind.of(get(Setting.OPTIMIZER)).defaults().keySet());
        Set<String> known = new LinkedHashSet<>();
        Stream.of(Loss.Kind.values()).forEach(kind -> known.addAll(kind.settings()));
        known.add(Setting.CLASS_WEIGHTS.name());
        if (loss().classifies()) {
            used.add(Setting.CLASS_WEIGHTS.name());
        }
        Stream.of(Optimizer.Kind.values()).forEach(kind -> known.addAll(kind.defaults().keySet()));
        return known.stream().filter(one -> asked.contains(one) && !used.contains(one)).toList();
    }

    /**
     * These with what only their data tells, where nobody asked otherwise: input is divided by 255
     * only if it is pixels, columns are standardized only if nobody says how to scale them, and the
     * last layer is as wide as there are classes. Refused if there is one class only, or a model
     * that was asked for has another number of outputs.
     */
    public RunSettings on(Splits source) {
        Dataset train = given(source, "data").train();
        requireUsed(source);
        Map<String, Object> told = new LinkedHashMap<>();
        if (source.label() != null) { // a name, where the column has one
            told.put("label", source.label());
        }
        if (!asksFor(Setting.SCALE) && !train.isImage()) {
            told.put("scale", Scaling.NONE.scale());
        }
        boolean isTable = train.asTable().header() != null;
        if (isTable && (asksFor(Setting.SCALE) || asksFor(Setting.SHIFT))) {
            told.put("standardize", Setting.OnOff.OFF);
        }
        if (isTable && !asksFor(Setting.EPOCHS) && !asksFor(Setting.RECIPE)) {
            told.put("epochs", Setting.EPOCHS_OF_A_TABLE);
        }
        if (train.hasTargets() && !asksFor(Setting.LOSS)) {
            return settled(Map.of("loss", Loss.MEAN_SQUARED_ERROR.kind().option()))
                    .sized(train, told);
        }
        return sized(train, told);
    }

    /** Refuses what was asked of a table if the data is none. */
    public void requireUsed(Splits source) {
        if (given(source, "data").label() == null) { // a table to train on has one
            List<String> ofTables =
                    Setting.of(Setting.Group.TABLE).stream()
                            .filter(one -> one != Setting.TRANSPOSE && asksFor(one))
                            .map(one -> "--" + one.name())
                            .toList();
            String text = "%s: only for tables such as CSV files; the data is %s";
            expect(ofTables.isEmpty(), text, String.join(", ", ofTables), source.description());
        }
    }

    private RunSettings sized(Dataset train, Map<String, Object> told) {
        if (train.hasLabels() || train.hasTargets()) {
            Model model = Setting.layers(get(Setting.MODEL));
            int outputs = outputs(train);
            if (model.outputSize() != outputs) {
                if (asksFor(Setting.MODEL)) {
                    throw wrongOutputs(model, train, outputs);
                }
                told.put("model", model.withOutputs(outputs).text());
            }
        }
        return settled(told);
    }

    private int outputs(Dataset train) {
        int wanted = get(Setting.OUTPUTS);
        int classes = train.classes().size();
        if (!loss().classifies()) {
            int targets = Math.max(1, train.targetWidth());
            if (train.hasTargets() && train.rows() > 1 && isConstant(train.targets(), targets)) {
                throw data(
                        "%s: the label is the same in all rows: there is nothing to learn",
                        train.name());
            }
            String other = "outputs %d: %s has %s a row to predict";
            expect(wanted == 0 || wanted == targets, other, wanted, train.name(), numbers(targets));
            return targets;
        }
        String numbers = "%s holds numbers to predict, not classes: leave --loss cross-entropy out";
        require(classes > 0, numbers, train.name());
        if (classes < 2) {
            String one = "%s has rows of one class only, \"%s\": there is nothing to tell apart";
            throw data(one, train.name(), train.classes().get(0));
        }
        if (wanted > 0 && wanted < classes) {
            String few = "outputs %d: %s has %d classes, give at least as many";
            throw usage(few, wanted, train.name(), classes);
        }
        return wanted > 0 ? wanted : classes;
    }

    private static boolean isConstant(float[] targets, int width) {
        return IntStream.range(width, targets.length)
                .allMatch(i -> targets[i] == targets[i % width]);
    }

    private static String numbers(int count) {
        return count == 1 ? "one number" : count + " numbers";
    }

    private RuntimeException wrongOutputs(Model model, Dataset train, int outputs) {
        String but = "%s has %s a row to predict".formatted(train.name(), numbers(outputs));
        String keep = "";
        if (get(Setting.OUTPUTS) > 0) {
            but = "--outputs is " + outputs;
        } else if (loss().classifies()) {
            but = "%s has %d classes".formatted(train.name(), outputs);
            if (model.outputSize() > outputs) {
                keep = ", or keep outputs without a class by --outputs " + model.outputSize();
            }
        }
        return data(
                "model \"%s\" has %d outputs, but %s: make its last layer \"dense %d\"%s",
                model.text(), model.outputSize(), but, outputs, keep);
    }

    /** The same without what only a GPU understands and nobody asks for: to go on on the host. */
    public RunSettings onHost() {
        return settled(
                Setting.kept().stream()
                        .filter(one -> one.isOfGpu() && !asksFor(one))
                        .collect(Collectors.toMap(Setting::name, one -> one.byDefault)));
    }

    /** The same with rows to validate on, but for rows that are to be learned by heart. */
    public RunSettings validated() {
        return asksFor(Setting.VALIDATION) || get(Setting.OVERFIT) > 0
                ? this
                : settled(Map.of("validation", Setting.HELD_OUT));
    }

    /** The same for one epoch of one batch. */
    public RunSettings forOneBatch() {
        int batches = get(Setting.VALIDATION) > 0 ? 2 : 1;
        return with(Map.of("limit", batches * get(Setting.BATCH), "epochs", 1));
    }

    /**
     * Those of a run that goes on, with what somebody gives now: the same as then, or what it is
     * computed on.
     *
     * @param kept what the run's folder has of them
     */
    public static RunSettings resumed(
            Map<String, String> kept, Map<String, ?> options, Path folder) {
        RunSettings saved = ofRun(kept, given(folder, "folder"));
        Map<String, Object> others = new HashMap<>(given(options, "options"));
        others.entrySet()
                .removeIf(e -> String.valueOf(e.getValue()).equals(kept.get(GIVEN + e.getKey())));
        saved.refuseOthers(others, folder.toString());
        return saved.with(others);
    }

    /** Refuses options that contradict these, of {@code where}; on what is computed may change. */
    private void refuseOthers(Map<String, ?> given, String where) {
        Map<String, Object> others = Setting.replaced(values, given);
        for (Setting<?> setting : Setting.kept()) {
            String name = setting.name();
            String was = quoted(text(name));
            String is = quoted(Setting.textOf(others.get(name)));
            String message =
                    "--%s %s contradicts %s, which was started with %s: leave the option out, or"
                            + " start a new run";
            boolean unknown = setting == Setting.DATA && text(name).isEmpty(); // a program's rows
            boolean fits = setting.mayChange() || unknown || is.equals(was);
            expect(fits, message, name, is, where, was);
        }
    }

    private static String quoted(String text) {
        return text.isEmpty() || text.indexOf(' ') >= 0 ? '"' + text + '"' : text;
    }

    public <T> T get(Setting<T> setting) {
        return given(setting, "setting").value(values.get(setting.name()));
    }

    public String text(String name) {
        return Setting.textOf(given(values.get(name), "a value of " + name));
    }

    /** The settings as texts by name, for a run's folder, which also keeps what was given. */
    public Map<String, String> texts(Map<String, ?> options) {
        Map<String, String> texts = texts();
        given(options, "options")
                .forEach((name, value) -> texts.put(GIVEN + name, given(value, name).toString()));
        return texts;
    }

    /** The settings as texts by name. */
    public Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        Setting.kept().forEach(setting -> texts.put(setting.name(), text(setting.name())));
        return texts;
    }

    /** What the trainer is to do, for examples of a shape. */
    public TrainingConfig config(int... inputShape) {
        Scaling scaling = new Scaling(get(Setting.SCALE), get(Setting.SHIFT));
        int patience = get(Setting.EARLY_STOPPING);
        return new TrainingConfig(
                ModelText.parse(Model.input(inputShape).scaled(scaling), get(Setting.MODEL)),
                loss(),
                Optimizer.of(get(Setting.OPTIMIZER), this::number),
                Schedule.parse(get(Setting.SCHEDULE), get(Setting.RATE)),
                get(Setting.BATCH),
                get(Setting.SEED),
                patience == 0 ? null : new EarlyStopping(patience, get(Setting.MIN_DELTA)),
                Distortion.parse(get(Setting.DISTORT)));
    }

    public Loss loss() {
        return Loss.of(get(Setting.LOSS), this::number);
    }

    private double number(String name) {
        return (Double) values.get(name);
    }

    /**
     * The rows of the run, as a trainer takes them; of a table, its columns are fitted on the rows
     * to train on. In regression, labels are the numbers to predict.
     */
    public Splits parts(Splits source) {
        return parts(source, 0);
    }

    /**
     * The same for one of the {@linkplain Setting#FOLDS folds}, from 1, to test on, and the others
     * to train on; 0 for none.
     */
    public Splits parts(Splits source, int fold) {
        Splits parts = carved(source, fold);
        Dataset train = parts.train();
        return train.header() == null
                ? parts
                : parts.in(
                        columns(
                                train.name(),
                                train.rows(),
                                (numbers, targets) -> Columns.fit(train, numbers, targets)));
    }

    /**
     * A table's columns; refused if they tell nothing.
     *
     * @param fit told whether to standardize numbers, and whether numbers to predict, too
     * @hidden
     */
    public Columns columns(String name, long rows, BiFunction<Boolean, Boolean, Columns> fit) {
        boolean standardize = get(Setting.STANDARDIZE) == Setting.OnOff.ON;
        boolean targets = Folding.takesTargets(config(1).plan());
        Columns columns = given(fit, "fit").apply(standardize, standardize && targets);
        String none = "%s: no column tells one row from another: %s";
        boolean tells = columns.inputs().stream().anyMatch(one -> !one.isLeftOut());
        boolean some = rows > 1 ? tells : columns.width() > 0;
        require(some, none, given(name, "name"), columns.leftOut());
        return columns;
    }

    /**
     * The rows of the run, as they were read, none of which is in two parts unless it is to be
     * learned by heart.
     */
    Splits carved(Splits source, int fold) {
        given(source, "data");
        boolean numbers = !loss().takesLogits(); // whose labels are no classes to draw rows by
        Splits parts = drawn((numbers ? source.withLabelsAsTargets() : source).withTables(), fold);
        return loss().classifies() ? parts : parts.withLabelsAsTargets();
    }

    private Splits drawn(Splits data, int fold) {
        boolean stratified = get(Setting.STRATIFY) == Setting.OnOff.ON;
        Splitter splitter = new Splitter(get(Setting.SPLIT_SEED), stratified);
        Splits tested =
                fold > 0
                        ? data.withFold(fold, get(Setting.FOLDS), splitter)
                        : data.withTest(get(Setting.SPLIT), splitter);
        if (get(Setting.OVERFIT) > 0) {
            return tested.byHeart(get(Setting.OVERFIT), splitter);
        }
        int limit = get(Setting.LIMIT);
        Splits parts = limit > 0 ? tested.limited(limit, splitter) : tested;
        double validation = get(Setting.VALIDATION);
        return validation > 0 ? parts.withValidation(validation, splitter) : parts;
    }

    /** Rows to train on, as the trainer is to see them: balanced, if somebody asks for it. */
    public Dataset toTrain(Splits parts) {
        given(parts, "parts");
        return get(Setting.BALANCE) ? parts.train().balanced(get(Setting.SEED)) : parts.train();
    }

    /** What is known of a table in a file. */
    public TableFormat format() {
        TableFormat format =
                TableFormat.of(
                        get(Setting.LABEL),
                        get(Setting.HEADER),
                        get(Setting.SEPARATOR),
                        get(Setting.MISSING),
                        get(Setting.CATEGORY));
        boolean oneOutput =
                asksFor(Setting.MODEL)
                        && Setting.layers(get(Setting.MODEL)).outputSize() == 1
                        && !asksFor(Setting.LOSS);
        if (oneOutput || !loss().classifies()) {
            return format.withLabels(Labels.NUMBERS);
        }
        return asksFor(Setting.LOSS) ? format.withLabels(Labels.CLASSES) : format;
    }

    public Backends.Choice choose() {
        return Backends.choose(get(Setting.BACKEND), options());
    }

    /** How to run on the backend. */
    public Backend.Options options() {
        return new Backend.Options(
                get(Setting.THREADS),
                orNull(get(Setting.DEVICE)),
                get(Setting.DEVICE_MEMORY),
                get(Setting.SYNC),
                get(Setting.GEMM),
                get(Setting.PRECISION),
                orNull(get(Setting.CUBLAS)),
                get(Setting.ENGINE),
                1);
    }

    private static String orNull(String text) {
        return text.isEmpty() ? null : text;
    }

    /** A trainer for rows of this run, to be closed. */
    Trainer open(Splits parts, Backend backend, Backend.Options options) {
        TrainingConfig config = config(parts.train().shape());
        if (loss().classifies()) {
            config =
                    config.withLoss(
                            ClassWeights.parse(get(Setting.CLASS_WEIGHTS)).of(parts.train()));
        }
        return Trainer.open(config, backend, options);
    }
}
