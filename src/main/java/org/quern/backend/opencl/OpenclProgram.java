package org.quern.backend.opencl;

import static org.lwjgl.opencl.CL10.CL_PROGRAM_BINARIES;
import static org.lwjgl.opencl.CL10.CL_PROGRAM_BINARY_SIZES;
import static org.lwjgl.opencl.CL10.CL_PROGRAM_BUILD_LOG;
import static org.lwjgl.opencl.CL10.CL_SUCCESS;
import static org.lwjgl.opencl.CL10.clReleaseProgram;
import static org.lwjgl.opencl.CL10.nclBuildProgram;
import static org.lwjgl.opencl.CL10.nclCreateProgramWithBinary;
import static org.lwjgl.opencl.CL10.nclCreateProgramWithSource;
import static org.lwjgl.opencl.CL10.nclGetProgramBuildInfo;
import static org.lwjgl.opencl.CL10.nclGetProgramInfo;
import static org.lwjgl.system.MemoryUtil.memAddress;
import static org.lwjgl.system.MemoryUtil.memUTF8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
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

    /**
     * For one device.
     *
     * @param cache folder for compiled programs
     */
    OpenclProgram(OpenclHardware device, long context, String source, Path cache) {
        this.device = device;
        this.context = context;
        this.source = source;
        options =
                "-cl-std=CL1.2" + (device.exact() ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
        cached =
                cache.resolve(
                        sha256(
                                        String.join(
                                                "\n",
                                                source,
                                                options,
                                                device.name(),
                                                device.version(),
                                                device.driver()))
                                + ".bin");
    }

    /** Where the user's compiled programs are kept. */
    static Path cache() {
        return Caches.folder(System.getenv()).resolve("opencl");
    }

    /** The program's handle, from the cache if it is there and still fits. */
    long build() {
        long program = fromCache();
        if (program != 0) {
            return program;
        }
        program = fromSource();
        keep(program);
        return program;
    }

    private long fromCache() {
        byte[] binary;
        try {
            binary = Files.readAllBytes(cached);
        } catch (IOException e) {
            return 0; // not there yet, or not readable: compiled again
        }
        if (binary.length <= HASH_BYTES
                || !Arrays.equals(
                        Arrays.copyOf(binary, HASH_BYTES),
                        digest(Arrays.copyOfRange(binary, HASH_BYTES, binary.length)))) {
            return 0;
        }
        int length = binary.length - HASH_BYTES;
        ByteBuffer content = OpenclHardware.direct(length).put(binary, HASH_BYTES, length).flip();
        ByteBuffer devices = one(device.id());
        ByteBuffer lengths = one(length);
        ByteBuffer pointers = one(memAddress(content));
        ByteBuffer code = OpenclHardware.direct(4);
        ByteBuffer status = OpenclHardware.direct(4);
        long program =
                nclCreateProgramWithBinary(
                        context,
                        1,
                        memAddress(devices),
                        memAddress(lengths),
                        memAddress(pointers),
                        memAddress(status),
                        memAddress(code));
        if (code.getInt(0) != CL_SUCCESS || status.getInt(0) != CL_SUCCESS) {
            return 0;
        }
        if (build(program) != CL_SUCCESS) {
            clReleaseProgram(program);
            return 0;
        }
        return program;
    }

    private long fromSource() {
        byte[] bytes = source.getBytes(StandardCharsets.UTF_8);
        ByteBuffer text = OpenclHardware.direct(bytes.length).put(bytes).flip();
        ByteBuffer pointers = one(memAddress(text));
        ByteBuffer lengths = one(bytes.length);
        ByteBuffer code = OpenclHardware.direct(4);
        long program =
                nclCreateProgramWithSource(
                        context, 1, memAddress(pointers), memAddress(lengths), memAddress(code));
        OpenclErrors.check(code.getInt(0), "clCreateProgramWithSource");
        int result = build(program);
        if (result != CL_SUCCESS) {
            String log = log(program);
            clReleaseProgram(program);
            throw new QuernException(
                    QuernException.Kind.BACKEND,
                    "the kernels do not compile for %s: %s: %s"
                            .formatted(
                                    device.name(), OpenclErrors.name(result), firstProblem(log)));
        }
        return program;
    }

    private int build(long program) {
        byte[] bytes = (options + "\0").getBytes(StandardCharsets.US_ASCII);
        ByteBuffer text = OpenclHardware.direct(bytes.length).put(bytes).flip();
        ByteBuffer devices = one(device.id());
        return nclBuildProgram(program, 1, memAddress(devices), memAddress(text), 0, 0);
    }

    private String log(long program) {
        ByteBuffer size = OpenclHardware.direct(8);
        nclGetProgramBuildInfo(program, device.id(), CL_PROGRAM_BUILD_LOG, 0, 0, memAddress(size));
        ByteBuffer text = OpenclHardware.direct((int) size.getLong(0) + 1);
        nclGetProgramBuildInfo(
                program,
                device.id(),
                CL_PROGRAM_BUILD_LOG,
                text.capacity() - 1L,
                memAddress(text),
                0);
        return memUTF8(memAddress(text));
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
        ByteBuffer size = OpenclHardware.direct(8);
        int code = nclGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, 8, memAddress(size), 0);
        int length = (int) size.getLong(0);
        if (code != CL_SUCCESS || length == 0) {
            return;
        }
        ByteBuffer binary = OpenclHardware.direct(length);
        ByteBuffer pointers = one(memAddress(binary));
        if (nclGetProgramInfo(program, CL_PROGRAM_BINARIES, 8, memAddress(pointers), 0)
                != CL_SUCCESS) {
            return;
        }
        byte[] content = new byte[length];
        binary.get(content);
        try {
            Files.createDirectories(cached.getParent());
            Path part = Files.createTempFile(cached.getParent(), "program", ".part");
            try {
                Files.write(part, digest(content));
                Files.write(part, content, StandardOpenOption.APPEND);
                Files.move(part, cached, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(part);
            }
        } catch (IOException e) {
            return; // a cache that cannot be written costs a second at the next start, no more
        }
    }

    private static ByteBuffer one(long value) {
        return OpenclHardware.direct(8).putLong(0, value);
    }

    private static String sha256(String text) {
        return HexFormat.of().formatHex(digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static byte[] digest(byte[] content) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(content);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
