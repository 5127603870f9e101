package org.quern.backend;

/**
 * Gives back several things, each whatever becomes of those before: a device that is lost takes
 * nothing back, and host memory is to be freed all the same.
 *
 * @hidden
 */
public final class Release {
    private RuntimeException first;

    /** Does the next step. */
    public Release then(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException e) {
            if (first == null) {
                first = e;
            } else {
                first.addSuppressed(e);
            }
        }
        return this;
    }

    /** Throws what the first step threw that failed, which has what later ones threw with it. */
    public void end() {
        if (first != null) {
            throw first;
        }
    }

    /** What is to be thrown once {@code step} has cleared up after it. */
    public static <E extends Throwable> E after(E failure, Runnable step) {
        try {
            step.run();
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
        }
        return failure;
    }
}
