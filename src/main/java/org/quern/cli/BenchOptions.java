package org.quern.cli;

import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.List;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.bench.BenchTarget;
import org.quern.bench.Budget;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The options of {@code quern bench}, {@code bench kernels} and {@code bench steps}. */
final class BenchOptions {
    @Option(names = "--quick", description = "A look that takes seconds: few sizes, short rounds.")
    boolean quick;

    @Option(names = "--json", paramLabel = "FILE", description = "Write all figures to this file.")
    Path json;

    @Mixin final CommandSpec running = SettingOptions.of(Setting.Group.RUNNING);

    /** What is measured: the backend that was named, else all that can run here. */
    List<BenchTarget> contenders() {
        return BenchTarget.of(backends(), options());
    }

    /** The same, on a GPU once for each engine. */
    List<BenchTarget> withEngines() {
        return BenchTarget.withEngines(backends(), options());
    }

    private Backend.Options options() {
        return SettingOptions.settings(running).options();
    }

    private List<Backend> backends() {
        RunSettings asked = SettingOptions.settings(running);
        boolean named = asked.asksFor(Setting.BACKEND);
        if (!named && !options().equals(new Backend.Options(options().threads()))) {
            throw usage(
                    "what is asked of a GPU goes with its backend: add --backend cuda or opencl");
        }
        return named
                ? List.of(asked.choose().backend())
                : Backends.all().stream()
                        .filter(one -> one.priority() >= 0 && one.availability().usable())
                        .toList();
    }

    /** How long. */
    Budget effort() {
        return quick ? Budget.QUICK : Budget.FULL;
    }
}
