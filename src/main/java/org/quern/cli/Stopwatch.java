package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;

/** Where wall time goes: one thing after another, in seconds. */
final class Stopwatch {
    private final Console console;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private long since;

    Stopwatch(Console console) {
        this.console = console;
        since = console.nanoTime().getAsLong();
    }

    /** What happened since the last call was this. */
    void lap(String name) {
        long now = console.nanoTime().getAsLong();
        seconds.merge(name, (now - since) * 1e-9, Double::sum);
        since = now;
    }

    /** So much of what was counted as one thing was another. */
    void move(String from, String to, long nanos) {
        double moved = Math.min(nanos * 1e-9, seconds.getOrDefault(from, 0.0));
        seconds.merge(from, -moved, Double::sum);
        seconds.merge(to, moved, Double::sum);
    }

    /** All laps in their order, and their total. */
    Map<String, Double> seconds() {
        Map<String, Double> all = new LinkedHashMap<>(seconds);
        all.put("total", seconds.values().stream().mapToDouble(Double::doubleValue).sum());
        return all;
    }
}
