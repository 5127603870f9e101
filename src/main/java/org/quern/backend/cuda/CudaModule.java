package org.quern.backend.cuda;

import static jcuda.driver.CUjit_option.CU_JIT_ERROR_LOG_BUFFER;
import static jcuda.driver.CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadDataJIT;
import static jcuda.driver.JCudaDriver.cuModuleUnload;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JITOptions;
import org.quern.QuernException;

/** The kernels from the jar's PTX, compiled by the driver for its device. */
final class CudaModule implements AutoCloseable {
    /** The unit of all kernels that any device can run. */
    static final String MAIN = "quern";

    private static final String RESOURCE = "/kernels/ptx/%s.ptx";
    private static final int LOG_BYTES = 8192;

    private final CUmodule module = new CUmodule();
    private final Map<String, CUfunction> functions = new HashMap<>();
    private final long nanos;

    /** Loads a unit of the kernels into the current context. */
    CudaModule(String unit) {
        this(ptx(unit));
    }

    /** Loads other PTX; zero-terminated. */
    CudaModule(byte[] ptx) {
        byte[] log = new byte[LOG_BYTES];
        JITOptions options = new JITOptions();
        options.putBytes(CU_JIT_ERROR_LOG_BUFFER, log);
        options.putInt(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, LOG_BYTES);
        long started = System.nanoTime();
        int code = cuModuleLoadDataJIT(module, Pointer.to(ptx), options);
        nanos = System.nanoTime() - started;
        if (code != CUresult.CUDA_SUCCESS) {
            throw new QuernException(
                    QuernException.Kind.BACKEND,
                    "the NVIDIA driver does not take the kernels: %s%s: update the driver, or use --backend opencl"
                            .formatted(CudaErrors.name(code), reason(options, log)));
        }
    }

    private static String reason(JITOptions options, byte[] log) {
        byte[] text = options.getBytes(CU_JIT_ERROR_LOG_BUFFER);
        byte[] source = text != null ? text : log;
        int length = 0;
        while (length < source.length && source[length] != 0) {
            length++;
        }
        return new String(source, 0, length, java.nio.charset.StandardCharsets.UTF_8)
                .lines()
                .filter(line -> !line.isBlank())
                .findFirst()
                .map(line -> " (" + line.strip() + ")")
                .orElse("");
    }

    /** The jar's PTX of a unit with a zero at its end, as the driver wants it. */
    static byte[] ptx(String unit) {
        String resource = RESOURCE.formatted(unit);
        try (InputStream in = CudaModule.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("this jar has no " + resource);
            }
            byte[] text = in.readAllBytes();
            return Arrays.copyOf(text, text.length + 1);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** A kernel by its entry's name. */
    CUfunction function(String entry) {
        return functions.computeIfAbsent(
                entry,
                name -> {
                    CUfunction function = new CUfunction();
                    CudaErrors.check(
                            cuModuleGetFunction(function, module, name),
                            "cuModuleGetFunction of " + name);
                    return function;
                });
    }

    /** What the driver took to load and compile it. */
    long nanos() {
        return nanos;
    }

    @Override
    public void close() {
        CudaErrors.check(cuModuleUnload(module), "cuModuleUnload");
    }
}
