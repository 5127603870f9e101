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

    /** All laps in their order, and their total. */
    Map<String, Double> seconds() {
        Map<String, Double> all = new LinkedHashMap<>(seconds);
        all.put("total", seconds.values().stream().mapToDouble(Double::doubleValue).sum());
        return all;
    }
}
