package org.quern.backend.cuda;

import java.nio.file.Path;
import java.util.Map;
import org.quern.backend.nativelib.NativeLibraries;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;

/**
 * Stands in for libcublas.so.12, which JCuda's binding wants, where only major 11 or 13 is there:
 * {@code native/cublas_bridge.c} forwards the calls that are used.
 */
final class CublasBridge {
    private static boolean loaded;

    private CublasBridge() {}

    /** Loads the bridge and, behind it, the library at a path. */
    static synchronized void load(Map<String, String> environment, Path library)
            throws UnavailableException {
        if (!loaded) {
            NativeLibraries natives = new NativeLibraries(environment);
            String resource = "/native/" + NativeLibraries.platform() + "/libquern-cublas.so";
            NativeLibraries.load(
                    natives.unpackResource(
                            resource,
                            "libquern-cublas.so",
                            "the bridge to other versions of cuBLAS"));
            loaded = true;
        }
        String problem = open(library.toString());
        if (problem != null) {
            throw new UnavailableException(
                    "%s cannot be used (%s): name another with --cublas, or use --gemm own"
                            .formatted(library, problem),
                    null);
        }
    }

    /** Opens the library behind the bridge; the reason if that fails, else null. */
    private static native String open(String path);
}
