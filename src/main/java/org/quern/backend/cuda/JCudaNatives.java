package org.quern.backend.cuda;

import static org.quern.QuernException.absent;
import static org.quern.QuernException.backend;

import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import org.quern.QuernException;
import org.quern.backend.nativelib.NativeLibraries;

/**
 * Loads JCuda's bindings from the private folder of {@link NativeLibraries}. JCuda itself would
 * unpack them to java.io.tmpdir under a fixed name and take whatever file it finds there; so for as
 * long as its classes initialise, java.io.tmpdir is the private folder, with the right file in it.
 */
final class JCudaNatives {
    /** Names the driver's library where it is not among the system's. */
    private static final String DRIVER_VARIABLE = "QUERN_LIBCUDA";

    private static final String DRIVER =
            NativeLibraries.isWindows() ? "nvcuda.dll" : "libcuda.so.1";

    private static final String NO_DRIVER =
            DRIVER
                    + " was not found: install the NVIDIA driver (nvidia-smi must work), or set "
                    + DRIVER_VARIABLE
                    + " to it";

    private static final String VERSION = "12.6.0"; // JCuda's, in the names of its libraries

    private static final NativeLibraries NATIVES = new NativeLibraries(System.getenv());

    private static QuernException cublasProblem;
    private static boolean cublasLoaded;

    private JCudaNatives() {}

    /** As JCuda's classes look for a binding's library. */
    private static String file(String binding) {
        return binding + "-" + VERSION + "-" + NativeLibraries.platform();
    }

    static void loadDriver() {
        NativeLibraries.require(file("JCudaDriver"), "CUDA", "opencl or cpu");
        String given = NATIVES.variable(DRIVER_VARIABLE);
        if (given != null) {
            loadGiven(given);
        } else if (!NATIVES.isInSystem(DRIVER)) {
            throw absent(NO_DRIVER);
        }
        initialise(
                "JCudaDriver",
                "JCuda's driver binding",
                () -> JCudaDriver.setExceptionsEnabled(false),
                NO_DRIVER);
    }

    private static void loadGiven(String path) {
        Path library = Path.of(path).toAbsolutePath();
        if (!Files.isRegularFile(library)) {
            throw backend(
                    "%s is %s, which is not a file: set it to the driver's %s, or unset it",
                    DRIVER_VARIABLE, path, DRIVER);
        }
        try {
            System.load(library.toString());
        } catch (UnsatisfiedLinkError e) {
            throw backend(
                    "%s is %s, which cannot be loaded (%s)",
                    DRIVER_VARIABLE, path, NativeLibraries.reason(e));
        }
    }

    /** Once, after libcublas.so.12; the first reason for failing is kept. */
    static synchronized void loadCublas() {
        if (!cublasLoaded && cublasProblem == null) {
            try {
                initialise(
                        "JCublas2",
                        "JCuda's cuBLAS binding",
                        () -> JCublas2.setExceptionsEnabled(false),
                        "cuBLAS 12 was not found");
                cublasLoaded = true;
            } catch (QuernException e) {
                cublasProblem = e;
            }
        }
        if (cublasProblem != null) {
            throw cublasProblem;
        }
    }

    private static void initialise(String binding, String what, Runnable touch, String missing) {
        Path unpacked = NATIVES.unpack(file(binding), what);
        String property = "java.io.tmpdir";
        String before = System.getProperty(property);
        System.setProperty(property, unpacked.getParent().toString());
        try {
            touch.run();
        } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
            String why = String.valueOf(e.getMessage());
            boolean other = // what it is linked to; as the loaders of Linux and of Windows say it
                    why.contains("cannot open shared object file")
                            || why.contains("dependent libraries");
            throw other ? absent(missing) : NativeLibraries.refused(unpacked, e);
        } finally {
            System.setProperty(property, before);
        }
    }

    /** Loads what stands in for the libcublas.so.12 that JCuda's binding wants. */
    static void loadCublasBridge() {
        NATIVES.load("quern-cublas", "the bridge to other versions of cuBLAS");
    }

    /** Opens a cuBLAS behind that; the reason if that fails, else null. */
    static native String openCublas(String path);
}
