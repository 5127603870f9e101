package org.quern.backend.cuda;

import static jcuda.driver.CUjit_option.CU_JIT_ERROR_LOG_BUFFER;
import static jcuda.driver.CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES;
import static org.quern.QuernException.backend;
import static org.quern.QuernException.expect;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.driver.JITOptions;
import org.quern.backend.Executor;
import org.quern.backend.gpu.KernelSource;

/**
 * The kernels of one translation unit, as the driver takes them: as the jar's cubin for the device,
 * which is loaded in milliseconds, or else as its PTX, which the driver compiles.
 */
final class CudaModule {
    /** Says what the driver is given: {@code ptx}, {@code cubin}, or the better one if not set. */
    static final String VARIABLE = "QUERN_CUDA_IMAGE";

    private static final int LOG_BYTES = 8192;
    private static final long SLOW_NANOS = 300_000_000;

    private final CUmodule module;
    private final Map<String, CUfunction> functions = new HashMap<>();

    final Executor.KernelImage image; // cubin for an architecture, or PTX
    private final String refused;

    private CudaModule(CUmodule module, String image, String refused, long started) {
        this.module = module;
        this.image = new Executor.KernelImage(image, System.nanoTime() - started);
        this.refused = refused;
    }

    /** Loads a unit of the jar into the current context. */
    static CudaModule of(String unit, int capability) {
        String wanted = System.getenv().getOrDefault(VARIABLE, "");
        String message = "%s is \"%s\": set it to ptx or cubin, or unset it";
        expect(List.of("", "ptx", "cubin").contains(wanted), message, VARIABLE, wanted);
        long started = System.nanoTime();
        String refused = null;
        for (String architecture : wanted.equals("ptx") ? List.<String>of() : fitting(capability)) {
            byte[] cubin = KernelSource.file("cubin/%s-%s.cubin".formatted(unit, architecture));
            if (cubin == null) {
                continue;
            }
            CUmodule module = new CUmodule();
            int code = load(module, cubin, new JITOptions());
            if (code == CUresult.CUDA_SUCCESS) {
                return new CudaModule(module, "cubin for " + architecture, null, started);
            }
            if (!isRefusal(code)) {
                throw CudaErrors.failure(code, "cuModuleLoadData");
            }
            String problem = "the driver refuses the cubin for %s: %s";
            refused = problem.formatted(architecture, CudaErrors.name(code));
        }
        if (wanted.equals("cubin")) {
            String none = "the jar has none for compute capability %d.%d";
            throw backend(
                    "%s is cubin, and %s: unset it",
                    VARIABLE,
                    refused != null ? refused : none.formatted(capability / 10, capability % 10));
        }
        byte[] text = KernelSource.file("ptx/%s.ptx".formatted(unit));
        if (text == null) {
            throw new IllegalStateException("this jar has no PTX of " + unit);
        }
        return compile(unit, Arrays.copyOf(text, text.length + 1), refused, started);
    }

    private static int load(CUmodule module, byte[] image, JITOptions options) {
        return JCudaDriver.cuModuleLoadDataJIT(module, Pointer.to(image), options);
    }

    /**
     * The architectures whose cubins a device runs, the best first: its own, that with the features
     * of no other device (a), then those of the same major number and a lower minor one.
     */
    static List<String> fitting(int capability) {
        List<String> all = new ArrayList<>(List.of("sm_" + capability + "a"));
        for (int lower = capability; lower >= capability / 10 * 10; lower--) {
            all.add("sm_" + lower);
        }
        return all;
    }

    /**
     * Whether a code says that an image is for another device or driver: a cubin that a later
     * toolkit made is invalid, or of an unsupported version, to a driver that is older.
     */
    private static boolean isRefusal(int code) {
        return switch (code) {
            case CUresult.CUDA_ERROR_INVALID_IMAGE,
                    CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
                    CUresult.CUDA_ERROR_INVALID_PTX,
                    CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
                    CUresult.CUDA_ERROR_INVALID_SOURCE ->
                    true;
            default -> false;
        };
    }

    private static CudaModule compile(String unit, byte[] ptx, String refused, long started) {
        byte[] log = new byte[LOG_BYTES];
        JITOptions options = new JITOptions();
        options.putBytes(CU_JIT_ERROR_LOG_BUFFER, log);
        options.putInt(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, LOG_BYTES);
        CUmodule module = new CUmodule();
        int code = load(module, ptx, options);
        if (CudaErrors.isSticky(code) || code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw CudaErrors.failure(code, "cuModuleLoadData");
        }
        if (code != CUresult.CUDA_SUCCESS) {
            throw backend(
                    "the NVIDIA driver does not take the kernels: %s%s: update the driver%s",
                    CudaErrors.name(code),
                    reason(options, log),
                    unit.equals(CudaDevice.KERNELS) ? ", or use --backend opencl" : "");
        }
        return new CudaModule(module, "PTX", refused, started);
    }

    private static String reason(JITOptions options, byte[] log) {
        byte[] text = options.getBytes(CU_JIT_ERROR_LOG_BUFFER);
        return new String(text != null ? text : log, StandardCharsets.UTF_8)
                .split("\0", 2)[0]
                .lines()
                .filter(line -> !line.isBlank())
                .findFirst()
                .map(line -> " (" + line.strip() + ")")
                .orElse("");
    }

    /** A function whose address can be read, which JCuda shows to subclasses alone. */
    static final class Function extends CUfunction {
        long address() {
            return getNativePointer();
        }
    }

    /** A kernel by its entry's name; for trainings side by side, from any thread. */
    synchronized CUfunction function(String entry) {
        return functions.computeIfAbsent(
                entry,
                name -> {
                    CUfunction function = new Function();
                    CudaErrors.check(
                            JCudaDriver.cuModuleGetFunction(function, module, name),
                            "cuModuleGetFunction of " + name);
                    return function;
                });
    }

    /** What a user should know who had to wait for it; null for nothing. */
    String notice() {
        String reason = refused == null ? "" : " (" + refused + ")";
        return image.nanos() < SLOW_NANOS
                ? null
                : "the driver took %.1f s to compile the kernels; it keeps them for the next start%s"
                        .formatted(image.nanos() * 1e-9, reason);
    }
}
