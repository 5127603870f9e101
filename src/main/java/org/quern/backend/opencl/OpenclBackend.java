package org.quern.backend.opencl;

import java.util.List;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.GpuBackend;

/** The kernels as OpenCL C 1.2 on any device of any platform. */
public final class OpenclBackend extends GpuBackend<OpenclHardware> {
    /** Loads nothing. */
    public OpenclBackend() {
        super("opencl", "OpenCL", 200, "use another --device");
    }

    @Override
    protected String problem() {
        return OpenclDevices.found().problem();
    }

    @Override
    protected List<OpenclHardware> all() {
        return OpenclDevices.found().all();
    }

    @Override
    protected String others() {
        OpenclDevices found = OpenclDevices.found();
        return found.isPlain() ? "" : "; devices: " + found.listed();
    }

    @Override
    protected OpenclHardware hardware(Options options) {
        options.checkNoCublas(name());
        OpenclHardware hardware = super.hardware(options);
        LwjglNatives.load(); // may have been spared until now
        return hardware;
    }

    @Override
    public void prepare(Options options) {
        OpenclDevice.prepare(hardware(options));
    }

    @Override
    protected Device open(OpenclHardware hardware, Options options) {
        return OpenclDevice.of(hardware, options.deviceMemory());
    }
}
