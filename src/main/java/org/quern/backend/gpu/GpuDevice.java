package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.quern.QuernException;

/** What the devices of all APIs have in common: what they are, and the account of their memory. */
public abstract class GpuDevice implements Device {
    private final GpuBackend.Hardware hardware;
    private String largest = "nothing";
    private long largestBytes;

    protected GpuDevice(GpuBackend.Hardware hardware) {
        this.hardware = hardware;
    }

    @Override
    public String description() {
        return hardware.description();
    }

    @Override
    public int computeUnits() {
        return hardware.units();
    }

    /** Notes memory that was taken, for the message once there is no more. */
    protected void taken(long bytes, String what) {
        if (bytes > largestBytes) {
            largestBytes = bytes;
            largest = what;
        }
    }

    /** That there is no room; {@code limit}: what else holds, after a semicolon, or nothing. */
    protected QuernException outOfMemory(long bytes, String what, long free, String limit) {
        String used = "largest: %s, %,d MiB%s".formatted(largest, mib(largestBytes), limit);
        return QuernException.device(
                "out of memory on %s: %s needs %,d MiB, and %,d MiB of %,d MiB are free (%s): use a"
                        + " smaller batch or --device-memory",
                hardware.name(), what, mib(bytes), free >> 20, hardware.memory() >> 20, used);
    }

    /** Memory of the host's that C can work on. */
    public static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    /** Rounded up. */
    static long mib(long bytes) {
        return bytes + (1 << 20) - 1 >> 20;
    }
}
