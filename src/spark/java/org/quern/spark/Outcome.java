package org.quern.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.quern.QuernException;
import org.quern.train.EpochResult;

/**
 * What a task that trains sends to the driver.
 *
 * @param model safetensors; null if it failed
 * @param device what it was trained on, and by which backend
 * @param notes what is worth a line at the driver
 * @param kind of the failure; null if it did not fail
 */
record Outcome(
        byte[] model,
        String device,
        List<EpochResult> epochs,
        List<String> notes,
        QuernException.Kind kind,
        String failure)
        implements Serializable {

    static Outcome failed(RuntimeException e) {
        boolean known = e instanceof QuernException;
        QuernException.Kind kind =
                known ? ((QuernException) e).kind() : QuernException.Kind.BACKEND;
        return new Outcome(
                null, "", List.of(), List.of(), kind, known ? e.getMessage() : e.toString());
    }

    /** This, or the failure, which then is the driver's. */
    Outcome orThrow() {
        if (kind != null) {
            throw new QuernException(kind, failure);
        }
        return this;
    }

    static <T> ArrayList<T> list(List<T> of) {
        return new ArrayList<>(of);
    }
}
