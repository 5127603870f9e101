package org.quern.backend.gpu;

import java.nio.ByteBuffer;

/** Copies of Java arrays to and from a device, piece by piece through its staging memory. */
final class Copies {
    private Copies() {}

    static void write(Device device, Device.Buffer to, long offset, byte[] from, int size) {
        for (int done = 0; done < size; ) {
            ByteBuffer staging = device.staging();
            int now = Math.min(staging.capacity(), size - done);
            staging.clear().put(from, done, now).flip();
            device.write(to, offset + done, staging);
            done += now;
        }
    }

    /** {@code offset} counts bytes. */
    static void write(
            Device device, Device.Buffer to, long offset, float[] from, int at, int size) {
        for (int done = 0; done < size; ) {
            ByteBuffer staging = device.staging();
            int now = Math.min(staging.capacity() / 4, size - done);
            staging.clear().limit(4 * now);
            staging.asFloatBuffer().put(from, at + done, now);
            device.write(to, offset + 4L * done, staging);
            done += now;
        }
    }

    static void read(Device device, Device.Buffer from, long offset, float[] to, int at, int size) {
        for (int done = 0; done < size; ) {
            ByteBuffer staging = device.staging();
            int now = Math.min(staging.capacity() / 4, size - done);
            staging.clear().limit(4 * now);
            device.read(from, offset + 4L * done, staging);
            staging.rewind().asFloatBuffer().get(to, at + done, now);
            done += now;
        }
    }
}
