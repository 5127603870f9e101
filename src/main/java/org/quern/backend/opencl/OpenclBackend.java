package org.quern.backend.opencl;

import static org.quern.QuernException.backend;

import java.util.List;
import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Limits;
import org.quern.backend.kernel.Device;
import org.quern.backend.kernel.DeviceLimits;
import org.quern.backend.kernel.KernelExecutor;
import org.quern.backend.kernel.Tiling;
import org.quern.backend.nativelib.NativeLibraries;
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
        return Math.max(1, Found.INSTANCE.devices.size());
    }

    @Override
    public Availability availability(String wanted) {
        Found found = Found.INSTANCE;
        if (found.problem != null) {
            return new Availability(false, found.problem);
        }
        OpenclHardware device = OpenclHardware.choose(found.devices, wanted);
        if (device.lacks() != null) {
            return new Availability(false, device.name() + " " + device.lacks());
        }
        String others =
                wanted == null && found.devices.size() > 1
                        ? "; devices: " + OpenclHardware.listed(found.devices)
                        : "";
        return new Availability(true, device.isGpu(), device.description() + others);
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
        options.checkNoCublas(name());
        Found found = Found.INSTANCE;
        if (found.problem != null) {
            throw backend("backend opencl cannot run: %s", found.problem);
        }
        OpenclHardware hardware = OpenclHardware.choose(found.devices, options.device());
        if (hardware.lacks() != null) {
            throw backend("%s %s: use another --device", hardware.name(), hardware.lacks());
        }
        return new OpenclDevice(hardware, options.deviceMemory());
    }

    /** The devices, looked for once. */
    private static final class Found {
        static final Found INSTANCE = new Found();

        final List<OpenclHardware> devices;
        final String problem;

        private Found() {
            List<OpenclHardware> all = List.of();
            String reason = null;
            try {
                LwjglNatives.load(System.getenv());
                all = OpenclHardware.all();
                if (all.isEmpty()) {
                    reason =
                            "no OpenCL device was found: install an OpenCL driver (Debian:"
                                    + " pocl-opencl-icd, or your GPU's)";
                }
            } catch (NativeLibraries.UnavailableException e) {
                reason = e.getMessage();
            }
            devices = all;
            problem = reason;
        }
    }
}
