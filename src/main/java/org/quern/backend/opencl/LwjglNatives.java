package org.quern.backend.opencl;

import java.util.Map;
import org.lwjgl.opencl.CL;
import org.lwjgl.system.Configuration;
import org.quern.backend.nativelib.NativeLibraries;

/** Placeholder until the loader lands. */
final class LwjglNatives {
    private LwjglNatives() {}

    static void load(Map<String, String> environment) throws NativeLibraries.UnavailableException {
        Configuration.OPENCL_LIBRARY_NAME.set("libOpenCL.so.1");
        CL.getICD();
    }
}
