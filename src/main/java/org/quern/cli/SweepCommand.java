package org.quern.cli;

import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
import org.quern.report.SweepText;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Sweep;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code quern sweep}. */
@Command(
        name = "sweep",
        description = {
            "Trains many networks that differ in a few settings, side by side.",
            "",
            "Each option of train takes a list (32,64,128) or a range (1..16 each whole number,"
                    + " 1e-4..1e-2:5 so many); models are separated by \"|\". All combinations are"
                    + " trained; each gives what it gives alone.",
            "They are compared by rows set aside to validate (--validation, here 0.1); what the"
                    + " best does on the test rows is told of it alone.",
            ""
        },
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "Examples:",
            "  quern sweep --lr 1e-4..1e-2 --seeds 4",
            "  quern sweep --dropout 0,0.1,0.3 --width 32,64,128 --csv sweep.csv",
            "  quern sweep --batch 16,32,64 --optimizer adam,sgd --epochs 2"
        })
final class SweepCommand implements Callable<Integer> {
    /** One row more of these moves an accuracy by 3 %. */
    private static final int FEW = 30;

    private final Console console;
    private final Interrupts interrupts;

    @Spec CommandSpec spec;

    @Option(names = "--seeds", paramLabel = "N", description = "The same as --seed 1..N.")
    Integer seeds;

    @Mixin final SettingOptions changes = new SettingOptions(true, Setting.Group.SWEEP);

    @Option(names = "--csv", paramLabel = "FILE", description = "Write all results to this file.")
    Path csv;

    @Option(names = "--json", paramLabel = "FILE", description = "Write all results to this file.")
    Path json;

    @Mixin CommonOptions common;

    @Mixin final SettingOptions options = new SettingOptions(true, Setting.Group.ofRun());

    SweepCommand(Console console, Interrupts interrupts) {
        this.console = console;
        this.interrupts = interrupts;
    }

    @Override
    public Integer call() {
        if (csv != null) {
            AtomicFile.check(csv);
        }
        if (json != null) {
            AtomicFile.check(json);
        }
        Map<String, String> common = new LinkedHashMap<>();
        Map<String, List<String>> varied = new LinkedHashMap<>();
        settle(common, varied);
        DataSource source = new DataSource(console);
        RunSettings base = RunSettings.DEFAULT.with(common).validated();
        Splits data = source.read(base, source.locate(base.get(Setting.DATA)));
        Backends.Choice choice = base.choose();
        List<Sweep.Member> members =
                Sweep.members(base, varied).stream().map(one -> one.on(data)).toList();
        Sweep sweep = new Sweep(data, choice.backend(), base.get(Setting.THREADS));
        console.about("device", choice.text());
        console.about("data", data.description());
        RunHeader.reading(console, data, members.get(0).settings());
        Splits parts = base.parts(data);
        console.about("validate", RunHeader.validation(base, parts));
        if (parts.validation() != null && parts.validation().rows() < FEW) {
            console.about(
                    "note",
                    format(
                            "so few rows to compare by (%d) leave it to chance which is best:"
                                    + " raise --validation, or bring more rows",
                            parts.validation().rows()));
        }
        console.about(
                "sweep",
                format(
                        "%,d %s, %d at a time",
                        members.size(),
                        members.size() == 1 ? "training" : "trainings",
                        sweep.workers(members)));
        long start = console.nanoTime().getAsLong();
        List<Sweep.Result> results =
                interrupts.during(() -> sweep.run(members, this::tell), sweep::stop);
        write(results);
        double seconds = (console.nanoTime().getAsLong() - start) * 1e-9;
        console.out().println();
        if (!results.isEmpty()) {
            console.out().println(SweepText.table(results));
            String winner = SweepText.winner(results);
            console.about("best", winner == null ? "none: all diverged" : winner);
        }
        console.about("seconds", format("%.2f", seconds));
        if (results.size() < members.size()) {
            throw new QuernException(
                    QuernException.Kind.INTERRUPTED,
                    format(
                            "interrupted: %,d of %,d trainings are done",
                            results.size(), members.size()));
        }
        return 0;
    }

    private void settle(Map<String, String> common, Map<String, List<String>> varied) {
        for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
            Setting<?> setting = Setting.named(option.longestName().substring(2));
            if (setting != null && options.options.options().contains(option)) {
                String text = option.getValue().toString();
                List<String> values =
                        setting.isCommon()
                                ? List.of(text)
                                : ValueList.parse(setting.name(), text, setting.separator());
                if (values.size() == 1) {
                    common.put(setting.name(), values.get(0));
                } else {
                    varied.put(setting.name(), values);
                }
            }
        }
        changes.given()
                .forEach(
                        (name, list) ->
                                varied.put(name, ValueList.parse(name, list.toString(), ",")));
        if (seeds != null) {
            if (seeds < 1 || varied.containsKey("seed") || common.containsKey("seed")) {
                throw usage("seeds %d: give 1 or more, and not --seed as well", seeds);
            }
            varied.put("seed", LongStream.rangeClosed(1, seeds).mapToObj(Long::toString).toList());
        }
    }

    private void tell(Sweep.Result result) {
        console.line("%s", SweepText.brief(result));
    }

    private void write(List<Sweep.Result> results) {
        if (csv != null) {
            AtomicFile.write(csv, SweepText.csv(results));
        }
        if (json != null) {
            AtomicFile.write(json, Json.indented(SweepText.records(results)));
        }
    }
}
