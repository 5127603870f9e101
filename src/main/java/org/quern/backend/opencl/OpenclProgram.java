package org.quern.backend.opencl;

import static org.lwjgl.system.MemoryUtil.memAddress;
import static org.quern.backend.gpu.GpuDevice.direct;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import org.lwjgl.opencl.CL12;
import org.quern.QuernException;
import org.quern.files.Caches;

/**
 * The kernels, compiled for a device. What the compiler made is kept in the user's cache behind its
 * SHA-256: a driver that is handed a damaged program may take the whole process down.
 */
final class OpenclProgram {
    private static final int HASH_BYTES = 32;

    private final OpenclHardware device;
    private final long context;
    private final String source;
    private final String options;
    private final Path cached;

    OpenclProgram(OpenclHardware device, long context, String source) {
        this.device = device;
        this.context = context;
        this.source = source;
        options =
                "-cl-std=CL1.2" + (device.exact() ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
        String driver = device.version() + "\n" + device.driver();
        String key = String.join("\n", source, options, device.name(), driver);
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
        byte[] binary;
        try {
            binary = Files.readAllBytes(cached);
        } catch (IOException e) {
            return 0; // not there yet, or not readable: compiled again
        }
        byte[] hash = Arrays.copyOf(binary, HASH_BYTES);
        byte[] made =
                Arrays.copyOfRange(binary, Math.min(HASH_BYTES, binary.length), binary.length);
        if (made.length == 0 || !Arrays.equals(hash, digest(made))) {
            return 0;
        }
        ByteBuffer content = direct(made.length).put(made).flip();
        ByteBuffer devices = one(device.id());
        ByteBuffer lengths = one(made.length);
        ByteBuffer pointers = one(memAddress(content));
        ByteBuffer code = direct(4);
        ByteBuffer status = direct(4);
        long program =
                CL12.nclCreateProgramWithBinary(
                        context,
                        1,
                        memAddress(devices),
                        memAddress(lengths),
                        memAddress(pointers),
                        memAddress(status),
                        memAddress(code));
        if (code.getInt(0) != CL12.CL_SUCCESS || status.getInt(0) != CL12.CL_SUCCESS) {
            return 0;
        }
        if (build(program) != CL12.CL_SUCCESS) {
            CL12.clReleaseProgram(program);
            return 0;
        }
        return program;
    }

    private long fromSource() {
        ByteBuffer text = bytes(source);
        ByteBuffer pointers = one(memAddress(text));
        ByteBuffer lengths = one(text.remaining());
        ByteBuffer code = direct(4);
        long program =
                CL12.nclCreateProgramWithSource(
                        context, 1, memAddress(pointers), memAddress(lengths), memAddress(code));
        OpenclErrors.check(code.getInt(0), "clCreateProgramWithSource");
        int result = build(program);
        if (result != CL12.CL_SUCCESS) {
            String log = log(program);
            CL12.clReleaseProgram(program);
            throw QuernException.backend(
                    "the kernels do not compile for %s: %s: %s",
                    device.name(), OpenclErrors.name(result), firstProblem(log));
        }
        return program;
    }

    private int build(long program) {
        ByteBuffer text = bytes(options + "\0");
        ByteBuffer devices = one(device.id());
        return CL12.nclBuildProgram(program, 1, memAddress(devices), memAddress(text), 0, 0);
    }

    private String log(long program) {
        int what = CL12.CL_PROGRAM_BUILD_LOG;
        ByteBuffer size = direct(8);
        CL12.nclGetProgramBuildInfo(program, device.id(), what, 0, 0, memAddress(size));
        ByteBuffer text = direct((int) size.getLong(0));
        CL12.nclGetProgramBuildInfo(
                program, device.id(), what, text.capacity(), memAddress(text), 0);
        return StandardCharsets.UTF_8.decode(text).toString().split("\0", 2)[0];
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
        ByteBuffer size = direct(8);
        int what = CL12.CL_PROGRAM_BINARY_SIZES;
        int code = CL12.nclGetProgramInfo(program, what, 8, memAddress(size), 0);
        int length = (int) size.getLong(0);
        if (code != CL12.CL_SUCCESS || length == 0) {
            return;
        }
        ByteBuffer binary = direct(length);
        ByteBuffer pointers = one(memAddress(binary));
        what = CL12.CL_PROGRAM_BINARIES;
        if (CL12.nclGetProgramInfo(program, what, 8, memAddress(pointers), 0) == CL12.CL_SUCCESS) {
            byte[] content = new byte[length];
            binary.get(content);
            Caches.keep(
                    cached,
                    out -> {
                        out.write(digest(content));
                        out.write(content);
                    });
        }
    }

    private static ByteBuffer one(long value) {
        return direct(8).putLong(0, value);
    }

    private static ByteBuffer bytes(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return direct(bytes.length).put(bytes).flip();
    }

    private static byte[] digest(byte[] content) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(content);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
