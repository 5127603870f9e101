package org.quern.backend.opencl;

import static org.quern.QuernException.backend;

import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Limits;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.DeviceLimits;
import org.quern.backend.gpu.KernelExecutor;
import org.quern.backend.gpu.Tiling;
import org.quern.plan.Plan;

/** The kernels as OpenCL C 1.2 on any device of any platform. */
public final class OpenclBackend implements Backend {
    @Override
    public String name() {
        return "opencl";
    }

    @Override
    public int priority() {
        return 200;
    }

    @Override
    public Availability availability() {
        return availability(null);
    }

    @Override
    public int devices() {
        return Math.max(1, OpenclDevices.found().all().size());
    }

    @Override
    public Availability availability(String wanted) {
        OpenclDevices found = OpenclDevices.found();
        if (found.problem() != null) {
            return new Availability(false, found.problem());
        }
        OpenclHardware device = OpenclHardware.choose(found.all(), wanted);
        if (device.lacks() != null) {
            String cure = wanted == null ? "" : ": use another --device";
            return new Availability(false, device.name() + " " + device.lacks() + cure);
        }
        String others = wanted != null || found.isPlain() ? "" : "; devices: " + found.listed();
        return new Availability(true, device.isGpu(), device.description() + others);
    }

    @Override
    public void prepare(Options options) {
        OpenclContext.prepare(hardware(options));
    }

    @Override
    public KernelExecutor open(Plan plan, Options options) {
        Device device = device(options);
        return new KernelExecutor(device, plan, Tiling.forUnits(device.computeUnits()), options);
    }

    @Override
    public Optional<Limits> limits(Options options) {
        return Optional.of(new DeviceLimits(device(options)));
    }

    /** The device that the options name. */
    public Device device(Options options) {
        return new OpenclDevice(hardware(options), options.deviceMemory());
    }

    private OpenclHardware hardware(Options options) {
        options.checkNoCublas(name());
        OpenclDevices found = OpenclDevices.found();
        if (found.problem() != null) {
            throw backend("backend opencl cannot run: %s", found.problem());
        }
        OpenclHardware hardware = OpenclHardware.choose(found.all(), options.device());
        if (hardware.lacks() != null) {
            throw backend("%s %s: use another --device", hardware.name(), hardware.lacks());
        }
        return hardware;
    }
}
