package org.quern.backend.opencl;

import static org.quern.backend.gpu.GpuDevice.direct;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import org.lwjgl.PointerBuffer;
import org.lwjgl.opencl.CL12;
import org.quern.QuernException;
import org.quern.files.Caches;

/**
 * The kernels, compiled for a device. What the compiler made is kept in the user's cache behind its
 * SHA-256: a driver that is handed a damaged program may take the whole process down.
 */
final class OpenclProgram {
    private static final int HASH_BYTES = 32;

    /** Programs that are kept: two for each of a few devices, of this version and the last. */
    private static final int MOST_KEPT = 16;

    private static final String LOG = "build.log";

    private final OpenclHardware device;
    private final long context;
    private final String source;
    private final String options;
    private final Path cached;
    private final IntBuffer code = direct(4).asIntBuffer();
    private final PointerBuffer pointer = PointerBuffer.allocateDirect(1);

    OpenclProgram(OpenclHardware device, long context, String source) {
        this.device = device;
        this.context = context;
        this.source = source;
        options =
                "-cl-std=CL1.2 -w" // PoCL tells of loops that it does not unroll on standard error
                        + (device.exact() ? " -cl-fp32-correctly-rounded-divide-sqrt" : "")
                        + (device.type().equals("CPU") ? " -D QUERN_CALLS" : "");
        String driver = device.versionText() + "\n" + device.driver();
        String key =
                String.join("\n", source, options, device.platformName(), device.name(), driver);
        String hash = HexFormat.of().formatHex(digest(key.getBytes(StandardCharsets.UTF_8)));
        cached = Caches.folder(System.getenv()).resolve("opencl").resolve(hash + ".bin");
    }

    /** The program's handle, from the cache if it is there and still fits. */
    long build() {
        long program = fromCache();
        if (program == 0) {
            program = fromSource();
            keep(program);
        }
        return program;
    }

    private long fromCache() {
        byte[] kept;
        try {
            kept = Files.readAllBytes(cached);
        } catch (IOException e) {
            return 0; // not there yet, or not readable: compiled again
        }
        byte[] made = Arrays.copyOfRange(kept, Math.min(HASH_BYTES, kept.length), kept.length);
        if (made.length == 0 || !Arrays.equals(Arrays.copyOf(kept, HASH_BYTES), digest(made))) {
            return 0;
        }
        ByteBuffer binary = direct(made.length).put(made).flip();
        IntBuffer status = direct(4).asIntBuffer();
        pointer.put(0, device.id());
        long program = CL12.clCreateProgramWithBinary(context, pointer, binary, status, code);
        if (code.get(0) != CL12.CL_SUCCESS || status.get(0) != CL12.CL_SUCCESS) {
            return 0;
        }
        if (compile(program) != CL12.CL_SUCCESS) {
            CL12.clReleaseProgram(program);
            return 0;
        }
        return program;
    }

    private long fromSource() {
        long program = CL12.clCreateProgramWithSource(context, source, code);
        OpenclErrors.check(code.get(0), "clCreateProgramWithSource");
        int result = compile(program);
        if (result != CL12.CL_SUCCESS) {
            String log = log(program);
            CL12.clReleaseProgram(program);
            throw QuernException.backend(
                    "the kernels do not compile for %s: %s: %s%s",
                    device.name(), OpenclErrors.name(result), firstProblem(log), whole(log));
        }
        return program;
    }

    private int compile(long program) {
        return CL12.clBuildProgram(program, device.id(), options, null, 0);
    }

    private String log(long program) {
        int what = CL12.CL_PROGRAM_BUILD_LOG;
        pointer.put(0, 0);
        CL12.clGetProgramBuildInfo(program, device.id(), what, (ByteBuffer) null, pointer);
        ByteBuffer text = direct((int) pointer.get(0));
        CL12.clGetProgramBuildInfo(program, device.id(), what, text, null);
        return StandardCharsets.UTF_8.decode(text).toString().split("\0", 2)[0];
    }

    /** Where the rest of a log is, if it has one and it can be kept. */
    private String whole(String log) {
        if (log.lines().filter(line -> !line.isBlank()).count() < 2) {
            return "";
        }
        Path file = cached.resolveSibling(LOG);
        boolean kept = Caches.keep(file, out -> out.write(log.getBytes(StandardCharsets.UTF_8)));
        return kept ? " (the compiler's whole log is " + file + ")" : "";
    }

    /** The log's first line that names an error, or else its first line. */
    static String firstProblem(String log) {
        return log.lines()
                .filter(line -> line.contains("error"))
                .findFirst()
                .or(() -> log.lines().filter(line -> !line.isBlank()).findFirst())
                .map(String::strip)
                .orElse("the compiler gives no reason");
    }

    /** Keeps the compiled program; where that cannot be, the next start compiles again. */
    private void keep(long program) {
        int what = CL12.CL_PROGRAM_BINARY_SIZES;
        int result = CL12.clGetProgramInfo(program, what, pointer, null);
        int length = (int) pointer.get(0);
        if (result != CL12.CL_SUCCESS || length == 0) {
            return;
        }
        ByteBuffer binary = direct(length);
        pointer.put(0, binary);
        what = CL12.CL_PROGRAM_BINARIES;
        if (CL12.clGetProgramInfo(program, what, pointer, null) == CL12.CL_SUCCESS) {
            byte[] content = new byte[length];
            binary.get(content);
            Caches.keep(
                    cached,
                    out -> {
                        out.write(digest(content));
                        out.write(content);
                    });
            Caches.prune(cached.getParent(), ".bin", MOST_KEPT);
        }
    }

    private static byte[] digest(byte[] content) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(content);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
