package org.quern.spark;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Header;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import org.quern.train.Predictor;

/**
 * The predictors of an executor's JVM: one for each model and device, which all of its tasks share.
 * Some that nobody uses are kept for the next task.
 */
final class Predictors {
    private static final int IDLE = 4;
    private static final Map<String, Shared> ALL = new HashMap<>();

    private Predictors() {}

    /** One that tasks share; closed by the last that uses it, or a while later. */
    static final class Shared implements AutoCloseable {
        final SavedModel saved;
        final Header header; // of a table that it takes; null if it takes none
        final float[] gaps; // if they are all that there is to encode; else null
        final Predictor predictor;
        private int users;
        private long left; // when its last user left

        private Shared(SavedModel saved, RunSettings settings) {
            this.saved = saved;
            header = saved.columns() == null ? null : Answers.header(saved.columns());
            gaps = header == null ? null : saved.columns().gaps(header);
            Backend.Options options = settings.options();
            Backends.Choice choice = settings.choose();
            Backend backend = choice.backend();
            List<String> notes = new ArrayList<>();
            OnExecutor.device(settings, choice, "", notes);
            OnExecutor.log(notes);
            predictor =
                    new Predictor(
                            saved.model(), saved.loss(), saved.parameters(), backend, options);
        }

        @Override
        public void close() {
            synchronized (ALL) {
                users--;
                left = System.nanoTime();
            }
        }
    }

    /** That of a model, on what the settings say. */
    static Shared of(String name, byte[] file, RunSettings settings) {
        String key = name + " " + settings.text("backend") + " " + settings.text("device");
        synchronized (ALL) {
            Shared shared = ALL.get(key);
            if (shared == null) {
                makeRoom();
                shared = new Shared(Bytes.model(file, "the model"), settings);
                ALL.put(key, shared);
            }
            shared.users++;
            return shared;
        }
    }

    private static void makeRoom() {
        while (ALL.values().stream().filter(one -> one.users == 0).count() >= IDLE) {
            Shared oldest = null;
            for (Shared one : ALL.values()) {
                boolean older = oldest == null || one.left < oldest.left;
                oldest = one.users == 0 && older ? one : oldest;
            }
            for (Iterator<Shared> all = ALL.values().iterator(); all.hasNext(); ) {
                if (all.next() == oldest) {
                    all.remove();
                }
            }
            oldest.predictor.close();
        }
    }

    /** How many there are, for tests. */
    static int count() {
        synchronized (ALL) {
            return ALL.size();
        }
    }
}
