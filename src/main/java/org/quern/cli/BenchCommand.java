package org.quern.cli;

import static org.quern.QuernException.usage;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ScopeType;

/** {@code quern bench}. */
@Command(
        name = "bench",
        description = {
            "Measures this machine: every kernel against what its devices do at most, then training"
                    + " steps by batch size. Without --backend on every backend that can run here."
                    + " Takes about a minute.",
            ""
        },
        sortOptions = false,
        abbreviateSynopsis = true,
        synopsisSubcommandLabel = "[COMMAND]",
        footer = {
            "",
            "Examples:",
            "  quern bench",
            "  quern bench --quick --backend cpu",
            "  quern bench --json bench.json",
            "  quern bench mnist --rung 99",
            "",
            "Exit codes: 4 if a result is wrong, else 0."
        })
final class BenchCommand implements Callable<Integer> {
    private final Console console;

    @Mixin BenchOptions options;

    @Mixin HelpOption help;

    BenchCommand(Console console) {
        this.console = console;
    }

    /**
     * Fails if a subcommand was given options before its name: they would be the parent's, and do
     * nothing.
     */
    static void checkNoneBefore(CommandSpec spec) {
        for (OptionSpec option : spec.parent().commandLine().getParseResult().matchedOptionsSet()) {
            if (!option.inherited() && !option.scopeType().equals(ScopeType.INHERIT)) {
                throw usage(
                        "%s is to follow \"%s\": quern bench %s %s ...",
                        option.longestName(), spec.name(), spec.name(), option.longestName());
            }
        }
    }

    @Override
    public Integer call() {
        BenchRun run = new BenchRun(console, options);
        run.kernels();
        run.steps();
        return run.finish();
    }
}
