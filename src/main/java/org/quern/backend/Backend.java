package org.quern.backend;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.usage;

import java.util.Locale;
import java.util.Optional;
import org.quern.plan.Plan;

/**
 * A way to execute plans. Found through {@link java.util.ServiceLoader}; constructing one loads
 * nothing and cannot fail. With {@link Executor} this is the whole interface between Quern and what
 * it runs on.
 */
public interface Backend {
    /** Its name on the command line: one lower-case word. */
    String name();

    /** Place in the order in which {@code auto} tries backends, highest first; below 0: never. */
    int priority();

    /** Whether it can run here. Looks once and remembers; never throws. */
    Availability availability();

    /**
     * The same for the device that {@link Options#device} names; a usage error if there is none.
     */
    default Availability availability(String device) {
        return availability();
    }

    /** How many devices there are to choose among by number, whether or not all of them can run. */
    default int devices() {
        return 1;
    }

    /**
     * Opens the device and compiles the kernels: the slow part of {@link #open}, and the part that
     * can fail on a device whatever the plan. From any thread; kept for {@link #open}.
     */
    default void prepare(Options options) {}

    /**
     * Prepares to execute a plan; the state is zeros until written.
     *
     * @throws org.quern.QuernException with the reason and the cure, if it cannot run here
     */
    Executor open(Plan plan, Options options);

    /** Whether its executors compute on the host's processors, several of them side by side. */
    default boolean onHost() {
        return false;
    }

    /**
     * What the device can do at most, for benchmarks to compare kernels with; the caller closes it.
     * Empty for a backend that is not meant to be fast.
     */
    default Optional<Limits> limits(Options options) {
        return Optional.empty();
    }

    /**
     * Trainings of a plan that can run side by side.
     *
     * @param pixels whether the rows are bytes
     */
    default SideBySide sideBySide(Plan plan, boolean pixels, Options options) {
        return new SideBySide(onHost() ? Runtime.getRuntime().availableProcessors() : 1, "");
    }

    /**
     * How trainings run side by side.
     *
     * @param most how many at a time
     * @param by what each has of the device; empty where there is nothing to tell
     */
    record SideBySide(int most, String by) {}

    /** How matrix products are computed where there is a choice. */
    enum Gemm {
        /** By whichever measures faster for a shape. */
        AUTO,
        /** By Quern's own kernels. */
        OWN,
        /** By cuBLAS. */
        CUBLAS
    }

    /** In what the factors of matrix products are taken; sums and weights are always float32. */
    enum Precision {
        /** Float32. */
        FP32,
        /** Rounded to 11 bits (TensorFloat-32), by tensor cores. */
        TF32,
        /**
         * Rounded to 8 bits (bfloat16), by tensor cores. Hidden outputs of linear layers and ReLU
         * and their gradients, which are nothing but factors, are kept so; biases of hidden layers
         * that a library adds, and the gradients that it sums to theirs, are rounded, too.
         */
        BF16
    }

    /** How training steps are given to a GPU. */
    enum Engine {
        /** Fused where the network fits and a team of blocks can be had, else as a graph. */
        AUTO,
        /** Many steps in one launch, by one team of blocks. */
        FUSED,
        /**
         * The same, the two products with the rows of the batch by tensor cores: data of bytes, the
         * other factor in 32 bits as fixed-point numbers.
         */
        TENSOR,
        /** The launches of many steps in a row, captured once where the device can. */
        GRAPH,
        /** Launch by launch. */
        OPS;

        /** Whether it asks for a fused kernel by name. */
        public boolean isFused() {
            return this == FUSED || this == TENSOR;
        }
    }

    /**
     * How to run.
     *
     * @param threads CPU threads that may be used; 0 leaves it to the backend
     * @param device number or part of the name of a device, or null for the backend's choice
     * @param deviceMemory MiB of the device's memory that a data set may take; 0 leaves it to the
     *     backend; a larger one is streamed
     * @param sync whether to wait after each op, so that a fault on the device is told with its op
     * @param cublas the library or its folder, or null to look for it
     * @param beside trainings like this one that there are, itself included: a device is shared out
     *     so that all end soonest; bits do not depend on it
     */
    record Options(
            int threads,
            String device,
            int deviceMemory,
            boolean sync,
            Gemm gemm,
            Precision precision,
            String cublas,
            Engine engine,
            int beside) {
        /** Everything left to the backend. */
        public static final Options DEFAULT = new Options(0);

        public Options {
            expect(threads >= 0, "threads %d: give 1 or more, or 0", threads);
            expect(deviceMemory >= 0, "device memory %d MiB: give 1 or more, or 0", deviceMemory);
            expect(beside >= 1, "%d trainings side by side: give 1 or more", beside);
        }

        /** So many threads, all else left to the backend. */
        public Options(int threads) {
            this(threads, null, 0, false, Gemm.AUTO, Precision.FP32, null, Engine.AUTO, 1);
        }

        public Options with(Gemm other) {
            return new Options(
                    threads, device, deviceMemory, sync, other, precision, cublas, engine, beside);
        }

        public Options with(Precision other) {
            return new Options(
                    threads, device, deviceMemory, sync, gemm, other, cublas, engine, beside);
        }

        public Options withDevice(String other) {
            return new Options(
                    threads, other, deviceMemory, sync, gemm, precision, cublas, engine, beside);
        }

        public Options with(Engine other) {
            return new Options(
                    threads, device, deviceMemory, sync, gemm, precision, cublas, other, beside);
        }

        public Options withBeside(int other) {
            return new Options(
                    threads, device, deviceMemory, sync, gemm, precision, cublas, engine, other);
        }

        /** Fails if something is asked for that only CUDA can do. */
        public void checkNoCublas(String backend) {
            String text = "--precision %s needs cuBLAS: use --backend cuda, or fp32 on %s";
            boolean fits = precision == Precision.FP32;
            expect(fits, text, precision.name().toLowerCase(Locale.ROOT), backend);
            String message = "cuBLAS runs with --backend cuda, not with %s";
            expect(gemm != Gemm.CUBLAS && cublas == null, message, backend);
        }

        /** The same for a backend that has but one device. */
        public void checkNoDevice(String backend) {
            checkNoCublas(backend);
            if (device != null || deviceMemory != 0 || sync || engine != Engine.AUTO) {
                throw usage(
                        "--device, --device-memory, --sync and --engine are for GPUs: use --backend"
                                + " cuda or opencl, or leave them out on %s",
                        backend);
            }
        }
    }

    /**
     * Whether a backend can run, in a sentence.
     *
     * @param automatic whether {@code auto} may take it; not so a CPU that poses as a GPU
     * @param none whether there is no such device or driver, rather than one that fails
     * @param detail if usable, on what (device, instruction set, threads); if not, the reason and
     *     the cure
     */
    record Availability(boolean usable, boolean automatic, boolean none, String detail) {
        /** One that {@code auto} may take if it is usable. */
        public Availability(boolean usable, String detail) {
            this(usable, usable, false, detail);
        }
    }
}
