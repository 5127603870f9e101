package org.quern.cli;

import static org.quern.QuernException.usage;

import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.bench.Budget;
import org.quern.verify.KernelCase;
import org.quern.verify.KernelCases;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** {@code quern bench} and its commands, all but {@link BenchMnistCommand}. */
final class BenchCommands {
    private BenchCommands() {}

    /** The options that they share. */
    static final class Options {
        @Option(
                names = "--quick",
                description = "A look that takes seconds: few sizes, short rounds.")
        boolean quick;

        @Option(
                names = "--json",
                paramLabel = "FILE",
                description = "Write all figures to this file.")
        Path json;

        @Mixin SettingOptions.Running running;

        /** What is measured: the backend that was named, else all that can run here. */
        List<Backend> backends() {
            if (running.given().containsKey("backend")) {
                return List.of(running.choose().backend());
            }
            Backend.Options how = running.options();
            if (!how.equals(new Backend.Options(how.threads()))) {
                throw usage(
                        "what is asked of a GPU goes with its backend: add --backend cuda or opencl");
            }
            return Backends.usable();
        }

        Budget budget() {
            return quick ? Budget.QUICK : Budget.FULL;
        }

        List<KernelCase> cases() {
            return quick ? KernelCases.quickBench() : KernelCases.bench();
        }

        /** Those of a kernel, or the one of that name. */
        List<KernelCase> cases(String only) {
            List<KernelCase> named =
                    cases().stream()
                            .filter(
                                    one ->
                                            only.equalsIgnoreCase(one.name())
                                                    || only.equalsIgnoreCase(one.kind()))
                            .toList();
            if (named.isEmpty()) {
                throw unknown(only);
            }
            return named;
        }

        private QuernException unknown(String only) {
            TreeSet<String> kernels = new TreeSet<>();
            cases().forEach(one -> kernels.add(one.kind()));
            return usage(
                    "unknown kernel \"%s\": %s",
                    only,
                    Nearest.to(only.split(" ")[0], kernels)
                            .map("did you mean \"%s\"?"::formatted)
                            .orElse("there are " + String.join(", ", kernels)));
        }
    }

    /**
     * Fails if a command was given options before its name: they would be the parent's, and do
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

    @Command(
            name = "bench",
            description = {
                "Measures this machine: every kernel against what its devices do at most, then"
                        + " training steps by batch size. Without --backend on every backend that"
                        + " can run here. Takes about a minute.",
                ""
            },
            abbreviateSynopsis = true,
            synopsisSubcommandLabel = "[COMMAND]",
            footer = {
                "  quern bench",
                "  quern bench --quick --backend cpu",
                "  quern bench --json bench.json",
                "  quern bench mnist --rung 99",
                "",
                "Exit codes: 4 if a result is wrong, else 0."
            })
    static int bench(@Mixin Options options, @Mixin CommonOptions common) {
        BenchRun run = new BenchRun(common.console(), options);
        run.kernels(options.cases());
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
            abbreviateSynopsis = true,
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
            @Mixin Options options,
            @Mixin CommonOptions common) {
        checkNoneBefore(common.command);
        List<KernelCase> cases = only == null ? options.cases() : options.cases(only);
        BenchRun run = new BenchRun(common.console(), options);
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
            abbreviateSynopsis = true,
            footer = {
                "  quern bench steps",
                "  quern bench steps --backend cpu --threads 1",
                "  quern bench steps --quick --json steps.json"
            })
    static int steps(@Mixin Options options, @Mixin CommonOptions common) {
        checkNoneBefore(common.command);
        BenchRun run = new BenchRun(common.console(), options);
        run.steps();
        return run.finish();
    }
}
