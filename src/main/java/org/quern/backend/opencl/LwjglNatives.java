package org.quern.backend.opencl;

import java.nio.file.Path;
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
            throw notFound(null);
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
                    : notFound(e);
        }
    }

    private static UnavailableException notFound(Throwable cause) {
        return new UnavailableException(
                LOADER
                        + " was not found: install an OpenCL driver (Debian: pocl-opencl-icd, or"
                        + " your GPU's), or set "
                        + LOADER_VARIABLE
                        + " to it",
                cause);
    }
}
