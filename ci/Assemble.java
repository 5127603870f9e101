import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompileResult;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;

/**
 * Assembles PTX with NVIDIA's compiler in JCuda's natives: {@code Assemble FILE.ptx ARCHITECTURE
 * FILE.cubin}. Run as a source file, JCuda and its natives on the class path. What CUDA 12 assembles,
 * drivers from 12.0 on load; what a newer toolkit does, only drivers of its major version.
 */
public final class Assemble {
    private Assemble() {}

    public static void main(String[] arguments) throws Exception {
        JNvPTXCompiler.setExceptionsEnabled(false);
        byte[] ptx = Files.readAllBytes(Path.of(arguments[0]));
        nvPTXCompilerHandle handle = new nvPTXCompilerHandle();
        check(JNvPTXCompiler.nvPTXCompilerCreate(handle, ptx.length, ptx), "PTX");
        String[] options = {"--gpu-name=" + arguments[1]};
        int result = JNvPTXCompiler.nvPTXCompilerCompile(handle, options.length, options);
        long[] size = new long[1];
        JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(handle, size);
        byte[] log = new byte[(int) size[0] + 1];
        JNvPTXCompiler.nvPTXCompilerGetErrorLog(handle, log);
        check(result, new String(log, StandardCharsets.UTF_8).strip());
        check(JNvPTXCompiler.nvPTXCompilerGetCompiledProgramSize(handle, size), "size");
        byte[] program = new byte[(int) size[0]];
        check(JNvPTXCompiler.nvPTXCompilerGetCompiledProgram(handle, program), "program");
        Files.write(Path.of(arguments[2]), program);
    }

    private static void check(int result, String what) {
        if (result != nvPTXCompileResult.NVPTXCOMPILE_SUCCESS) {
            throw new IllegalStateException(
                    nvPTXCompileResult.stringFor(result) + ": " + what);
        }
    }
}
