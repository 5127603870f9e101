package org.quern.backend.gpu;

import org.quern.QuernException;
import org.quern.plan.Plan;

/** Whether a network fits into a device's memory, and if not, what would. */
final class MemoryCheck {
    private MemoryCheck() {}

    /** What the arena is called in messages. */
    static String text(Plan plan) {
        return "the network at batch " + plan.batch();
    }

    /**
     * Checks that the arena fits.
     *
     * @throws QuernException if not: what is needed, what is free, and which batch would fit
     */
    static void check(Device device, Plan plan) {
        long needed = 4 * plan.arena();
        long free = device.free();
        if (needed <= free) {
            return;
        }
        int batch = largestBatch(plan, free);
        throw new QuernException(
                QuernException.Kind.DEVICE,
                ("out of memory on %s: %s needs %,d MiB (%,d MiB of it for %,d parameters and"
                                + " their moments), and %,d MiB are free: %s")
                        .formatted(
                                device.description(),
                                text(plan),
                                needed + (1 << 20) - 1 >> 20,
                                4 * plan.state().size() >> 20,
                                plan.parameters().size(),
                                free >> 20,
                                batch > 0
                                        ? "batch %,d would fit".formatted(batch)
                                        : "use narrower layers, or another device"));
    }

    private static int largestBatch(Plan plan, long free) {
        int fits = 0;
        for (int bit = Integer.highestOneBit(plan.batch()); bit > 0; bit >>= 1) {
            int batch = fits + bit;
            if (batch < plan.batch() && 4 * at(plan, batch).arena() <= free) {
                fits = batch;
            }
        }
        return fits;
    }

    private static Plan at(Plan plan, int batch) {
        return Plan.of(plan.model(), plan.loss(), plan.optimizer(), batch);
    }
}
