package org.quern.spark;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.quern.backend.Backends;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Training;
import org.quern.train.History;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a task that trains does. */
final class OnExecutor {
    private static final Logger LOG = LoggerFactory.getLogger("org.quern.spark");
    private static final Set<String> ON_HOST = Set.of("cpu", "java", "reference");

    private OnExecutor() {}

    /**
     * Settings with what Spark has given the task: as many threads as it has cores, and the GPU of
     * its resources, unless somebody asked for others.
     */
    static RunSettings here(RunSettings settings) {
        TaskContext task = TaskContext.get();
        Map<String, Object> told = new HashMap<>();
        if (!settings.asksFor(Setting.THREADS)) {
            told.put(Setting.THREADS.name(), task.cpus());
        }
        String gpu = gpu(task);
        boolean host = ON_HOST.contains(settings.get(Setting.BACKEND));
        if (gpu != null && !host && !settings.asksFor(Setting.DEVICE)) {
            told.put(Setting.DEVICE.name(), gpu);
        }
        return settings.settled(told);
    }

    /** Says what is worth a line, in the driver's log. */
    static void log(List<String> notes) {
        notes.stream().distinct().forEach(LOG::warn);
    }

    /** The address of the task's GPU; null if it has none. */
    static String gpu(TaskContext task) {
        ResourceInformation gpu = task.resourcesJMap().get("gpu");
        return gpu == null || gpu.addresses().length == 0 ? null : gpu.addresses()[0];
    }

    /**
     * Which backend it is, and on what. Where it is the slow one of plain Java, that is worth a
     * line, with why.
     */
    static String device(
            RunSettings asked, Backends.Choice choice, String device, List<String> notes) {
        boolean auto = asked.get(Setting.BACKEND).equals(Backends.AUTO);
        if (auto && choice.backend().name().equals("java")) {
            String host = System.getenv().getOrDefault("HOSTNAME", "an executor");
            notes.add(host + " computes in plain Java, which is slower: " + choice.text());
        }
        return choice.backend().name() + ": " + device;
    }

    /** Trains on all the rows. */
    static Outcome train(RunSettings asked, Dataset rows, String checkpoint, int every) {
        try {
            // a row to test on keeps the others from being set aside
            Splits all = new Splits(rows, rows.row(0), rows.name());
            boolean stops = asked.get(Setting.EARLY_STOPPING) > 0;
            RunSettings settings = here((stops ? asked.validated() : asked).on(all));
            Backends.Choice choice = settings.choose();
            List<String> notes = new ArrayList<>();
            try (Training training =
                    new Training(settings, settings.parts(all), choice.backend())) {
                notes.addAll(training.notes());
                Checkpoints kept =
                        checkpoint == null
                                ? null
                                : new Checkpoints(checkpoint, every, settings, 0, training);
                if (kept != null) {
                    kept.attach(training.trainer());
                }
                History history = training.fit();
                if (history.end() == History.End.INTERRUPTED) {
                    throw new IllegalStateException("the task was stopped");
                }
                String device = training.trainer().executor().device();
                Outcome outcome =
                        new Outcome(
                                Bytes.of(training.model()),
                                device(settings, choice, device, notes),
                                Outcome.list(history.epochs()),
                                notes,
                                null,
                                null);
                if (kept != null) {
                    kept.delete();
                }
                return outcome;
            }
        } catch (RuntimeException e) {
            return Outcome.failed(e);
        }
    }
}
