package org.quern.backend.gpu;

import java.util.ArrayList;
import java.util.List;
import org.quern.backend.Limits;

/**
 * Copies by the device's own engine or kernel, whatever its driver takes. GPUs have no loop of
 * multiply-adds here: a large product, by cuBLAS where it is found, is what comes near their limit.
 */
public final class DeviceLimits implements Limits {
    private static final long LARGEST = 256L << 20;
    private static final int PART_OF_FREE = 8;

    private final Device device;
    private final long largest;
    private final List<Device.Buffer> buffers = new ArrayList<>(); // from the first to the second

    /** Takes over a device, which is closed with the limits. */
    public DeviceLimits(Device device) {
        this.device = device;
        largest = Math.min(LARGEST, device.free() / PART_OF_FREE / 4 * 4);
        try {
            buffers.add(device.allocate(largest, "what is copied"));
            buffers.add(device.allocate(largest, "a copy"));
            // no zeros: a GPU spends less power on them, and so runs faster than on real data
            device.fill(buffers.get(0), 0, largest / 4, Float.floatToRawIntBits(0.7f));
            device.finish();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    @Override
    public long largestCopy() {
        return largest;
    }

    @Override
    public void copy(long bytes, int times) {
        for (int i = 0; i < times; i++) {
            device.copy(buffers.get(0), buffers.get(1), Math.min(bytes, largest));
        }
        device.finish();
    }

    @Override
    public double multiplyAdd(int times) {
        return 0;
    }

    @Override
    public void close() {
        buffers.forEach(device::release);
        device.close();
    }
}
