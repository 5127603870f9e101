package org.quern.cli;

import static org.quern.report.Numbers.format;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.backend.Executor;
import org.quern.train.Listener;
import org.quern.train.Progress;
import org.quern.train.Trainer;

/**
 * Where the wall time of a run went, from the process's start on: {@code train --timing}. Its parts
 * follow one upon the other and add up to the total.
 */
final class WallTime implements Listener {
    /** The parts in the order in which they come; what else is lapped is the rest. */
    private static final List<String> PARTS =
            List.of(
                    "launcher",
                    "jvm",
                    "device",
                    "compile",
                    "data",
                    "upload",
                    "first step",
                    "steps",
                    "evaluation",
                    "rest");

    /** The unit of Linux for a process's start, on all machines that Java is on. */
    private static final double TICKS_A_SECOND = 100;

    private final Stopwatch stopwatch;
    private long stepsBefore;
    private boolean uploaded;
    private boolean stepped;
    private double reading;
    private double waiting;
    private String code = "";

    WallTime(Stopwatch stopwatch) {
        this.stopwatch = stopwatch;
    }

    /** The data was read within {@code read} ns, of which the command waited {@code waited}. */
    void data(long read, long waited) {
        reading = read * 1e-9;
        waiting = waited * 1e-9;
    }

    /** A trainer was opened, which the stopwatch counts as the device. */
    void opened(Trainer trainer) {
        Executor.KernelImage loaded = trainer.executor().code();
        code = loaded.what();
        stopwatch.move("device", "compile", loaded.nanos());
    }

    @Override
    public void begin(Trainer trainer) {
        stopwatch.lap("rest");
        stepsBefore = trainer.step();
    }

    @Override
    public void ready() {
        if (!uploaded) {
            uploaded = true;
            stopwatch.lap("upload");
        }
    }

    @Override
    public boolean awaitsFirstStep() {
        return true;
    }

    @Override
    public Verdict progress(Progress progress) {
        if (!stepped) {
            stepped = true;
            stopwatch.lap("first step");
        }
        return Verdict.GO_ON;
    }

    /** The parts and their total, in seconds; ends the last one. */
    Map<String, Double> seconds() {
        stopwatch.lap("rest");
        Map<String, Double> laps = stopwatch.seconds();
        double command = laps.get("total");
        double jvm = ManagementFactory.getRuntimeMXBean().getUptime() * 1e-3;
        double process = processSeconds();
        laps.put("jvm", Math.max(0, jvm - command));
        laps.put("launcher", Math.max(0, process - jvm));
        Map<String, Double> parts = new LinkedHashMap<>();
        PARTS.forEach(part -> parts.put(part, laps.getOrDefault(part, 0.0)));
        parts.put("total", parts.values().stream().mapToDouble(Double::doubleValue).sum());
        return parts;
    }

    /** What {@code run.json} says: the parts, and how long reading the data took in all. */
    Map<String, Object> json(Map<String, Double> parts) {
        Map<String, Object> all = new LinkedHashMap<>(parts);
        all.put("dataRead", reading);
        all.put("dataHidden", reading - waiting);
        all.put("kernels", code);
        return all;
    }

    void print(Console console, Map<String, Double> parts, Trainer trainer) {
        console.about("timing", format("%.3f s from the process's start", parts.get("total")));
        for (String part : PARTS) {
            String line = format("%-10s  %7.3f  %s", part, parts.get(part), note(part, trainer));
            console.about("", line.stripTrailing());
        }
    }

    private String note(String part, Trainer trainer) {
        return switch (part) {
            case "jvm" -> "until the command runs";
            case "compile" -> code;
            case "data" ->
                    format(
                            "waiting; reading it took %.3f, %.3f of it beside what is above",
                            reading, reading - waiting);
            case "steps" ->
                    format("%,d after the first", Math.max(0, trainer.step() - stepsBefore - 1));
            default -> "";
        };
    }

    /**
     * Seconds since this process began, its launcher's included; 0 where the system does not say.
     */
    private static double processSeconds() {
        try {
            String stat = Files.readString(Path.of("/proc/self/stat"));
            String[] uptime = Files.readString(Path.of("/proc/uptime")).split(" ");
            // the start is field 22; from the third on they are behind the name, that has blanks
            String start = stat.substring(stat.lastIndexOf(')') + 2).split(" ")[22 - 3];
            return Double.parseDouble(uptime[0]) - Long.parseLong(start) / TICKS_A_SECOND;
        } catch (IOException e) {
            return 0; // not Linux
        }
    }
}
