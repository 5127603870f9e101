package org.quern.backend.opencl;

import static org.quern.QuernException.absent;
import static org.quern.QuernException.backend;

import java.nio.file.Path;
import java.util.List;
import org.lwjgl.opencl.CL;
import org.lwjgl.system.Configuration;
import org.lwjgl.system.MemoryUtil;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * Loads LWJGL's binding from the private folder of {@link NativeLibraries}, and OpenCL's loader by
 * the name that drivers install: LWJGL asks for libOpenCL.so, which only development packages have.
 */
final class LwjglNatives {
    /** Names OpenCL's loader where it is not among the system's libraries. */
    private static final String LOADER_VARIABLE = "QUERN_LIBOPENCL";

    private static final String LOADER =
            NativeLibraries.isWindows() ? "OpenCL.dll" : "libOpenCL.so.1";

    static final String INSTALL =
            "install an OpenCL driver (Debian: pocl-opencl-icd, or your GPU's)";

    /**
     * All of OpenCL's functions that are called. A loader may lack some, being of OpenCL 1.1 for
     * instance, and a call of one that is not there ends the process.
     */
    static final List<String> FUNCTIONS =
            List.of(
                    """
                    clBuildProgram clCreateBuffer clCreateCommandQueue clCreateContext
                    clCreateKernel clCreateProgramWithBinary clCreateProgramWithSource
                    clEnqueueBarrierWithWaitList clEnqueueCopyBuffer clEnqueueFillBuffer
                    clEnqueueMapBuffer clEnqueueMarkerWithWaitList clEnqueueNDRangeKernel
                    clEnqueueReadBuffer clEnqueueUnmapMemObject clEnqueueWriteBuffer
                    clFinish clFlush clGetDeviceIDs clGetDeviceInfo
                    clGetPlatformIDs clGetPlatformInfo clGetProgramBuildInfo clGetProgramInfo
                    clReleaseCommandQueue clReleaseContext clReleaseEvent clReleaseKernel
                    clReleaseMemObject clReleaseProgram clSetKernelArg clWaitForEvents
                    """
                            .split("\\s+"));

    private static final NativeLibraries NATIVES = new NativeLibraries(System.getenv());
    private static boolean loaded;

    private LwjglNatives() {}

    static String loader() {
        NativeLibraries.require("lwjgl", "OpenCL", "cpu");
        String given = NATIVES.variable(LOADER_VARIABLE);
        if (given == null && !NATIVES.isInSystem(LOADER)) {
            throw absent("%s was not found: %s, or set %s to it", LOADER, INSTALL, LOADER_VARIABLE);
        }
        return given != null ? given : LOADER;
    }

    static synchronized void load() {
        if (loaded) {
            return;
        }
        String loader = loader();
        boolean isGiven = NATIVES.variable(LOADER_VARIABLE) != null;
        if (Runtime.version().feature() >= 25) {
            // its default is memory access by sun.misc.Unsafe, of which newer JDKs complain
            Configuration.MEMORY_BACKEND.set("ffm");
        }
        Path unpacked = NATIVES.unpack("lwjgl", "LWJGL's binding");
        // an absolute name: LWJGL neither searches nor unpacks
        Configuration.LIBRARY_NAME.set(unpacked.toString());
        try {
            MemoryUtil.getAllocator();
        } catch (LinkageError e) {
            throw NativeLibraries.refused(unpacked, e);
        }
        if (isGiven || Configuration.OPENCL_LIBRARY_NAME.get() == null) {
            Configuration.OPENCL_LIBRARY_NAME.set(loader);
        }
        try {
            CL.getICD();
        } catch (LinkageError e) {
            throw isGiven
                    ? backend(
                            "%s is %s, which cannot be loaded: set it to %s, or unset it",
                            LOADER_VARIABLE, loader, LOADER)
                    : backend(
                            "%s cannot be loaded (%s): %s",
                            LOADER, NativeLibraries.reason(e), INSTALL);
        }
        List<String> missing =
                FUNCTIONS.stream()
                        .filter(name -> CL.getFunctionProvider().getFunctionAddress(name) == 0)
                        .toList();
        if (!missing.isEmpty()) {
            int others = missing.size() - 1;
            throw backend(
                    "%s lacks %s%s: it is damaged or older than OpenCL 1.2: %s",
                    loader,
                    missing.get(0),
                    others == 0 ? "" : " and %d other functions".formatted(others),
                    INSTALL);
        }
        loaded = true;
    }
}
