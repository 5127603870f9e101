package org.quern.cli;

import static org.quern.QuernException.usage;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
import org.quern.run.Recipe;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.train.Trainer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quern bench mnist}. */
@Command(
        name = "mnist",
        description = {
            "Time to accuracy on MNIST: the recipes for 97, 98, 98.5 and 99 %%, each with"
                    + " several seeds.",
            ""
        },
        footer = {
            "  quern bench mnist",
            "  quern bench mnist --seeds 10 --json mnist.json",
            "  quern bench mnist --rung 99 --backend cpu"
        })
final class BenchMnistCommand implements Callable<Integer> {
    private static final List<Recipe> RUNGS =
            List.of(Recipe.PERCENT_97, Recipe.PERCENT_98, Recipe.PERCENT_98_5, Recipe.PERCENT_99);

    @Option(names = "--data", paramLabel = "FOLDER", description = "MNIST's folder (looked for).")
    String data = "";

    @Option(names = "--seeds", paramLabel = "N", description = "Runs of each recipe (3).")
    int seeds = 3;

    @Option(names = "--rung", paramLabel = "NAME", description = "One recipe alone: 97 and so on.")
    String rung;

    @Option(names = "--json", paramLabel = "FILE", description = "Write all runs to this file.")
    Path json;

    @Mixin SettingOptions.Running running;

    @Mixin CommonOptions common;

    private Console console;

    private record Run(String recipe, long seed, double accuracy, double seconds) {}

    @Override
    public Integer call() {
        console = common.console();
        BenchCommands.checkNoneBefore(common.command);
        if (seeds < 1) {
            throw usage("seeds %d: give 1 or more", seeds);
        }
        List<Recipe> rungs = rung == null ? RUNGS : List.of(Recipe.parse(rung));
        CommonOptions.checkWritable(json);
        String located = DataSource.locate(console, data);
        Splits splits = DataSource.read(RunSettings.DEFAULT, located);
        RunSettings base = running.settings();
        Backends.Choice choice = base.choose();
        console.about("device", choice.text());
        console.about("data", splits.description());
        if (!DataSource.isMnist(located)) {
            console.note("the rungs are MNIST's: other data has its own");
        }
        // the JVM's own clock: the system tells of a process' start by the second only
        double before = ManagementFactory.getRuntimeMXBean().getUptime() * 1e-3;
        console.about("start", "%.2f s from the JVM's start to here", before);
        console.line("  rung  reached   mean  least  most  seconds from step 0  from JVM start");
        List<Run> runs = new ArrayList<>();
        for (Recipe recipe : rungs) {
            List<Run> of = new ArrayList<>();
            for (int seed = 1; seed <= seeds; seed++) {
                Map<String, String> own = Map.of("recipe", recipe.text(), "seed", "" + seed);
                of.add(run(recipe, base.with(own), splits, choice.backend()));
            }
            print(recipe, of, before);
            runs.addAll(of);
        }
        if (json != null) {
            Map<String, Object> all = new LinkedHashMap<>();
            all.put("backend", choice.backend().name());
            all.put("device", choice.reason());
            all.put("data", splits.description());
            all.put("secondsBeforeTheFirstRun", before);
            all.put("runs", runs);
            AtomicFile.write(json, Json.indented(all));
        }
        return 0;
    }

    private Run run(Recipe recipe, RunSettings settings, Splits splits, Backend backend) {
        Splits parts = settings.parts(splits);
        long start = console.nanoTime().getAsLong();
        try (Trainer trainer = settings.open(parts, backend)) {
            trainer.fit(parts.train(), null, settings.get(Setting.EPOCHS));
            double seconds = (console.nanoTime().getAsLong() - start) * 1e-9;
            double accuracy = trainer.evaluate(parts.test()).accuracy();
            return new Run(recipe.text(), trainer.config().seed(), accuracy, seconds);
        }
    }

    private void print(Recipe recipe, List<Run> runs, double before) {
        DoubleSummaryStatistics accuracy =
                runs.stream().mapToDouble(Run::accuracy).summaryStatistics();
        double seconds = runs.stream().mapToDouble(Run::seconds).average().orElseThrow();
        console.line(
                "%6s  %3d/%-3d  %.4f %.4f %.4f  %19.2f  %14.2f",
                recipe.text(),
                runs.stream().filter(run -> run.accuracy >= recipe.accuracy()).count(),
                runs.size(),
                accuracy.getAverage(),
                accuracy.getMin(),
                accuracy.getMax(),
                seconds,
                before + seconds);
    }
}
