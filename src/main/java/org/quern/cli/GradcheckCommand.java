package org.quern.cli;

import static org.quern.QuernException.usage;

import java.util.List;
import java.util.concurrent.Callable;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Executor;
import org.quern.data.Dataset;
import org.quern.run.Setting;
import org.quern.verify.GradientCheck;
import org.quern.verify.GradientSuite;
import org.quern.verify.ReferenceCheck;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** {@code quern gradcheck}. */
@Command(
        name = "gradcheck",
        description = "Checks gradients against differences, and backends against float64.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  quern gradcheck",
            "  quern gradcheck --backend cpu",
            "  quern gradcheck --backend cuda --device 1",
            "  quern gradcheck --input 4 --model \"dense 16 tanh, dense 3\"",
            "",
            "Exit codes: 0 if all agree, else 1."
        })
final class GradcheckCommand implements Callable<Integer> {
    private final Console console;

    @Mixin final CommandSpec network = SettingOptions.of(Setting.Group.NETWORK);

    @Option(
            names = "--input",
            paramLabel = "EXTENTS",
            split = "x",
            description = "Shape of one example (28x28).")
    int[] input = {28, 28};

    @Option(names = "--batch", paramLabel = "N", description = "Rows of a batch (8).")
    int batch = 8;

    @Option(
            names = "--entries",
            paramLabel = "N",
            description = "Entries of each tensor to check (100).")
    int entries = 100;

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            description = "The backend to check (all that can run).")
    String backend;

    @Option(
            names = "--device",
            paramLabel = "D",
            description = "Its GPU to check: number or part of the name (the first).")
    String device;

    @Mixin HelpOption help;

    private int failures;

    GradcheckCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        if (entries < 1) {
            throw usage("--entries %d: check at least 1", entries);
        }
        if (device != null && backend == null) {
            throw usage("--device %s goes with its backend: add --backend cuda or opencl", device);
        }
        List<GradientSuite.Network> networks =
                SettingOptions.given(network).isEmpty()
                        ? GradientSuite.networks()
                        : List.of(
                                GradientSuite.of(
                                        SettingOptions.settings(network)
                                                .config(input)
                                                .withBatch(batch)));
        for (GradientSuite.Network network : networks) {
            differences(network);
        }
        List<Backend> backends =
                backend != null
                        ? List.of(
                                Backends.choose(backend, Backend.Options.DEFAULT.withDevice(device))
                                        .backend())
                        : Backends.all().stream()
                                .filter(b -> b.priority() >= 0 && b.availability().usable())
                                .toList();
        for (Backend each : backends) {
            try {
                steps(each, networks);
            } catch (QuernException e) {
                if (backend != null) {
                    throw e;
                }
                failures++; // the others are checked all the same
                console.line("FAIL  %s: %s", each.name(), e.getMessage());
            }
        }
        return failures == 0 ? 0 : QuernException.Kind.TARGET.exitCode();
    }

    private void differences(GradientSuite.Network network) {
        int checked = 0;
        int skipped = 0;
        double worst = 0;
        String detail = "";
        for (GradientCheck.Result result : GradientCheck.check(network.plan(), entries)) {
            checked += result.checked();
            skipped += result.skipped();
            if (result.worst() >= worst) {
                worst = result.worst();
                detail = result.detail();
            }
        }
        boolean passed = worst <= 1 && checked > 0;
        failures += passed ? 0 : 1;
        console.line(
                "%s  %s: %d entries, worst error %.3f of what is allowed%s%s"
                        .formatted(
                                passed ? "PASS" : "FAIL",
                                network.name(),
                                checked,
                                worst,
                                skipped > 0 ? ", " + skipped + " at a kink left out" : "",
                                passed ? "" : "; " + detail));
    }

    private void steps(Backend each, List<GradientSuite.Network> networks) {
        int ops = 0;
        int wrong = 0;
        for (GradientSuite.Network network : networks) {
            Dataset data = GradientCheck.data(network.plan());
            try (Executor executor =
                    each.open(network.plan(), Backend.Options.DEFAULT.withDevice(device))) {
                for (long step = 0; step < 3; step++) {
                    List<String> mismatches = ReferenceCheck.ofStep(executor, data, 1, step);
                    ops += network.plan().training().size();
                    wrong += mismatches.size();
                    mismatches.forEach(line -> console.line("FAIL  " + each.name() + ": " + line));
                }
            }
        }
        failures += wrong;
        console.line(
                "%s  %s: %d ops of whole training steps against float64, %d beyond their bounds"
                        .formatted(wrong == 0 ? "PASS" : "FAIL", each.name(), ops, wrong));
    }
}
