package org.quern.cli;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.clock;
import static org.quern.report.Numbers.format;

import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
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
            ""
        },
        footer = {
            "  quern sweep --lr 1e-4..1e-2 --seeds 4",
            "  quern sweep --dropout 0,0.1,0.3 --width 32,64,128 --report sweep.html",
            "  quern sweep --batch 16,32,64 --optimizer adam,sgd --epochs 2",
            "  quern sweep --data iris.csv --folds 5 --width 8,16,32"
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

    /** What was given one value, and what several. */
    private final Map<String, String> same = new LinkedHashMap<>();

    private final Map<String, List<String>> varied = new LinkedHashMap<>();

    @Override
    public void run() {
        Console console = trains.console(common);
        Options.checkWritable(csv, json, report);
        settle();
        RunSettings asked = RunSettings.DEFAULT.with(same);
        boolean folds = asked.get(Setting.FOLDS) > 0;
        RunSettings base = folds ? asked : asked.validated();
        Splits data = DataSource.read(base, DataSource.locate(console, base.get(Setting.DATA)));
        Backends.Choice choice = base.choose();
        List<Sweep.Member> members =
                Sweep.members(base, varied).stream().map(one -> one.on(data)).toList();
        Sweep sweep = new Sweep(data, choice.backend(), base.get(Setting.THREADS));
        console.about("device", choice.text());
        console.about("data", data.description());
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
        String trainings = members.size() == 1 ? "training" : "trainings";
        Backend.SideBySide beside = sweep.sideBySide(members);
        String each = beside.by().isEmpty() ? "" : ", each by " + beside.by();
        String text = "%,d %s, %d at a time%s";
        console.about("sweep", text, members.size(), trainings, beside.most(), each);
        String backend = choice.backend().name();
        Map<String, Object> about =
                RunReport.about(
                        backend,
                        choice.reason().replaceFirst(" \\(not .*", ""),
                        data.description());
        long start = console.nanoTime().getAsLong();
        Console.RedrawnLine line = new Console.RedrawnLine(console);
        int[] done = {0};
        Consumer<Sweep.Result> tell =
                result -> {
                    done[0]++;
                    if (trains.quiet) {
                        return;
                    }
                    line.stay(format("%d/%d  ", done[0], members.size()) + SweepText.brief(result));
                    int left = members.size() - done[0];
                    if (left > 0 && console.terminal()) {
                        double eta = console.secondsSince(start) / done[0] * left;
                        line.draw(format("%,d left, ETA of the sweep %s", left, clock(eta)));
                    }
                };
        List<Sweep.Result> results =
                common.quern().interrupts.during(() -> sweep.run(members, tell), sweep::stop);
        if (csv != null) {
            AtomicFile.write(csv, SweepText.csv(results));
        }
        if (json != null) {
            AtomicFile.write(json, Json.indented(SweepText.records(results)));
        }
        double seconds = console.secondsSince(start);
        if (report != null && !results.isEmpty()) {
            about.put("command", common.words());
            about.put("trainings", members.size());
            about.put("seconds", seconds);
            ModelCommands.writePage(console, report, SweepPage.html(results, about));
        }
        console.line("");
        if (!results.isEmpty()) {
            console.line(SweepText.table(results));
            console.about("columns", SweepText.columns(results));
            String winner = SweepText.winner(results);
            console.result("best", winner == null ? "none: all diverged" : winner);
        }
        console.about("seconds", "%.2f", seconds);
        if (results.size() < members.size()) {
            String all = format("%,d of %,d trainings are done", results.size(), members.size());
            throw new QuernException(QuernException.Kind.INTERRUPTED, "interrupted: " + all);
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
