import org.quern.backend.gpu.KernelSource;

/** Prints a unit of the kernels as OpenCL drivers are given it; run as a source file on Quern's classes. */
final class KernelText {
    private KernelText() {}

    public static void main(String[] arguments) {
        System.out.print(KernelSource.text(arguments[0]));
    }
}
