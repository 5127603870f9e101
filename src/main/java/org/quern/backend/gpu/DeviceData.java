package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.quern.backend.DeviceDataset;
import org.quern.backend.StepContext;
import org.quern.data.Dataset;
import org.quern.plan.Batches;
import org.quern.random.Permutation;

/**
 * A data set for kernels: whole on the device, or streamed through two slots in the order of use.
 * Streamed data is cut into chunks of whole batches; within a chunk, the row at place p of an epoch
 * lies at p modulo {@link #chunk}.
 */
final class DeviceData implements DeviceDataset {
    private static final int SLOTS = 2;
    private static final int SEQUENCES = 4 * SLOTS;

    private final Device device;
    private final Dataset set;
    private final int targetColumns;
    private final int chunk;
    private final Device.Buffer raw;
    private final Device.Buffer targets;
    private final Device.Slot[] rawSlots = new Device.Slot[SLOTS];
    private final Device.Slot[] targetSlots = new Device.Slot[SLOTS];
    private final Device.Launch[] sequences = new Device.Launch[SEQUENCES];
    private final Device.Launch[] gathers = new Device.Launch[2 * SLOTS];
    private FusedSteps fused;
    private boolean triedFused;
    private int slot;
    private int generation;
    private boolean open = true;

    /**
     * Brings a data set to a device.
     *
     * @param batch rows of a training batch; chunks are made of whole ones
     * @param least rows that a chunk has at least, if there are so many
     */
    DeviceData(Device device, Dataset set, int targetColumns, int batch, int least) {
        this.device = device;
        this.set = set;
        this.targetColumns = targetColumns;
        long rowBytes = rowBytes() + 4L * targetColumns;
        long budget = device.dataBudget();
        if (rowBytes * set.rows() <= budget) {
            chunk = 0;
            raw = upload(device, set);
            targets = uploadTargets();
            return;
        }
        // two slots of an eighth each leave room for what else there is, and keep copies short
        long wanted = Math.max(least, Math.min(budget / 8, 1 << 28) / rowBytes);
        chunk = (int) ((Math.min(wanted, set.rows()) + batch - 1) / batch * batch);
        for (int i = 0; i < SLOTS; i++) {
            rawSlots[i] = device.slot(chunk * rowBytes(), "a chunk of " + set.name());
            targetSlots[i] = device.slot(4L * chunk * targetColumns, "targets of " + set.name());
        }
        raw = null;
        targets = null;
    }

    private long rowBytes() {
        return (long) set.features() * (set.isPixels() ? 1 : 4);
    }

    private static Device.Buffer upload(Device device, Dataset set) {
        long size = (long) set.rows() * set.features();
        String what = "%,d rows of %s".formatted(set.rows(), set.name());
        Device.Buffer buffer = device.allocate(size * (set.isPixels() ? 1 : 4), what);
        if (set.isPixels()) {
            Copies.write(device, buffer, 0, set.pixels(), (int) size);
        } else {
            Copies.write(device, buffer, 0, set.values(), 0, (int) size);
        }
        return buffer;
    }

    private Device.Buffer uploadTargets() {
        boolean none = !(set.hasLabels() && targetColumns == 1) && !set.hasTargets();
        Device.Buffer buffer =
                device.allocate(
                        none ? 4 : 4L * set.rows() * targetColumns, "the targets of " + set.name());
        if (set.hasLabels() && targetColumns == 1) {
            float[] labels = new float[set.rows()];
            for (int row = 0; row < labels.length; row++) {
                labels[row] = set.labels()[row];
            }
            Copies.write(device, buffer, 0, labels, 0, labels.length);
        } else if (set.hasTargets()) {
            Copies.write(device, buffer, 0, set.targets(), 0, set.targets().length);
        }
        return buffer;
    }

    /** Rows of a chunk of streamed data, or 0 if all rows are on the device. */
    int chunk() {
        return chunk;
    }

    Dataset set() {
        return set;
    }

    boolean isPixels() {
        return set.isPixels();
    }

    /** What kernels read rows from: all of them, or the current slot's chunk. */
    Device.Buffer raw() {
        return chunk == 0 ? raw : rawSlots[slot].device();
    }

    /** What kernels read targets from. */
    Device.Buffer targets() {
        return chunk == 0 ? targets : targetSlots[slot].device();
    }

    /** The number of the slot that {@link #raw} and {@link #targets} are of. */
    int slot() {
        return slot;
    }

    /** Chooses the slot that {@link #raw} and {@link #targets} are of. */
    void slot(int newSlot) {
        slot = newSlot;
    }

    /** Sends what a pass reads, into the current slot. */
    void send(StepContext pass) {
        fill(pass.first(), pass.rows(), pass::row);
    }

    /** Sends the rows at places [first, first + rows) of an epoch, into the current slot. */
    void send(Batches batches, long seed, long epoch, int first, int rows) {
        fill(first, rows, b -> Permutation.shuffled(batches.rows(), seed, epoch, first + b));
    }

    private interface Order {
        int row(int b);
    }

    private void fill(int first, int rows, Order order) {
        Device.Slot data = rawSlots[slot];
        Device.Slot labels = targetSlots[slot];
        data.free();
        labels.free();
        int width = set.features();
        for (int b = 0; b < rows; b++) {
            int row = order.row(b);
            int place = (first + b) % chunk;
            if (set.isPixels()) {
                data.host().put(place * width, set.pixels(), row * width, width);
            } else {
                data.host().asFloatBuffer().put(place * width, set.values(), row * width, width);
            }
            ByteBuffer to = labels.host();
            if (set.hasLabels() && targetColumns == 1) {
                to.putFloat(4 * place, set.labels()[row]);
            } else if (set.hasTargets()) {
                to.asFloatBuffer()
                        .put(
                                place * targetColumns,
                                set.targets(),
                                row * targetColumns,
                                targetColumns);
            }
        }
        long end = (long) first % chunk + rows;
        data.send(end * rowBytes());
        labels.send(4 * end * targetColumns);
    }

    /** Says that the kernels that read the current slot were asked for. */
    void used() {
        rawSlots[slot].used();
        targetSlots[slot].used();
    }

    /**
     * Steps that were prepared for the current slot, or null: of full batches or short, one or
     * many.
     */
    Device.Launch sequence(boolean full, boolean many) {
        return sequences[index(full, many)];
    }

    /** Keeps steps that were prepared for the current slot. */
    void keep(boolean full, boolean many, Device.Launch sequence) {
        sequences[index(full, many)] = sequence;
    }

    private int index(boolean full, boolean many) {
        return (slot * 2 + (full ? 1 : 0)) * 2 + (many ? 1 : 0);
    }

    /** The launch of Gather that was prepared for the current slot, or null. */
    Device.Launch gather(boolean training) {
        return gathers[slot * 2 + (training ? 1 : 0)];
    }

    /** Keeps a launch of Gather for the current slot. */
    void keep(boolean training, Device.Launch gather) {
        gathers[slot * 2 + (training ? 1 : 0)] = gather;
    }

    /** Whether {@link #keep(FusedSteps)} was called for the current generation. */
    boolean triedFused() {
        return triedFused;
    }

    /** The fused kernel that was prepared, or null. */
    FusedSteps fused() {
        return fused;
    }

    /** Keeps a fused kernel, or that there is none. */
    void keep(FusedSteps steps) {
        fused = steps;
        triedFused = true;
    }

    /** Closes what was prepared. */
    private void forget() {
        device.finish();
        if (fused != null) {
            fused.close();
        }
        fused = null;
        triedFused = false;
        for (int i = 0; i < sequences.length; i++) {
            if (sequences[i] != null) {
                sequences[i].close();
                sequences[i] = null;
            }
        }
        for (int i = 0; i < gathers.length; i++) {
            if (gathers[i] != null) {
                gathers[i].close();
                gathers[i] = null;
            }
        }
    }

    /**
     * This, for an executor whose buffers are of a generation: what was prepared with older ones is
     * closed. Fails if it was closed itself.
     */
    DeviceData of(int newGeneration) {
        if (!open) {
            throw new IllegalStateException("this data set was closed");
        }
        if (generation != newGeneration) {
            forget();
            generation = newGeneration;
        }
        return this;
    }

    @Override
    public int rows() {
        return set.rows();
    }

    @Override
    public void close() {
        if (!open) {
            return;
        }
        open = false;
        forget();
        if (chunk == 0) {
            device.release(raw);
            device.release(targets);
            return;
        }
        for (int i = 0; i < SLOTS; i++) {
            rawSlots[i].close();
            targetSlots[i].close();
        }
    }

    /** A direct buffer in the machine's byte order. */
    static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }
}
