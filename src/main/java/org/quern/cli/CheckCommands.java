package org.quern.cli;

import static org.quern.QuernException.backend;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.backend.Executor;
import org.quern.backend.nativelib.NativeLibraries;
import org.quern.backend.nativelib.Platforms;
import org.quern.bench.Machine;
import org.quern.data.Dataset;
import org.quern.data.Mnist;
import org.quern.files.AtomicFile;
import org.quern.files.Caches;
import org.quern.verify.Checkup;
import org.quern.verify.GradientCheck;
import org.quern.verify.ReferenceCheck;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quern gradcheck} and {@code quern doctor}: whether all is as it should be. */
final class CheckCommands {
    private CheckCommands() {}

    @Command(
            name = "gradcheck",
            description = "Checks gradients against differences, and backends against float64.",
            footer = {
                "  quern gradcheck",
                "  quern gradcheck --backend cpu",
                "  quern gradcheck --backend cuda --device 1",
                "  quern gradcheck --input 4 --model \"dense 16 tanh, dense 3\"",
                "",
                "Exit codes: 0 if all agree, else 1."
            })
    static int gradcheck(
            @Mixin Options.Network model,
            @Option(names = "--batch", paramLabel = "N", description = "Rows of a batch (8).")
                    Integer batch,
            @Option(
                            names = "--entries",
                            paramLabel = "N",
                            defaultValue = "100",
                            description = "Entries of each tensor to check (100).")
                    int entries,
            @Option(
                            names = "--backend",
                            paramLabel = "NAME",
                            description = "The backend to check (all that can run).")
                    String name,
            @Option(
                            names = "--device",
                            paramLabel = "D",
                            description =
                                    "Its GPU to check: number or part of the name (the first).")
                    String device,
            @Mixin Options.Common common) {
        expect(entries >= 1, "--entries %d: check at least 1", entries);
        if (device != null && name == null) {
            throw usage("--device %s goes with its backend: add --backend cuda or opencl", device);
        }
        List<GradientCheck.Network> networks = GradientCheck.networks();
        if (model.isGiven() || batch != null) {
            int rows = batch == null ? 8 : batch;
            networks = List.of(GradientCheck.of(model.config().withBatch(rows)));
        }
        Console console = common.console();
        boolean passed = true;
        for (GradientCheck.Network network : networks) {
            passed &= differences(console, network, entries);
        }
        Backend.Options options = Backend.Options.DEFAULT.withDevice(device);
        List<Backend> backends =
                name == null
                        ? Backends.usable()
                        : List.of(Backends.choose(name, options).backend());
        for (Backend each : backends) {
            try {
                passed &= steps(console, each, options, networks);
            } catch (QuernException e) {
                if (name != null) {
                    throw e;
                }
                passed = false; // the others are checked all the same
                console.line("FAIL  %s: %s", each.name(), e.getMessage());
            }
        }
        return passed ? 0 : QuernException.Kind.TARGET.exitCode();
    }

    private static boolean differences(
            Console console, GradientCheck.Network network, int entries) {
        List<GradientCheck.Result> results = GradientCheck.check(network.plan(), entries);
        int checked = results.stream().mapToInt(GradientCheck.Result::checked).sum();
        int skipped = results.stream().mapToInt(GradientCheck.Result::skipped).sum();
        GradientCheck.Result worst =
                results.stream().reduce((a, b) -> b.worst() >= a.worst() ? b : a).orElseThrow();
        boolean passed = worst.worst() <= 1 && checked > 0;
        String kinks = skipped > 0 ? ", " + skipped + " at a kink left out" : "";
        String detail = passed ? kinks : kinks + "; " + worst.detail();
        console.line(
                "%s  %s: %d entries, worst error %.3f of what is allowed%s",
                passed ? "PASS" : "FAIL", network.name(), checked, worst.worst(), detail);
        return passed;
    }

    private static boolean steps(
            Console console,
            Backend backend,
            Backend.Options options,
            List<GradientCheck.Network> networks) {
        int ops = 0;
        int wrong = 0;
        for (GradientCheck.Network network : networks) {
            Dataset data = GradientCheck.data(network.plan());
            try (Executor executor = backend.open(network.plan(), options)) {
                for (long step = 0; step < 3; step++) {
                    List<String> mismatches = ReferenceCheck.ofStep(executor, data, 1, step);
                    ops += network.plan().training().size();
                    wrong += mismatches.size();
                    mismatches.forEach(one -> console.line("FAIL  " + backend.name() + ": " + one));
                }
            }
        }
        console.line(
                "%s  %s: %d ops of whole training steps against float64, %d beyond their bounds",
                wrong == 0 ? "PASS" : "FAIL", backend.name(), ops, wrong);
        return wrong == 0;
    }

    @Command(
            name = "doctor",
            description = "Tells what works here: backends, data, cache.",
            footer = {
                "  quern doctor",
                "  quern doctor -v",
                "  quern doctor | grep FAIL",
                "  quern train --backend java",
                "",
                "Exit codes: 4 if no backend works, else 0."
            })
    static void doctor(
            @Option(
                            names = {"-v", "--verbose"},
                            description = "Also say why a device was not found.")
                    boolean verbose,
            @Mixin Options.Common common) {
        Console console = common.console();
        boolean works = false;
        for (Backend backend : Backends.all()) {
            works |= devices(console, backend, verbose);
        }
        data(console);
        cache(console);
        Machine here = Machine.here();
        String where = here.java() + " on " + here.system();
        String jvm = "%s, %d processors, heap of at most %d MiB";
        console.verdict("jvm", true, jvm, where, here.processors(), here.heapMebibytes());
        console.about("platform", "%s", Platforms.row(NativeLibraries.platform()));
        List<String> built = Platforms.built();
        String natives = built.isEmpty() ? "no platform" : String.join(", ", built);
        console.about("natives", "this jar has the C kernels for %s", natives);
        if (!works) {
            throw backend("no backend works here: see the reasons above");
        }
        Backends.Choice choice = Backends.choose(Backends.AUTO);
        String gpu = choice.backend().onHost() ? ", the CPU: no GPU is used" : "";
        console.result("verdict", "ready: train runs on " + choice.backend().name() + gpu);
    }

    @Command(
            name = "completion",
            description = "Prints a script by which bash or zsh completes commands and options.",
            footer = {
                "  quern completion bash > ~/.local/share/bash-completion/completions/quern",
                "  quern completion bash > quern.sh && source quern.sh",
                "  quern completion zsh > quern.sh && source quern.sh"
            })
    static void completion(
            @Parameters(paramLabel = "SHELL", description = "bash or zsh") String shell,
            @Mixin Options.Common common) {
        expect(shell.matches("bash|zsh"), "completion %s: give bash or zsh", shell);
        // for both: the script turns on what zsh has of bash's
        common.console()
                .out()
                .print(AutoComplete.bash("quern", common.command.root().commandLine()));
    }

    /** Whether any device of a backend works; each is tried, by number if there are several. */
    private static boolean devices(Console console, Backend backend, boolean verbose) {
        Console.RedrawnLine line = new Console.RedrawnLine(console);
        int count = backend.devices();
        boolean works = false;
        for (int i = 0; i < count; i++) {
            String number = count == 1 ? null : Integer.toString(i);
            String name = count == 1 ? backend.name() : backend.name() + " " + i;
            if (line.isDue()) {
                line.draw(format("%-9s running kernels, some seconds ...", name));
            }
            Checkup checkup = Checkup.of(backend, Backend.Options.DEFAULT.withDevice(number));
            line.clear();
            if (checkup.none()) {
                console.about(name, "not found" + (verbose ? ": " + checkup.detail() : ""));
            } else {
                console.verdict(name, checkup.works(), "%s", checkup.detail());
            }
            works |= checkup.works();
            if (checkup.lost() && i + 1 < count) {
                String skipped =
                        "later devices were not tried, because a fault like that of device %d may"
                                + " spoil all in this process: mend it first, or hide that device";
                console.verdict(backend.name(), false, skipped, i);
                break;
            }
        }
        return works;
    }

    private static void data(Console console) {
        try {
            Path found = Mnist.find(console.environment()).orElse(null);
            if (found == null) {
                console.about("mnist", "not found: fetch it with quern data fetch mnist");
            } else {
                console.verdict("mnist", true, "found in %s", found);
            }
        } catch (QuernException e) {
            console.verdict("mnist", false, "%s", e.getMessage());
        }
    }

    private static void cache(Console console) {
        Path cache = Caches.folder(console.environment());
        Path usual = Caches.folders(console.environment()).get(0);
        try {
            Files.createDirectories(cache);
            Files.delete(Files.createTempFile(cache, "doctor", ".part"));
            String not = cache.equals(usual) ? "" : format(" (and %s cannot)", usual);
            console.verdict("cache", true, "%s can be written%s", cache, not);
        } catch (IOException e) {
            String refused = "%s cannot be written (%s): set XDG_CACHE_HOME to another folder";
            console.verdict("cache", false, refused, cache, AtomicFile.reason(e));
        }
    }
}
