package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.List;
import org.quern.backend.Executor;

/**
 * The few things that a GPU is asked to do: the whole interface between the shared driver and an
 * API. Work is done in the order in which it is asked for; only {@link #finish}, {@link #write} and
 * {@link #read} wait. One thread at a time.
 */
public interface Device extends AutoCloseable {
    /** Threads of every work-group. */
    int THREADS = 256;

    /** Memory on the device. */
    interface Buffer {
        /** What kernels are given for it: its address, or the API's handle. */
        long handle();

        long bytes();

        /** The same memory as the host sees it, even while kernels run; null if it does not. */
        default ByteBuffer view() {
            return null;
        }
    }

    /** A kernel with arguments and shape, or a sequence of such, to be run as often as wanted. */
    interface Launch extends AutoCloseable {
        /**
         * Enqueues it, or each of a sequence; the calling thread must have used the device before.
         */
        void run();

        /** The same of a team's, which the device may not have room for. */
        default void tries() throws BlockTeam.Refused {
            run();
        }

        @Override
        default void close() {
            // most hold nothing but memory of the heap
        }
    }

    /**
     * A piece of host memory that can be copied quickly, and its place on the device. In turn: wait
     * until it is {@link #free}, fill {@link #host}, {@link #send}, run kernels, say {@link #used}.
     */
    interface Slot extends AutoCloseable {
        /** Host memory to fill, in the machine's byte order. */
        ByteBuffer host();

        /** What kernels read. */
        Buffer device();

        /** Waits until the kernels before the last {@link #used} have run. */
        void free();

        /** Copies the first {@code bytes} bytes, beside the kernels; later kernels see them. */
        void send(long bytes);

        /** Says that no later kernel reads what was sent last. */
        void used();

        @Override
        void close();
    }

    /** As {@link Executor#device}. */
    String description();

    /** As {@link Executor#notice}. */
    default String notice() {
        return null;
    }

    /** As {@link Executor#code}. */
    default Executor.KernelImage code() {
        return Executor.KernelImage.NONE;
    }

    /** Multiprocessors, which a launch should have groups for. */
    int computeUnits();

    /** Bytes of memory that are free now. */
    long free();

    /** Bytes that a data set may take; a larger one is streamed. */
    long dataBudget();

    /** Memory with undefined contents for something; fails if there is no room. */
    Buffer allocate(long bytes, String what);

    /** The same with a {@link Buffer#view} if that can be. */
    default Buffer allocateShared(int bytes, String what) {
        return allocate(bytes, what);
    }

    void release(Buffer buffer);

    /**
     * Host memory that is quickly copied from and to, for use until the next copy; waits until the
     * copies are done that read what it gives. A {@link #write} from it need not wait.
     */
    ByteBuffer staging();

    /** Copies {@code from}'s remaining bytes to the device, in order with the kernels. */
    void write(Buffer to, long offset, ByteBuffer from);

    /** Fills {@code to}'s remaining bytes from the device, in order with the kernels. */
    void read(Buffer from, long offset, ByteBuffer to);

    /** Sets 32-bit words, in order with the kernels. */
    void fill(Buffer buffer, long offset, long words, int value);

    /** Copies within the device, in order with the kernels. */
    void copy(Buffer from, Buffer to, long bytes);

    Launch prepare(Call call);

    /** Blocks that can train together here, whether or not any network fits them. */
    default List<BlockTeam> teams() {
        return List.of(BlockTeam.ALONE);
    }

    /** How many such teams, whose blocks work on so many bytes each, work side by side, at most. */
    default int room(BlockTeam team, long bytes) throws BlockTeam.Refused {
        return 1;
    }

    /** Prepares a launch of one of its teams, whose blocks work on so many bytes each. */
    Launch prepare(Call call, BlockTeam team, long bytes) throws BlockTeam.Refused;

    /** Whether a sequence is given to the device as a whole. */
    default boolean captures() {
        return false;
    }

    /** Prepares {@code repeats} times the launches, which stay open, to be run in a row. */
    default Launch sequence(List<Launch> launches, int repeats) {
        Launch[] all = launches.toArray(Launch[]::new);
        return () -> {
            for (int i = 0; i < repeats; i++) {
                for (Launch launch : all) {
                    launch.run();
                }
            }
        };
    }

    Slot slot(long bytes, String what);

    /** What is known of which tiles are fastest here; null where a rule chooses them. */
    default GemmTable table() {
        return null;
    }

    /** The library that computes products here; null if there is none. */
    default Library library() {
        return null;
    }

    /** A way to compute something: {@link #OWN}, {@link #LIBRARY} or {@link #EPILOGUE}. */
    record GemmVariant(String name, List<Launch> launches) {}

    String OWN = "own"; // kernels of ours
    String LIBRARY = "cublas"; // a library's product, and kernels after it
    String EPILOGUE = "cublasLt"; // a library's product with an epilogue

    /** Who computes matrix products beside our own kernels. */
    interface Library {
        /** Whether it takes their factors as bfloat16. */
        default boolean roundsFactors() {
            return false;
        }

        /** Whether its products may have epilogues. */
        default boolean hasEpilogues() {
            return false;
        }

        /** A product, ready to be run; null if it has none with such an epilogue. */
        Launch product(Gemm product);

        /**
         * Which of the ways to compute something is to be taken. All may be run to find out: they
         * write the same outputs from the same inputs.
         */
        default GemmVariant choose(Gemm product, List<GemmVariant> ways) {
            return ways.get(ways.size() - 1);
        }
    }

    /** Whether everything is done; does not wait. A kernel's fault shows here, too. */
    boolean isIdle();

    /** Waits until everything is done; a kernel's fault shows here at the latest. */
    void finish();

    @Override
    void close();
}
