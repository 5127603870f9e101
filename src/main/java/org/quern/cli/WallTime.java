package org.quern.cli;

import static org.quern.report.Numbers.format;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.backend.Executor;
import org.quern.run.RunReport;
import org.quern.train.Listener;
import org.quern.train.Progress;
import org.quern.train.Trainer;

/**
 * Where the wall time of a run goes: one thing after another, in seconds. With {@code train
 * --timing} in more parts, from the process's start on; they add up to the total.
 */
final class WallTime implements Listener {
    /** The parts in the order in which they come; what else is lapped is the rest. */
    private static final List<String> PARTS =
            List.of(
                    "launcher, jvm, device, compile, data, upload, first step, steps, evaluation, rest"
                            .split(", "));

    /** The unit of Linux for a process's start, on all machines that Java is on. */
    private static final double TICKS_A_SECOND = 100;

    private final Console console;
    private final boolean inParts;
    private final Map<String, Double> laps = new LinkedHashMap<>();
    private Map<String, Double> parts; // set by tell
    private long since;
    private long stepsBefore;
    private double reading;
    private double waiting;
    private String code = "";

    /** Begins now; {@code inParts} for {@code --timing}. */
    WallTime(Console console, boolean inParts) {
        this.console = console;
        this.inParts = inParts;
        since = console.nanoTime().getAsLong();
    }

    void lap(String name) {
        long now = console.nanoTime().getAsLong();
        laps.merge(name, (now - since) * 1e-9, Double::sum);
        since = now;
    }

    /** The data was read within {@code read} ns, of which the command waited {@code waited}. */
    void data(long read, long waited) {
        reading = read * 1e-9;
        waiting = waited * 1e-9;
    }

    /** A trainer was opened, which until here counts as the device. */
    void opened(Trainer trainer) {
        lap("device");
        if (inParts) {
            Executor.KernelImage loaded = trainer.executor().code();
            code = loaded.what();
            double compiled = Math.min(loaded.nanos() * 1e-9, laps.get("device"));
            laps.merge("device", -compiled, Double::sum);
            laps.put("compile", compiled);
            trainer.listen(this);
        }
    }

    @Override
    public void begin(Trainer trainer) {
        lap("rest");
        stepsBefore = trainer.step();
    }

    @Override
    public void ready() {
        if (!laps.containsKey("upload")) {
            lap("upload");
        }
    }

    @Override
    public Verdict progress(Progress progress) {
        if (!laps.containsKey("first step")) {
            lap("first step");
        }
        return Verdict.GO_ON;
    }

    void trained() {
        lap(inParts ? "steps" : "training");
    }

    /** Tells {@code run.json}; with {@code --timing} also how long reading the data took in all. */
    void tell(RunReport report) {
        report.with("seconds", withTotal(laps));
        if (inParts) {
            lap("rest");
            double jvm = ManagementFactory.getRuntimeMXBean().getUptime() * 1e-3;
            laps.put("jvm", Math.max(0, jvm - withTotal(laps).get("total")));
            laps.put("launcher", Math.max(0, processSeconds() - jvm));
            Map<String, Double> seconds = new LinkedHashMap<>();
            PARTS.forEach(part -> seconds.put(part, laps.getOrDefault(part, 0.0)));
            parts = withTotal(seconds);
            Map<String, Object> all = new LinkedHashMap<>(parts);
            all.put("dataRead", reading);
            all.put("dataHidden", reading - waiting);
            all.put("kernels", code);
            report.with("timing", all);
        }
    }

    private static Map<String, Double> withTotal(Map<String, Double> seconds) {
        Map<String, Double> all = new LinkedHashMap<>(seconds);
        all.put("total", seconds.values().stream().mapToDouble(Double::doubleValue).sum());
        return all;
    }

    void print(Trainer trainer) {
        if (!inParts) {
            List<String> texts = new ArrayList<>();
            withTotal(laps).forEach((part, time) -> texts.add(format("%s %.2f", part, time)));
            console.about("seconds", String.join(", ", texts));
            return;
        }
        console.about("timing", "%.3f s from the process's start", parts.get("total"));
        String read = "waiting; reading it took %.3f, %.3f of it beside what is above";
        long later = Math.max(0, trainer.step() - stepsBefore - 1);
        for (String part : PARTS) {
            String note =
                    switch (part) {
                        case "jvm" -> "until the command runs";
                        case "compile" -> code;
                        case "data" -> format(read, reading, reading - waiting);
                        case "steps" -> format("%,d after the first", later);
                        default -> "";
                    };
            String line = format("%-10s  %7.3f  %s", part, parts.get(part), note);
            console.about("", line.stripTrailing());
        }
    }

    /** Since this process began, its launcher's included; 0 where the system does not say. */
    private static double processSeconds() {
        try {
            String stat = Files.readString(Path.of("/proc/self/stat"));
            String[] uptime = Files.readString(Path.of("/proc/uptime")).split(" ");
            // the start is field 22; from the third on they follow the name, which may have blanks
            String start = stat.substring(stat.lastIndexOf(')') + 2).split(" ")[22 - 3];
            return Double.parseDouble(uptime[0]) - Long.parseLong(start) / TICKS_A_SECOND;
        } catch (IOException e) { // not Linux
            return ProcessHandle.current()
                    .info()
                    .startInstant()
                    .map(start -> Duration.between(start, Instant.now()).toMillis() * 1e-3)
                    .orElse(0.0);
        }
    }
}
