package org.quern.cli;

import static org.quern.QuernException.usage;

import java.util.List;
import org.quern.verify.KernelCase;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** {@code quern bench} and its commands, all but {@link BenchMnistCommand}. */
final class BenchCommands {
    private BenchCommands() {}

    /** Fails if options were given before a command's name: they would be the parent's. */
    static void checkNoneBefore(CommandSpec spec) {
        for (OptionSpec option : spec.parent().commandLine().getParseResult().matchedOptionsSet()) {
            if (!option.inherited() && !option.scopeType().equals(ScopeType.INHERIT)) {
                throw usage(
                        "%s is to follow \"%s\": quern bench %s %s ...",
                        option.longestName(), spec.name(), spec.name(), option.longestName());
            }
        }
    }

    @Command(
            name = "bench",
            description = {
                "Measures this machine: every kernel against what its devices do at most, then"
                        + " training steps by batch size. Without --backend on every backend that"
                        + " can run here. Takes about a minute.",
                ""
            },
            synopsisSubcommandLabel = "[COMMAND]",
            footer = {
                "  quern bench",
                "  quern bench --quick --backend cpu",
                "  quern bench --json bench.json",
                "  quern bench mnist --rung 99",
                "",
                "Exit codes: 4 if a result is wrong, else 0."
            })
    static int bench(@Mixin BenchRun run, @Mixin CommonOptions common) {
        run.begin(common.console());
        run.kernels(run.cases(null));
        run.steps();
        return run.finish();
    }

    @Command(
            name = "kernels",
            description = {
                "Every kernel at sizes of use: checked against the float64 reference, then timed,"
                        + " and held against what this device does at most. Without --backend on"
                        + " every backend that can run here.",
                ""
            },
            footer = {
                "  quern bench kernels",
                "  quern bench kernels --backend cpu --threads 1",
                "  quern bench kernels --only DenseForward",
                "  quern bench kernels --quick --json kernels.json",
                "",
                "Exit codes: 4 if a kernel computes something wrong, else 0."
            })
    static int kernels(
            @Option(
                            names = "--only",
                            paramLabel = "NAME",
                            description =
                                    "One kernel alone, such as DenseForward, or one line of the"
                                            + " table, such as \"Adam 38592\".")
                    String only,
            @Mixin BenchRun run,
            @Mixin CommonOptions common) {
        checkNoneBefore(common.command);
        List<KernelCase> cases = run.cases(only);
        run.begin(common.console());
        run.kernels(cases);
        return run.finish();
    }

    @Command(
            name = "steps",
            description = {
                "Time of a training step by batch size, of a small and a wide network, on every"
                        + " backend that can run here, and which of them is the fastest.",
                ""
            },
            footer = {
                "  quern bench steps",
                "  quern bench steps --backend cpu --threads 1",
                "  quern bench steps --quick --json steps.json"
            })
    static int steps(@Mixin BenchRun run, @Mixin CommonOptions common) {
        checkNoneBefore(common.command);
        run.begin(common.console());
        run.steps();
        return run.finish();
    }
}
