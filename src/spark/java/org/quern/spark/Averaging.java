package org.quern.spark;

import java.util.List;
import org.quern.run.RunSettings;

/** later */
final class Averaging {
    Averaging(
            QuernParams params,
            RunSettings settings,
            Blocks blocks,
            List<String> classes,
            int[] shape) {}

    Trained fit(int workers) {
        throw new UnsupportedOperationException();
    }
}
