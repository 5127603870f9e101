package org.quern.cli;

import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toSet;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.clock;
import static org.quern.report.Numbers.format;

import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
import org.quern.report.SweepText;
import org.quern.report.page.SweepPage;
import org.quern.run.RunReport;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Sweep;
import org.quern.run.SweepFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

@Command(
        name = "sweep",
        description = {
            "Trains many networks that differ in a few settings, side by side.",
            "",
            "Each option of train takes a list (32,64,128) or a range (1..16 each whole number,"
                    + " 1e-4..1e-2:5 so many); models are separated by \"|\". All combinations are"
                    + " trained; each gives what it gives alone.",
            "They are compared by rows set aside to validate (--validation, here 0.1); what the"
                    + " best does on the test rows is told of it alone. With --folds, they are"
                    + " compared by what they do on all of the folds, in the mean.",
            "With --out, each training is kept as a run, and what is done is not trained again."
                    + " With --shard, several processes train parts of a sweep, on as many machines;"
                    + " --collect puts the parts together: docs/many-machines.md.",
            ""
        },
        footer = {
            "  quern sweep --lr 1e-4..1e-2 --seeds 4",
            "  quern sweep --dropout 0,0.1,0.3 --width 32,64,128 --report sweep.html",
            "  quern sweep --batch 16,32,64 --optimizer adam,sgd --epochs 2",
            "  quern sweep --data iris.csv --folds 5 --width 8,16,32",
            "  quern sweep --lr 1e-4..1e-2 --out runs/s --shard 2/8",
            "  quern sweep --collect runs/s --report sweep.html"
        })
final class SweepCommand implements Runnable {
    /** One row more of these moves an accuracy by 3 %. */
    private static final int FEW = 30;

    /** Of a range: points where nobody says how many, and how many at most. */
    private static final int POINTS = 5;

    private static final int MOST = 10_000;
    private static final Pattern RANGE = Pattern.compile("(.*?)\\.\\.([^:]*)(?::(.*))?");

    /** Few, so that the table can be read and the value given again. */
    private static final MathContext DIGITS = new MathContext(6);

    @Option(names = "--seeds", paramLabel = "N", description = "The same as --seed 1..N.")
    Integer seeds;

    @Mixin final Options.Settings changes = new Options.Settings(true, Setting.Group.SWEEP);

    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            description =
                    "Keep each training as a run in this folder; go on with a sweep that is there.")
    Path out;

    @Option(
            names = "--shard",
            paramLabel = "I/N",
            description =
                    "Train the I-th of N parts only, into --out. auto: as Slurm or Open MPI says;"
                            + " auto/N: which of N, as Kubernetes says.")
    String shard;

    @Option(
            names = "--collect",
            paramLabel = "FOLDER",
            arity = "1..*",
            description = "Train nothing: put together what is in the folders of a sweep.")
    List<Path> collect;

    @Option(names = "--csv", paramLabel = "FILE", description = "Write all results to this file.")
    Path csv;

    @Option(names = "--json", paramLabel = "FILE", description = "Write all results to this file.")
    Path json;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Write a page (HTML) with table, curves and each setting's effect.")
    Path report;

    @Mixin final Options.Trains trains = new Options.Trains();

    @Mixin Options.Common common;

    @Mixin final Options.Settings options = new Options.Settings(true, Setting.Group.ofRun());

    /** What goes with --collect. */
    private static final Set<String> OF_COLLECT =
            Set.of("--collect", "--csv", "--json", "--report", "--quiet", "--stacktrace");

    /** What was given one value, and what several. */
    private final Map<String, String> same = new LinkedHashMap<>();

    private final Map<String, List<String>> varied = new LinkedHashMap<>();

    @Override
    public void run() {
        Console console = trains.console(common);
        List<Path> read = new ArrayList<>(collect == null ? List.of() : collect);
        String rows = options.given().getOrDefault(Setting.DATA.name(), "").toString();
        read.addAll(Arrays.asList(out, Options.path(rows)));
        Options.checkOutputs(read, csv, json, report);
        if (collect != null) {
            collect(console);
            return;
        }
        Shard part = part(console);
        settle();
        RunSettings asked = RunSettings.DEFAULT.with(same);
        boolean folds = asked.get(Setting.FOLDS) > 0;
        RunSettings given = folds ? asked : asked.validated();
        String located = DataSource.locate(console, given.get(Setting.DATA));
        RunSettings base = given.settled(Map.of("data", located));
        Splits data = DataSource.read(base, located);
        Backends.Choice choice = base.choose();
        List<Sweep.Member> members =
                Sweep.members(base, varied).stream().map(one -> one.on(data)).toList();
        Sweep sweep = new Sweep(data, choice.backend(), base.get(Setting.THREADS));
        console.about("device", choice.text());
        console.about("data", DataSource.described(console, data, located));
        Splits parts = members.get(0).parts(data);
        RunHeader.reading(console, data, parts, members.get(0).settings());
        RunHeader.unused(console, members.stream().map(Sweep.Member::settings).toList());
        if (folds) {
            RunHeader.folds(console, data, members.get(0).settings(), "");
        } else {
            console.about("validate", RunHeader.validation(base, parts));
        }
        Dataset by = folds ? data.train() : parts.validation();
        if (by != null && by.rows() < FEW) {
            console.note(
                    "so few rows to compare by (%d) leave it to chance which is best:"
                            + (folds ? "" : " raise --validation, or")
                            + " bring more rows",
                    by.rows());
        }
        List<Sweep.Member> mine = part.of(members);
        List<Sweep.Result> done = new ArrayList<>();
        if (out != null) {
            // of the whole sweep: shards may share the folder
            String command = common.words().replaceFirst(" --shard[ =]\\S+", "");
            SweepFolder folder = SweepFolder.open(out, members, data, command, console::error);
            sweep.into(folder);
            done.addAll(folder.done(mine));
        }
        Set<String> ended = done.stream().map(one -> id(one.member())).collect(toSet());
        List<Sweep.Member> left = mine.stream().filter(one -> !ended.contains(id(one))).toList();
        String all = format("%,d %s", members.size(), trainings(members.size()));
        String which = shard == null ? all : format("%,d of %s, shard %s", mine.size(), all, part);
        if (left.isEmpty()) {
            console.about("sweep", which);
        } else {
            Backend.SideBySide beside = sweep.sideBySide(left);
            String each = beside.by().isEmpty() ? "" : ", each by " + beside.by();
            console.about("sweep", "%s, %d at a time%s", which, beside.most(), each);
        }
        if (!done.isEmpty()) {
            console.about("", "%,d of them done before, in %s", done.size(), out);
        }
        Map<String, Object> about =
                RunReport.about(choice.backend().name(), choice.device(), data.description());
        long start = console.nanoTime().getAsLong();
        Consumer<Sweep.Result> tell = tell(console, start, mine.size(), done.size());
        if (!left.isEmpty()) {
            done.addAll(common.quern().interrupts.during(() -> sweep.run(left, tell), sweep::stop));
        }
        Comparator<Sweep.Result> order = Comparator.comparingInt(one -> one.member().number());
        done.sort(order.thenComparingInt(one -> one.member().fold()));
        double seconds = console.secondsSince(start);
        about.put("command", common.words());
        about.put("trainings", members.size());
        about.put("seconds", seconds);
        if (shard == null) {
            tell(console, done, about);
        } else {
            String next = "%s; when all shards are done: quern sweep --collect %1$s";
            console.about("kept", next, out);
        }
        console.about("seconds", "%.2f", seconds);
        if (done.size() < mine.size()) {
            String kept = out == null ? "" : "; the same command goes on";
            String text = "interrupted: %,d of %,d trainings are done%s";
            throw new QuernException(
                    QuernException.Kind.INTERRUPTED, format(text, done.size(), mine.size(), kept));
        }
    }

    private static String id(Sweep.Member member) {
        return member.number() + "/" + member.fold();
    }

    private static String trainings(int count) {
        return count == 1 ? "training" : "trainings";
    }

    /** Which part of the sweep is to be trained. Not asked to, no part of it is left out. */
    private Shard part(Console console) {
        if (shard == null) {
            List<String> told = Shard.told(console.environment());
            if (!told.isEmpty()) {
                console.note(
                        "%s is set, and this trains the whole sweep all the same: --shard auto"
                                + " trains a part",
                        String.join(" and ", told));
            }
            return Shard.WHOLE;
        }
        Shard part = Shard.parse(shard, console.environment());
        expect(out != null, "--shard goes with --out FOLDER, from which --collect takes its part");
        boolean tells = Stream.of(csv, json, report).anyMatch(Objects::nonNull);
        String text =
                "--shard has a part of the results: give --csv, --json and --report to"
                        + " --collect instead";
        expect(!tells, text);
        return part;
    }

    private Consumer<Sweep.Result> tell(Console console, long start, int all, int before) {
        Console.RedrawnLine line = new Console.RedrawnLine(console);
        int[] done = {0};
        return result -> {
            done[0]++;
            if (trains.quiet) {
                return;
            }
            line.stay(format("%d/%d  ", before + done[0], all) + SweepText.brief(result));
            int left = all - before - done[0];
            if (left > 0 && console.terminal()) {
                double eta = console.secondsSince(start) / done[0] * left;
                line.draw(format("%,d left, ETA of the sweep %s", left, clock(eta)));
            }
        };
    }

    /** Puts together what shards have trained, or one process long ago. */
    private void collect(Console console) {
        String given =
                common.command.commandLine().getParseResult().matchedOptions().stream()
                        .map(OptionSpec::longestName)
                        .filter(name -> !OF_COLLECT.contains(name))
                        .collect(joining(" and "));
        expect(given.isEmpty(), "--collect trains nothing: drop %s", given);
        SweepFolder.Collected sweep = SweepFolder.collect(collect, console::note);
        int count = sweep.results().size();
        console.about("data", "%s", sweep.about().get("data"));
        console.about("sweep", "%,d %s, all done", count, trainings(count));
        tell(console, sweep.results(), sweep.about());
        console.about("seconds", "%.2f of training", (double) sweep.about().get("seconds"));
    }

    /** Writes and prints what a sweep came to, as far as it went. */
    private void tell(Console console, List<Sweep.Result> results, Map<String, Object> about) {
        if (csv != null) {
            AtomicFile.write(csv, SweepText.csv(results));
        }
        if (json != null) {
            AtomicFile.write(json, Json.indented(SweepText.records(results)));
        }
        if (report != null && !results.isEmpty()) {
            ModelCommands.writePage(console, report, SweepPage.html(results, about));
        }
        console.line("");
        if (!results.isEmpty()) {
            console.line(SweepText.table(results));
            console.about("columns", SweepText.columns(results));
            String winner = SweepText.winner(results);
            console.result("best", winner == null ? "none: all diverged" : winner);
        }
    }

    private void settle() {
        for (OptionSpec option : common.command.commandLine().getParseResult().matchedOptions()) {
            if (options.options.options().contains(option)) {
                Setting<?> setting = Setting.named(option.longestName().substring(2));
                String name = setting.name();
                List<String> values = List.of(option.getValue().toString());
                if (!setting.isCommon()) {
                    values = values(name, values.get(0), setting.separator());
                }
                if (values.size() == 1) {
                    same.put(name, values.get(0));
                } else {
                    varied.put(name, values);
                }
            }
        }
        changes.given().forEach((name, list) -> varied.put(name, values(name, "" + list, ",")));
        if (seeds != null) {
            if (seeds < 1 || varied.containsKey("seed") || same.containsKey("seed")) {
                throw usage("seeds %d: give 1 or more, and not --seed as well", seeds);
            }
            varied.put("seed", LongStream.rangeClosed(1, seeds).mapToObj(Long::toString).toList());
        }
    }

    /**
     * The values of a setting, ranges as in the help: by equal ratios if they span a factor of ten
     * or more, else by equal steps.
     */
    static List<String> values(String name, String text, String separator) {
        List<String> values = new ArrayList<>();
        for (String part : text.split(Pattern.quote(separator), -1)) {
            String value = part.strip();
            Matcher range = RANGE.matcher(value);
            expect(!value.isEmpty(), "%s \"%s\": a value is missing", name, text);
            if (range.matches() && !separator.equals("|")) {
                values.addAll(range(name, range));
            } else {
                values.add(value);
            }
        }
        return values;
    }

    private static List<String> range(String name, Matcher range) {
        int points = range.group(3) == null ? POINTS : number(name, range, 3).intValue();
        BigDecimal from = number(name, range, 1);
        BigDecimal to = number(name, range, 2);
        double first = from.doubleValue();
        double last = to.doubleValue();
        boolean whole = range.group().matches("-?\\d+\\.\\.-?\\d+");
        // exact, as seeds of 64 bits are
        BigDecimal difference = whole ? to.subtract(from) : BigDecimal.ZERO;
        if (whole
                ? difference.signum() < 0 || difference.compareTo(BigDecimal.valueOf(MOST)) >= 0
                : first >= last || !Double.isFinite(last - first) || points < 2 || points > MOST) {
            throw usage(
                    "%s \"%s\": write FROM..TO or FROM..TO:POINTS with FROM below TO, 2 to %,d"
                            + " points",
                    name, range.group(), MOST);
        }
        if (whole) {
            return IntStream.rangeClosed(0, difference.intValue())
                    .mapToObj(i -> from.add(BigDecimal.valueOf(i)).toString())
                    .toList();
        }
        double ratio = first > 0 && last / first >= 10 ? last / first : 0;
        return IntStream.range(0, points)
                .mapToDouble(i -> (double) i / (points - 1))
                .map(at -> ratio > 0 ? first * Math.pow(ratio, at) : first + (last - first) * at)
                .mapToObj(value -> new BigDecimal(value).round(DIGITS).stripTrailingZeros())
                .map(BigDecimal::toString)
                .toList();
    }

    private static BigDecimal number(String name, Matcher range, int group) {
        try {
            return new BigDecimal(range.group(group).strip());
        } catch (NumberFormatException e) {
            throw usage(
                    "%s \"%s\": \"%s\" is not a number", name, range.group(), range.group(group));
        }
    }
}
