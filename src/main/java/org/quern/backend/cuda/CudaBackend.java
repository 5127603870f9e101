package org.quern.backend.cuda;

import static org.quern.QuernException.backend;

import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Limits;
import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.DeviceLimits;
import org.quern.backend.gpu.FusedEngine;
import org.quern.backend.gpu.KernelExecutor;
import org.quern.backend.gpu.Tiling;
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

    /** Leaves cuBLAS aside, which is as quick to open with the network as before it. */
    @Override
    public void prepare(Options options) {
        CudaHardware hardware = hardware(options);
        Options own = Options.DEFAULT.with(Gemm.OWN);
        new CudaDevice(hardware, CudaDriver.instance().version(), own, epilogues).close();
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
