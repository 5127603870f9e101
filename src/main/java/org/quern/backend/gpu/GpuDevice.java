package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.quern.QuernException;

/** What the devices of all APIs have in common: what they are, and the account of their memory. */
public abstract class GpuDevice implements Device {
    private final GpuBackend.Hardware hardware;
    private String largest = "nothing";
    private long largestBytes;

    /** A device that is being opened. */
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

    /**
     * That there is no room.
     *
     * @param free bytes of the memory
     * @param limit what else memory must keep to, after a semicolon; may be empty
     */
    protected QuernException outOfMemory(long bytes, String what, long free, String limit) {
        return new QuernException(
                QuernException.Kind.DEVICE,
                ("out of memory on %s: %s needs %,d MiB, and %,d MiB of %,d MiB are free (largest:"
                                + " %s, %,d MiB%s): use a smaller batch or --device-memory")
                        .formatted(
                                hardware.name(),
                                what,
                                mib(bytes),
                                free >> 20,
                                hardware.memory() >> 20,
                                largest,
                                mib(largestBytes),
                                limit));
    }

    /** Memory of the host's that C can work on. */
    public static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    private static long mib(long bytes) {
        return bytes + (1 << 20) - 1 >> 20;
    }
}
