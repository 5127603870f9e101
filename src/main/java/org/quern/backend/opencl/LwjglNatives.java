package org.quern.backend.opencl;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.lwjgl.opencl.CL;
import org.lwjgl.system.Configuration;
import org.lwjgl.system.MemoryUtil;
import org.quern.backend.nativelib.NativeLibraries;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;
import org.quern.backend.nativelib.SystemLibraries;

/**
 * Loads LWJGL's binding from the private folder of {@link NativeLibraries}, and OpenCL's loader by
 * the name that drivers install: LWJGL asks for libOpenCL.so, which only development packages have.
 */
final class LwjglNatives {
    /** Names OpenCL's loader where it is not among the system's libraries. */
    static final String LOADER_VARIABLE = "QUERN_LIBOPENCL";

    private static final String LOADER = "libOpenCL.so.1";

    /** How to come by one. */
    static final String INSTALL =
            "install an OpenCL driver (Debian: pocl-opencl-icd, or your GPU's)";

    /**
     * All of OpenCL's functions that are called. A loader may lack some, being of OpenCL 1.1 for
     * instance, and a call of one that is not there ends the process.
     */
    static final List<String> FUNCTIONS =
            List.of(
                    "clBuildProgram",
                    "clCreateBuffer",
                    "clCreateCommandQueue",
                    "clCreateContext",
                    "clCreateKernel",
                    "clCreateProgramWithBinary",
                    "clCreateProgramWithSource",
                    "clEnqueueBarrierWithWaitList",
                    "clEnqueueCopyBuffer",
                    "clEnqueueFillBuffer",
                    "clEnqueueMapBuffer",
                    "clEnqueueMarkerWithWaitList",
                    "clEnqueueNDRangeKernel",
                    "clEnqueueReadBuffer",
                    "clEnqueueUnmapMemObject",
                    "clEnqueueWriteBuffer",
                    "clFinish",
                    "clFlush",
                    "clGetDeviceIDs",
                    "clGetDeviceInfo",
                    "clGetPlatformIDs",
                    "clGetPlatformInfo",
                    "clGetProgramBuildInfo",
                    "clGetProgramInfo",
                    "clReleaseCommandQueue",
                    "clReleaseContext",
                    "clReleaseEvent",
                    "clReleaseKernel",
                    "clReleaseMemObject",
                    "clReleaseProgram",
                    "clSetKernelArg",
                    "clWaitForEvents");

    private LwjglNatives() {}

    /**
     * Loads both.
     *
     * @throws UnavailableException if one cannot be
     */
    static void load(Map<String, String> environment) throws UnavailableException {
        if (!NativeLibraries.platform().equals("linux-x86_64")) {
            throw new UnavailableException(
                    "OpenCL is supported on x86-64 Linux only, and this is "
                            + NativeLibraries.platform()
                            + ": use --backend cpu",
                    null);
        }
        String given = environment.get(LOADER_VARIABLE);
        boolean isGiven = given != null && !given.isBlank();
        if (!isGiven && !SystemLibraries.has(LOADER, environment)) {
            throw notFound();
        }
        if (Runtime.version().feature() >= 25) {
            // its default is memory access by sun.misc.Unsafe, of which newer JDKs complain
            Configuration.MEMORY_BACKEND.set("ffm");
        }
        Path unpacked =
                new NativeLibraries(environment)
                        .unpackResource(
                                "/linux/x64/org/lwjgl/liblwjgl.so",
                                "liblwjgl.so",
                                "LWJGL's binding");
        // an absolute name: LWJGL neither searches nor unpacks
        Configuration.LIBRARY_NAME.set(unpacked.toString());
        try {
            MemoryUtil.getAllocator();
        } catch (LinkageError e) {
            throw new UnavailableException(
                    "%s cannot be loaded (%s): if its folder is mounted noexec, set %s to another one"
                            .formatted(
                                    unpacked,
                                    NativeLibraries.reason(e),
                                    NativeLibraries.FOLDER_VARIABLE),
                    e);
        }
        if (isGiven || Configuration.OPENCL_LIBRARY_NAME.get() == null) {
            Configuration.OPENCL_LIBRARY_NAME.set(isGiven ? given : LOADER);
        }
        try {
            CL.getICD();
        } catch (LinkageError e) {
            throw isGiven
                    ? new UnavailableException(
                            "%s is %s, which cannot be loaded: set it to libOpenCL.so.1, or unset it"
                                    .formatted(LOADER_VARIABLE, given),
                            e)
                    : new UnavailableException(
                            "%s cannot be loaded (%s): %s"
                                    .formatted(LOADER, NativeLibraries.reason(e), INSTALL),
                            e);
        }
        List<String> missing =
                FUNCTIONS.stream()
                        .filter(name -> CL.getFunctionProvider().getFunctionAddress(name) == 0)
                        .toList();
        if (!missing.isEmpty()) {
            throw new UnavailableException(
                    "%s lacks %s%s: it is damaged or older than OpenCL 1.2: %s"
                            .formatted(
                                    isGiven ? given : LOADER,
                                    missing.get(0),
                                    missing.size() == 1
                                            ? ""
                                            : " and %d other functions"
                                                    .formatted(missing.size() - 1),
                                    INSTALL),
                    null);
        }
    }

    private static UnavailableException notFound() {
        return new UnavailableException(
                "%s was not found: %s, or set %s to it".formatted(LOADER, INSTALL, LOADER_VARIABLE),
                null);
    }
}
