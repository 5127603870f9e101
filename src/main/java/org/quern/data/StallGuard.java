package org.quern.data;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/** Reads a stream in a thread of its own, so that a sender who falls silent is noticed. */
final class StallGuard {
    private static final int QUEUED = 16;
    private static final int BUFFER = 1 << 16;

    private final BlockingQueue<Object> arrived = new ArrayBlockingQueue<>(QUEUED);
    private final Duration limit;

    /**
     * Begins to read.
     *
     * @param limit how long the sender may be silent
     */
    StallGuard(InputStream in, Duration limit) {
        this.limit = limit;
        Thread reader = new Thread(() -> pump(in), "download");
        reader.setDaemon(true);
        reader.start();
    }

    private void pump(InputStream in) {
        try {
            try {
                byte[] buffer = new byte[BUFFER];
                int n;
                while ((n = in.read(buffer)) >= 0) {
                    arrived.put(java.util.Arrays.copyOf(buffer, n));
                }
                arrived.put(new byte[0]);
            } catch (IOException e) {
                arrived.put(e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** At most {@value #BUFFER} bytes, which must fit {@code buffer}; −1 at the end. */
    int read(byte[] buffer) throws IOException, InterruptedException {
        Object next = arrived.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
        if (next == null) {
            throw new IOException("silent for " + limit.toSeconds() + " s");
        }
        if (next instanceof IOException e) {
            throw e;
        }
        byte[] bytes = (byte[]) next;
        System.arraycopy(bytes, 0, buffer, 0, bytes.length);
        return bytes.length == 0 ? -1 : bytes.length;
    }
}
