package org.quern.cli;

import static org.quern.QuernException.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Mnist;
import org.quern.verify.Checkup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Mixin;

/** {@code quern doctor}. */
@Command(
        name = "doctor",
        description = "Tells what works here: backends, data, cache.",
        footer = {
            "",
            "Examples:",
            "  quern doctor",
            "  quern doctor | grep FAIL",
            "  quern train --backend java",
            "",
            "Exit codes: 4 if no backend works, else 0."
        })
final class DoctorCommand implements Callable<Integer> {
    private final Console console;

    @Mixin HelpOption help;

    DoctorCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        boolean works = false;
        for (Backend backend : Backends.all()) {
            works |= devices(backend);
        }
        data();
        cache();
        say(
                "jvm",
                true,
                "%s %s on %s %s, %d processors, heap of at most %d MiB"
                        .formatted(
                                System.getProperty("java.vm.name"),
                                System.getProperty("java.version"),
                                System.getProperty("os.name"),
                                System.getProperty("os.arch"),
                                Runtime.getRuntime().availableProcessors(),
                                Runtime.getRuntime().maxMemory() >> 20));
        if (!works) {
            throw backend("no backend works here: see the reasons above");
        }
        return 0;
    }

    /**
     * Tries each device of a backend, by its number where there are several. @return if any works
     */
    private boolean devices(Backend backend) {
        int count = backend.devices();
        if (count == 1) {
            return examine(backend.name(), backend, Backend.Options.DEFAULT).works();
        }
        boolean works = false;
        for (int i = 0; i < count; i++) {
            String name = backend.name() + " " + i;
            Checkup checkup =
                    examine(name, backend, Backend.Options.DEFAULT.withDevice(Integer.toString(i)));
            works |= checkup.works();
            if (checkup.lost() && i + 1 < count) {
                say(
                        backend.name(),
                        false,
                        "later devices were not tried, because a fault like that of device %d may spoil all in this process: mend it first, or hide that device"
                                .formatted(i));
                break;
            }
        }
        return works;
    }

    private Checkup examine(String name, Backend backend, Backend.Options options) {
        Checkup checkup = Checkup.of(backend, options);
        say(name, checkup.works(), checkup.detail());
        return checkup;
    }

    private void say(String what, boolean passed, String detail) {
        String verdict = passed ? "@|green PASS|@" : "@|bold,red FAIL|@";
        Ansi ansi = console.colour() ? Ansi.ON : Ansi.OFF;
        console.about(what, ansi.string(verdict) + "  " + detail);
    }

    private void data() {
        try {
            Optional<Path> found = Mnist.find(console.environment());
            say(
                    "mnist",
                    found.isPresent(),
                    found.map(folder -> "found in " + folder)
                            .orElse("not found: fetch it with quern data fetch mnist"));
        } catch (QuernException e) {
            say("mnist", false, e.getMessage());
        }
    }

    private void cache() {
        Path cache = Mnist.cacheFolder(console.environment()).getParent();
        try {
            Files.createDirectories(cache);
            Files.delete(Files.createTempFile(cache, "doctor", ".part"));
            say("cache", true, cache + " can be written");
        } catch (IOException e) {
            say(
                    "cache",
                    false,
                    cache + " cannot be written (" + e + "): set XDG_CACHE_HOME to another folder");
        }
    }
}
