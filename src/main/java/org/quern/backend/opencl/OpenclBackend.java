package org.quern.backend.opencl;

import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.GpuBackend;

/** The kernels as OpenCL C 1.2 on any device of any platform. */
public final class OpenclBackend extends GpuBackend<OpenclHardware> {
    /** Loads nothing. */
    public OpenclBackend() {
        super("opencl", "OpenCL", 200, "use another --device");
    }

    @Override
    protected Found<OpenclHardware> found() {
        return OpenclDevices.FOUND;
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
