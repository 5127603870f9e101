package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.quern.backend.DeviceDataset;
import org.quern.backend.Release;
import org.quern.backend.StepContext;
import org.quern.data.Dataset;
import org.quern.plan.Plan;

/**
 * A data set for kernels: whole on the device, or streamed through two slots in the order of use.
 * Streamed data is cut into chunks of whole batches; within a chunk, the row at place p of an epoch
 * lies at p modulo {@link #chunk}.
 */
final class DeviceData implements DeviceDataset {
    private final Device device;
    private final Dataset set;
    private final float[] hostTargets; // of streamed data
    private final int targetColumns;
    final int chunk; // rows of a chunk of streamed data, or 0 if all rows are on the device

    /** Rows and targets: of resident data. */
    private final List<Device.Buffer> resident = new ArrayList<>();

    /** Rows and targets, twice: of streamed data. */
    private final List<Device.Slot> slots = new ArrayList<>();

    private final List<Map<Kept, Device.Launch>> kept =
            List.of(new EnumMap<>(Kept.class), new EnumMap<>(Kept.class));

    /** What was chosen of fused kernels; null if none was asked for yet. */
    FusedEngine.Choice choice;

    private Launches preparedWith;
    private int slot;

    /** Launches that read a data set, prepared for each slot. */
    enum Kept {
        TRAINING_ROWS,
        INFERENCE_ROWS,
        SHORT_STEP,
        FULL_STEP,
        MANY_STEPS
    }

    /** With chunks of whole batches, and of {@code least} rows where there are so many. */
    DeviceData(Device device, Dataset set, Plan plan, int batch, int least) {
        this.device = device;
        this.set = set;
        targetColumns = plan.targetSize();
        float[] numbers = DeviceDataset.targets(plan, set);
        long rowBytes = rowBytes() + 4L * targetColumns;
        long budget = device.dataBudget();
        boolean streams = rowBytes * set.rows() > budget;
        hostTargets = streams ? numbers : null;
        // two slots of an eighth each leave room for what else there is, and keep copies short
        long wanted = Math.max(least, Math.min(budget / 8, 1 << 28) / rowBytes);
        chunk = streams ? (int) ((Math.min(wanted, set.rows()) + batch - 1) / batch * batch) : 0;
        try {
            if (streams) {
                openSlots();
            } else {
                send(numbers);
            }
        } catch (RuntimeException | Error e) {
            Release.after(e, this::close);
            throw e;
        }
    }

    private void openSlots() {
        for (int i = 0; i < 2; i++) {
            slots.add(device.slot(chunk * rowBytes(), "a chunk of " + set.name()));
            slots.add(device.slot(4L * chunk * targetColumns, "targets of " + set.name()));
        }
    }

    private void send(float[] numbers) {
        String rows = "%,d rows of %s".formatted(set.rows(), set.name());
        resident.add(device.allocate(set.rows() * rowBytes(), rows));
        int values = Math.toIntExact((long) set.rows() * set.features());
        if (set.isPixels()) {
            write(device, raw(), set.pixels(), values);
        } else {
            write(device, raw(), 0, set.values(), 0, values);
        }
        long targetBytes = Math.max(4, 4L * numbers.length);
        resident.add(device.allocate(targetBytes, "the targets of " + set.name()));
        write(device, targets(), 0, numbers, 0, numbers.length);
    }

    private long rowBytes() {
        return (long) set.features() * (set.isPixels() ? 1 : 4);
    }

    private static void write(Device device, Device.Buffer to, byte[] from, int size) {
        for (int done = 0; done < size; ) {
            ByteBuffer staging = device.staging();
            int now = Math.min(staging.capacity(), size - done);
            staging.clear().put(from, done, now).flip();
            device.write(to, done, staging);
            done += now;
        }
    }

    /** Copies values to a device, piece by piece; {@code offset} counts bytes. */
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

    /** What kernels read rows from: all of them, or the current slot's chunk. */
    Device.Buffer raw() {
        return chunk == 0 ? resident.get(0) : rowSlot().device();
    }

    Device.Buffer targets() {
        return chunk == 0 ? resident.get(1) : targetSlot().device();
    }

    private Device.Slot rowSlot() {
        return slots.get(2 * slot);
    }

    private Device.Slot targetSlot() {
        return slots.get(2 * slot + 1);
    }

    void turn() {
        slot = 1 - slot;
    }

    /** If data is streamed, sends so many rows in the order of a pass, into the current slot. */
    void send(StepContext pass, int rows) {
        if (chunk == 0) {
            return;
        }
        Device.Slot data = rowSlot();
        Device.Slot labels = targetSlot();
        data.free();
        labels.free();
        int width = set.features();
        FloatBuffer values = data.host().asFloatBuffer();
        FloatBuffer targetValues = labels.host().asFloatBuffer();
        for (int b = 0; b < rows; b++) {
            int row = pass.row(b);
            int place = (pass.first() + b) % chunk;
            if (set.isPixels()) {
                data.host().put(place * width, set.pixels(), row * width, width);
            } else {
                values.put(place * width, set.values(), row * width, width);
            }
            if (hostTargets.length > 0) {
                targetValues.put(
                        place * targetColumns, hostTargets, row * targetColumns, targetColumns);
            }
        }
        long end = (long) pass.first() % chunk + rows;
        data.send(end * rowBytes());
        labels.send(4 * end * targetColumns);
    }

    void used() {
        if (chunk != 0) {
            rowSlot().used();
            targetSlot().used();
        }
    }

    /** What was prepared for the current slot; null for nothing yet. */
    Device.Launch kept(Kept which) {
        return kept.get(slot).get(which);
    }

    void keep(Kept which, Device.Launch launch) {
        kept.get(slot).put(which, launch);
    }

    private Release forget() {
        Release release = new Release().then(device::finish);
        if (choice != null) {
            release.then(choice::close);
            choice = null;
        }
        for (Map<Kept, Device.Launch> ofSlot : kept) {
            ofSlot.values().forEach(launch -> release.then(launch::close));
            ofSlot.clear();
        }
        return release;
    }

    /** This; what was prepared with older launches is closed. */
    DeviceData with(Launches launches) {
        if (preparedWith != launches) {
            forget().end();
            preparedWith = launches;
        }
        return this;
    }

    @Override
    public Dataset set() {
        return set;
    }

    @Override
    public void close() {
        Release release = forget();
        resident.forEach(buffer -> release.then(() -> device.release(buffer)));
        slots.forEach(one -> release.then(one::close));
        release.end();
    }
}
