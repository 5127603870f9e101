package org.quern.backend.sass;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.quern.backend.gpu.BlockTeam;
import org.quern.backend.gpu.Call;
import org.quern.backend.trace.TraceDevice;

/** A device that executes the machine code of cubins. */
final class SassDevice extends TraceDevice {
    private final List<ByteBuffer> buffers = new ArrayList<>();
    private static final int ARGUMENTS = 0x210; // where they begin in constant bank 0
    private static final int BLOCKS = 0x188; // where their number is
    private static final int STACK = 0x28; // where it begins
    private static final int STATIC = 48 << 10; // bytes of shared memory, at most, of a kernel

    private final Path nvdisasm;
    private final Path cubins;
    private final Map<String, Kernel> kernels = new TreeMap<>();
    private final boolean shapes;
    private Random order;
    private String name;
    private Cluster last;
    private long instructions;
    private long wavefronts;

    private record Memory(long handle, long bytes) implements Buffer {}

    /** With one team, or if wanted with what kernels for a network alone take instead. */
    SassDevice(Path nvdisasm, Path cubins, BlockTeam team, boolean shapes) {
        super(List.of(team));
        this.shapes = shapes;
        this.nvdisasm = nvdisasm;
        this.cubins = cubins;
    }

    /** Has warps take their turns in a random order from now on. */
    void shuffle(Random random) {
        order = random;
    }

    /** The kernel of the last launch. */
    String kernel() {
        return name;
    }

    /** What the last launch left, of its last block or cluster. */
    Cluster last() {
        return last;
    }

    /** Warp instructions of all blocks of the last launch, and wavefronts of shared memory. */
    long[] count() {
        return new long[] {instructions, wavefronts};
    }

    @Override
    public Launch prepare(Call call, BlockTeam team, long bytes) throws BlockTeam.Refused {
        if (team.shape() != null != shapes) {
            throw new BlockTeam.Refused("another kernel is asked for");
        }
        return launch(call, team.unit(), team.blocks(), team.threads(), (int) bytes);
    }

    @Override
    public Launch prepare(Call call) {
        return launch(call, "quern", 1, THREADS, STATIC);
    }

    private Launch launch(Call call, String unit, int blocks, int threads, int bytes) {
        ByteBuffer bank = ByteBuffer.allocate(8192).order(ByteOrder.LITTLE_ENDIAN);
        bank.putInt(BLOCKS, blocks);
        bank.putInt(STACK, Warp.STACK);
        int at = ARGUMENTS;
        for (int i = 0; i < call.arguments().size(); i++) {
            at += call.put(i, bank, at);
        }
        return () -> {
            name = call.kernel();
            instructions = 0;
            wavefronts = 0;
            Kernel kernel = kernels.computeIfAbsent(name, entry -> read(unit, entry));
            for (int group = 0; group < call.groupsX() * call.groupsY() / blocks; group++) {
                last = new Cluster(kernel, blocks, threads, bytes, bank, buffers, order);
                last.x = group * blocks % call.groupsX();
                last.y = group * blocks / call.groupsX();
                last.run();
                instructions += last.instructions();
                wavefronts += last.wavefronts;
            }
        };
    }

    private Kernel read(String unit, String entry) {
        try {
            return Kernel.of(nvdisasm, cubins.resolve(unit + "-sm_90.cubin"), entry);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private ByteBuffer of(Buffer buffer) {
        return buffers.get((int) (buffer.handle() >>> 32) - 1);
    }

    @Override
    public Buffer allocate(long size, String what) {
        super.allocate(size, what);
        buffers.add(Cluster.memory(Math.toIntExact(size)));
        return new Memory((long) buffers.size() << 32, size);
    }

    @Override
    public void write(Buffer to, long offset, ByteBuffer from) {
        of(to).position((int) offset).put(from.duplicate());
    }

    @Override
    public void read(Buffer from, long offset, ByteBuffer to) {
        to.put(of(from).slice((int) offset, to.remaining()));
    }

    @Override
    public void fill(Buffer buffer, long offset, long words, int value) {
        of(buffer).position((int) offset);
        for (long i = 0; i < words; i++) {
            of(buffer).putInt(value);
        }
    }
}
