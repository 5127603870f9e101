package org.quern.backend.gpu;

import java.util.List;

/** Launches that are run many times in a row. */
final class Repeats {
    /** Runs that are prepared as one sequence, as training prepares its steps. */
    private static final int MANY = 32;

    private Repeats() {}

    /** Asks for the launches so many times, as sequences where there are enough; does not wait. */
    static void run(Device device, List<Device.Launch> launches, int times) {
        int left = times;
        if (left >= 4 * MANY) {
            try (Device.Launch many = device.sequence(launches, MANY)) {
                for (; left >= MANY; left -= MANY) {
                    device.run(many);
                }
                device.finish(); // before the sequence is closed
            }
        }
        for (; left > 0; left--) {
            launches.forEach(device::run);
        }
    }
}
