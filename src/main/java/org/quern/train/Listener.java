package org.quern.train;

/**
 * Hears how a run goes, and may ask it to stop. Called on the training thread, between steps, with
 * what is on the host already.
 */
public interface Listener {
    enum Verdict {
        GO_ON,
        STOP
    }

    /** Before the first step of a {@link Trainer#fit}. */
    default void begin(Trainer trainer) {}

    /** The data is on the device: the first step comes next. With distortion, before each epoch. */
    default void ready() {}

    /** After the first step, then at most about twenty times a second while an epoch runs. */
    default Verdict progress(Progress progress) {
        return Verdict.GO_ON;
    }

    /** After each epoch; the trainer is not to be trained from here. */
    default Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        return Verdict.GO_ON;
    }

    /** After the last step, whatever ended the run but an exception. */
    default void end(History history) {}
}
