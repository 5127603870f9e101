package org.quern.bench;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.TypeAdapter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What the lines of a report say of steps: for each network our fastest way on the GPU, and every
 * peer's as so many times that.
 *
 * <pre>GpuSummary REPORT.jsonl</pre>
 *
 * Exits with 1 if a line is no JSON object.
 */
public final class GpuSummary {
    private static final TypeAdapter<JsonElement> JSON = new Gson().getAdapter(JsonElement.class);

    private final List<JsonObject> steps = new ArrayList<>();
    private int broken;

    private GpuSummary() {}

    public static void main(String[] arguments) throws IOException {
        GpuSummary summary = new GpuSummary();
        Path report = Path.of(arguments[0]);
        if (Files.exists(report)) {
            Files.readAllLines(report).forEach(summary::read);
        }
        for (Workload workload : Workload.values()) {
            String line = summary.line(workload);
            if (line != null) {
                System.out.println(line);
            }
        }
        System.exit(summary.broken == 0 ? 0 : 1);
    }

    private void read(String line) {
        try {
            JsonObject object = JSON.fromJson(line).getAsJsonObject();
            if (object.get("what").getAsString().equals("step")) {
                steps.add(object);
            }
        } catch (IOException | JsonParseException | IllegalStateException e) {
            broken++;
            System.out.println("no JSON object: " + line);
        }
    }

    /** Null if nothing of a network was measured. */
    private String line(Workload workload) {
        JsonObject ours = null;
        List<String> peers = new ArrayList<>();
        for (JsonObject step : of(workload)) {
            boolean measured = step.has("micros");
            if (text(step, "by").equals("Quern")
                    && text(step, "backend").equals("cuda")
                    && measured
                    && (ours == null || micros(step) < micros(ours))) {
                ours = step;
            }
        }
        for (JsonObject step : of(workload)) {
            if (!text(step, "by").equals("Quern")) {
                peers.add(peer(step, ours));
            }
        }
        if (ours == null && peers.isEmpty()) {
            return null;
        }
        String first =
                ours == null
                        ? "Quern was not measured"
                        : String.format(
                                Locale.ROOT,
                                "Quern %.2f us%s (%s, gemm %s)",
                                micros(ours),
                                ours.get("simulated").getAsBoolean()
                                        ? " on a simulator, which says nothing of a GPU"
                                        : "",
                                text(ours, "engine"),
                                text(ours, "gemm"));
        peers.add(0, first);
        return workload.label() + " step: " + String.join("; ", peers);
    }

    private List<JsonObject> of(Workload workload) {
        return steps.stream()
                .filter(step -> text(step, "workload").equals(workload.label()))
                .toList();
    }

    private static String peer(JsonObject step, JsonObject ours) {
        String name = text(step, "by") + " " + text(step, "how");
        if (!step.has("micros")) {
            return name + " failed";
        }
        String time = String.format(Locale.ROOT, "%s %.2f us", name, micros(step));
        return ours == null
                ? time
                : String.format(Locale.ROOT, "%s (%.1f times)", time, micros(step) / micros(ours));
    }

    private static double micros(JsonObject step) {
        return step.get("micros").getAsDouble();
    }

    private static String text(JsonObject step, String name) {
        return step.has(name) ? step.get(name).getAsString() : "";
    }
}
