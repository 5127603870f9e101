package org.quern.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

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

    @Override
    public Integer call() {
        BenchRun run = new BenchRun(console, options);
        run.kernels();
        run.steps();
        return run.finish();
    }
}
