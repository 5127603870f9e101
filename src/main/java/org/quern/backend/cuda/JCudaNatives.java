package org.quern.backend.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import org.quern.backend.nativelib.NativeLibraries;
import org.quern.backend.nativelib.NativeLibraries.UnavailableException;
import org.quern.backend.nativelib.SystemLibraries;

/**
 * Loads JCuda's bindings from the private folder of {@link NativeLibraries}. JCuda itself would
 * unpack them to java.io.tmpdir under a fixed name and take whatever file it finds there; so for as
 * long as its classes initialise, java.io.tmpdir is the private folder, with the right file in it.
 */
final class JCudaNatives {
    /** Names the driver's library where it is not among the system's. */
    static final String DRIVER_VARIABLE = "QUERN_LIBCUDA";

    private static final String DRIVER = "libJCudaDriver-12.6.0-linux-x86_64.so";
    private static final String CUBLAS = "libJCublas2-12.6.0-linux-x86_64.so";

    private static final String NO_DRIVER =
            "libcuda.so.1 was not found: install the NVIDIA driver (nvidia-smi must work), or set "
                    + DRIVER_VARIABLE
                    + " to it";

    private static UnavailableException driverProblem;
    private static boolean driverLoaded;
    private static UnavailableException cublasProblem;
    private static boolean cublasLoaded;
    private static boolean bridgeLoaded;

    private JCudaNatives() {}

    /** Loads the driver and JCuda's binding to it, once; the first reason for failing is kept. */
    static synchronized void loadDriver(Map<String, String> environment)
            throws UnavailableException {
        if (driverProblem != null) {
            throw driverProblem;
        }
        if (!driverLoaded) {
            try {
                String given = environment.get(DRIVER_VARIABLE);
                if (given != null && !given.isBlank()) {
                    loadGiven(given);
                } else if (!SystemLibraries.has("libcuda.so.1", environment)) {
                    throw new UnavailableException(NO_DRIVER, null);
                }
                initialise(
                        environment,
                        DRIVER,
                        "JCuda's driver binding",
                        () -> JCudaDriver.setExceptionsEnabled(false),
                        NO_DRIVER);
                driverLoaded = true;
            } catch (UnavailableException e) {
                driverProblem = e;
                throw e;
            }
        }
    }

    /** Loads JCuda's binding to cuBLAS, once; libcublas.so.12 must have been loaded before. */
    static synchronized void loadCublas(Map<String, String> environment)
            throws UnavailableException {
        if (cublasProblem != null) {
            throw cublasProblem;
        }
        if (!cublasLoaded) {
            try {
                initialise(
                        environment,
                        CUBLAS,
                        "JCuda's cuBLAS binding",
                        () -> JCublas2.setExceptionsEnabled(false),
                        "libcublas.so.12 was not found");
                cublasLoaded = true;
            } catch (UnavailableException e) {
                cublasProblem = e;
                throw e;
            }
        }
    }

    /** Loads what JCuda has no binding to: the C that is linked to no library of CUDA's, once. */
    static synchronized void loadBridge(Map<String, String> environment)
            throws UnavailableException {
        if (!bridgeLoaded) {
            String file = "libquern-cuda.so";
            NativeLibraries.load(
                    new NativeLibraries(environment)
                            .unpackResource(
                                    "/native/" + NativeLibraries.platform() + "/" + file,
                                    file,
                                    "the way to cublasLt and the driver"));
            bridgeLoaded = true;
        }
    }

    private static void loadGiven(String path) throws UnavailableException {
        Path library = Path.of(path).toAbsolutePath();
        if (!Files.isRegularFile(library)) {
            throw new UnavailableException(
                    "%s is %s, which is not a file: set it to the driver's libcuda.so.1, or unset it"
                            .formatted(DRIVER_VARIABLE, path),
                    null);
        }
        try {
            System.load(library.toString());
        } catch (UnsatisfiedLinkError e) {
            throw new UnavailableException(
                    "%s is %s, which cannot be loaded (%s)"
                            .formatted(DRIVER_VARIABLE, path, NativeLibraries.reason(e)),
                    e);
        }
    }

    private static void initialise(
            Map<String, String> environment,
            String file,
            String what,
            Runnable touch,
            String missing)
            throws UnavailableException {
        if (!NativeLibraries.platform().equals("linux-x86_64")) {
            throw new UnavailableException(
                    "CUDA is supported on x86-64 Linux only, and this is "
                            + NativeLibraries.platform()
                            + ": use --backend opencl or cpu",
                    null);
        }
        Path unpacked = new NativeLibraries(environment).unpackResource("/lib/" + file, file, what);
        String property = "java.io.tmpdir";
        String before = System.getProperty(property);
        System.setProperty(property, unpacked.getParent().toString());
        try {
            touch.run();
        } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
            String reason = String.valueOf(e.getMessage());
            throw reason.contains("cannot open shared object file")
                    ? new UnavailableException(missing, e)
                    : NativeLibraries.refused(unpacked, e);
        } finally {
            System.setProperty(property, before);
        }
    }
}
