package org.quern.backend.cuda;

import org.quern.backend.gpu.Device;
import org.quern.backend.gpu.FusedEngine;
import org.quern.backend.gpu.GpuBackend;
import org.quern.plan.Plan;

/** The kernels on an NVIDIA GPU, through the driver alone; cuBLAS where it is found and faster. */
public class CudaBackend extends GpuBackend<CudaHardware> {
    /** Loads nothing. */
    public CudaBackend() {
        super("cuda", "CUDA", 300, "use --backend opencl");
    }

    @Override
    protected Found<CudaHardware> found() {
        return CudaHardware.FOUND;
    }

    @Override
    protected String detail(CudaHardware device) {
        int version = CudaHardware.driver();
        return "%s, driver for CUDA %d.%d, %s"
                .formatted(
                        device.description(), version / 1000, version % 1000 / 10, Cublas.found());
    }

    /** Leaves cuBLAS aside, which is as quick to open with the network as before it. */
    @Override
    public void prepare(Options options) {
        new CudaDevice(hardware(options), Options.DEFAULT.with(Gemm.OWN)).close();
    }

    @Override
    public SideBySide sideBySide(Plan plan, boolean pixels, Options options) {
        CudaHardware hardware = hardware(options);
        hardware.enter();
        return FusedEngine.sideBySide(
                plan,
                CudaTeams.of(hardware),
                pixels,
                options,
                (team, bytes) -> CudaTeams.room(hardware, team, bytes));
    }

    @Override
    protected Device open(CudaHardware hardware, Options options) {
        return new CudaDevice(hardware, options);
    }
}
