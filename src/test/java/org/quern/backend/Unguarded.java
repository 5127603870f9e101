package org.quern.backend;

/** What is behind a guard, for tests of what a backend does there. */
public final class Unguarded {
    private Unguarded() {}

    /** A backend's own data set. */
    public static DeviceDataset of(DeviceDataset guarded) {
        return ((Guard.Resident) guarded).data;
    }
}
