package org.quern.verify;

import static org.assertj.core.api.Assertions.assertThat;

import org.quern.backend.Backend;
import org.quern.backend.Executor;

/** What a kernel case must give: computed when it is first asked for, once for all executors. */
public final class Expected {
    private final KernelCase one;
    private ReferenceCheck reference;

    public Expected(KernelCase one) {
        this.one = one;
    }

    /** Fails unless a backend gives it. */
    public void isGivenBy(Backend backend, Backend.Options options) {
        try (Executor executor = backend.open(one.plan(), options)) {
            isGivenBy(executor);
        }
    }

    /** The same of an executor of the case's plan. */
    public void isGivenBy(Executor executor) {
        reference = reference == null ? ReferenceCheck.of(one) : reference;
        assertThat(reference.check(executor)).isEmpty();
    }
}
