package org.quern.backend.trace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.gpu.Device;

/** Computes nothing; counts launches, copies between host and device, and allocations. */
public class TraceDevice implements Device {
    private static final int STAGING = 1 << 16;
    private static final long MEMORY = 1L << 34;

    /** A loss that a batch may have. */
    private static final float WRONG = 1e6f;

    private final boolean library;
    private final List<BlockTeam> teams;
    private final Map<String, Long> launches = new TreeMap<>();
    private final ByteBuffer staging = direct(STAGING);
    private Buffer log;
    private long copies;
    private long bytes;
    private long allocations;
    private int open;

    /**
     * What was asked for so far.
     *
     * @param launches of each kernel
     * @param copies between host and device, in either direction
     * @param bytes copied
     * @param allocations of memory on the device
     * @param open allocations that were not given back
     */
    public record Counts(
            Map<String, Long> launches, long copies, long bytes, long allocations, int open) {
        /** Launches of all kernels. */
        public long allLaunches() {
            return launches.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    private record Memory(long handle, long bytes) implements Buffer {}

    /** Without a library for products. */
    public TraceDevice() {
        this(false);
    }

    /**
     * A device.
     *
     * @param library whether it has a library for products, whose calls count as {@code library}
     */
    public TraceDevice(boolean library) {
        this.library = library;
        teams = List.of();
    }

    /** Without a library, and with blocks that can train together. */
    public TraceDevice(List<BlockTeam> teams) {
        library = false;
        this.teams = List.copyOf(teams);
    }

    /** What was asked for so far. */
    public Counts counts() {
        return new Counts(Map.copyOf(launches), copies, bytes, allocations, open);
    }

    private static ByteBuffer direct(int size) {
        return ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
    }

    private Launch counted(String kernel) {
        return () -> launches.merge(kernel, 1L, Long::sum);
    }

    private void copy(long size) {
        copies++;
        bytes += size;
    }

    @Override
    public String description() {
        return "nothing";
    }

    @Override
    public int computeUnits() {
        return 1;
    }

    @Override
    public long free() {
        return MEMORY;
    }

    @Override
    public long dataBudget() {
        return MEMORY;
    }

    @Override
    public Buffer allocate(long size, String what) {
        allocations++;
        open++;
        return new Memory(0, size);
    }

    @Override
    public void release(Buffer buffer) {
        open--;
    }

    @Override
    public ByteBuffer staging() {
        return staging;
    }

    @Override
    public void write(Buffer to, long offset, ByteBuffer from) {
        copy(from.remaining());
    }

    @Override
    public Buffer allocateShared(int size, String what) {
        log = allocate(size, what);
        return log;
    }

    /** Zeros; of the log of steps, as if all were done, and no row were right. */
    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        copy(to.remaining());
        if (from == log) {
            to.putInt((to.remaining() - 4) / 8);
        }
        while (to.hasRemaining()) {
            to.putInt(from == log && to.position() % 8 == 4 ? Float.floatToIntBits(WRONG) : 0);
        }
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        // on the device
    }

    @Override
    public void copy(Buffer from, Buffer to, long size) {
        // on the device
    }

    @Override
    public Launch prepare(Call call) {
        return counted(call.kernel());
    }

    @Override
    public List<BlockTeam> teams() {
        return teams;
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long size) throws BlockTeam.Refused {
        return prepare(call);
    }

    @Override
    public Library library() {
        return library ? product -> counted("library") : null;
    }

    @Override
    public Slot slot(long size, String what) {
        Buffer buffer = allocate(size, what);
        ByteBuffer host = direct(Math.toIntExact(size));
        return new Slot() {
            @Override
            public ByteBuffer host() {
                return host;
            }

            @Override
            public Buffer device() {
                return buffer;
            }

            @Override
            public void free() {
                // nothing is under way
            }

            @Override
            public void send(long sent) {
                copy(sent);
            }

            @Override
            public void used() {
                // nothing is under way
            }

            @Override
            public void close() {
                release(buffer);
            }
        };
    }

    @Override
    public boolean isIdle() {
        return true;
    }

    @Override
    public void finish() {
        // nothing is under way
    }

    @Override
    public void close() {
        // nothing is held
    }
}
