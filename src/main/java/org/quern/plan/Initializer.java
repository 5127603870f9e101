package org.quern.plan;

import java.util.List;
import org.quern.model.Layer;
import org.quern.random.Philox;
import org.quern.random.Streams;

/**
 * The state at step 0: parameters drawn by {@link org.quern.model.Init}, biases and moments 0.
 *
 * @hidden
 */
public final class Initializer {
    private Initializer() {}

    /** The whole state of a plan before its first step, in the layout of {@link Plan#state()}. */
    public static float[] state(Plan plan, long seed) {
        float[] state = new float[Math.toIntExact(plan.state().size())];
        List<Plan.DenseSlices> layers = plan.dense();
        int[] words = new int[4];
        for (int l = 0; l < layers.size(); l++) {
            Layer.Dense dense = layers.get(l).layer();
            Slice w = layers.get(l).weights();
            float limit = dense.init().limit(w.rows(), w.columns());
            int first = Math.toIntExact(w.offset() - plan.state().offset());
            int size = Math.toIntExact(w.size());
            for (int i = 0; i < size; i++) {
                if (i % 4 == 0) {
                    Philox.block(seed, Streams.INIT.of(l), 0, i / 4, words, 0);
                }
                state[first + i] = (2 * Philox.unit(words[i % 4]) - 1) * limit;
            }
        }
        return state;
    }
}
