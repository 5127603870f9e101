package org.quern.backend.cuda;

import static org.quern.QuernException.backend;

import java.util.Optional;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.backend.Limits;
import org.quern.backend.kernel.Device;
import org.quern.backend.kernel.DeviceLimits;
import org.quern.backend.kernel.FusedEngine;
import org.quern.backend.kernel.KernelExecutor;
import org.quern.backend.kernel.Tiling;
import org.quern.plan.Plan;

/** The kernels on an NVIDIA GPU, through the driver alone; cuBLAS where it is found and faster. */
public final class CudaBackend implements Backend {
    private final Epilogues epilogues;

    /** Takes products with epilogues where they measure faster. */
    public CudaBackend() {
        this(Epilogues.MEASURED);
    }

    /** Takes products with epilogues as told. */
    public CudaBackend(Epilogues epilogues) {
        this.epilogues = epilogues;
    }

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public int priority() {
        return 300;
    }

    @Override
    public Availability availability() {
        return availability(null);
    }

    @Override
    public Availability availability(String wanted) {
        CudaDriver driver = CudaDriver.instance();
        if (driver.problem() != null) {
            return new Availability(false, driver.problem());
        }
        CudaHardware device = CudaHardware.choose(driver.devices(), wanted);
        if (device.lacks() != null) {
            return new Availability(false, device.lacks());
        }
        String others =
                wanted == null && driver.devices().size() > 1
                        ? "; devices: " + CudaHardware.listed(driver.devices())
                        : "";
        String detail =
                "%s, driver for CUDA %d.%d, %s%s"
                        .formatted(
                                device.description(),
                                driver.version() / 1000,
                                driver.version() % 1000 / 10,
                                Cublas.found(System.getenv()),
                                others);
        return new Availability(true, !device.isSimulated(), detail);
    }

    @Override
    public int devices() {
        return Math.max(1, CudaDriver.instance().devices().size());
    }

    /** Makes the device's context, with the kernels in it: most of what a start takes. */
    @Override
    public void prepare(Options options) {
        CudaDriver driver = CudaDriver.instance();
        if (driver.problem() != null) {
            return;
        }
        try {
            CudaHardware hardware = CudaHardware.choose(driver.devices(), options.device());
            if (hardware.lacks() == null) {
                CudaContext context = CudaContext.of(hardware);
                context.enter();
                context.module(CudaDevice.KERNELS);
            }
        } catch (QuernException e) {
            return; // open comes to the same and tells it
        }
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

    @Override
    public int sideBySide(Plan plan, Options options) {
        CudaHardware hardware = hardware(options);
        CudaContext context = CudaContext.of(hardware);
        context.enter();
        return FusedEngine.sideBySide(
                plan,
                CudaTeams.of(hardware),
                hardware.units(),
                options,
                (team, bytes) -> CudaTeams.room(context, hardware, team, bytes));
    }

    /** The device that the options name. */
    public Device device(Options options) {
        CudaHardware hardware = hardware(options);
        return new CudaDevice(hardware, CudaDriver.instance().version(), options, epilogues);
    }

    private static CudaHardware hardware(Options options) {
        CudaDriver driver = CudaDriver.instance();
        if (driver.problem() != null) {
            throw backend("backend cuda cannot run: %s", driver.problem());
        }
        CudaHardware hardware = CudaHardware.choose(driver.devices(), options.device());
        if (hardware.lacks() != null) {
            throw backend("%s", hardware.lacks());
        }
        return hardware;
    }
}
