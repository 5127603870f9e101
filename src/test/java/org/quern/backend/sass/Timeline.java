package org.quern.backend.sass;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A model of the cycles that a cluster's warps take, from what they did: each of a block's four
 * schedulers issues one instruction a cycle, in order within a warp, when stall counts, scoreboards
 * and pipes allow it. Uncalibrated; there are no misses of the instruction cache and no conflicts
 * of banks.
 */
final class Timeline {
    /**
     * What is assumed.
     *
     * @param whole whether time goes on over barriers and a block has one path to shared memory;
     *     else each part between two barriers is by itself, and they are added up
     * @param barrier cycles of a block's barrier
     * @param exchange cycles from st.async to the mbarrier
     * @param cluster cycles of the cluster's barrier
     */
    record Model(boolean whole, int barrier, int exchange, int cluster) {}

    /** What a block does until all of its warps meet. */
    static final class Part {
        long cycles;
        long instructions;

        int times;

        /** Half of what this has more than another. */
        Part half(Part less) {
            Part half = new Part();
            half.cycles = (cycles - less.cycles + 1) / 2;
            half.instructions = (instructions - less.instructions + 1) / 2;
            half.times = times - less.times;
            return half;
        }
    }

    private enum Pipe {
        XU(8, 22, "MUFU", "I2F", "F2I"),
        LSU(
                2, 30, "LDS", "STS", "SHFL", "LDG", "STG", "ST", "LD", "LDGSTS", "REDUX", "STAS",
                "SYNCS"),
        FMA(1, 4, "FFMA", "FMUL", "FADD", "IMAD", "I2FP"),
        TENSOR(8, 33, "IMMA", "HMMA"),
        ALU(2, 4);

        final int cycles; // before it takes another
        final int latency;
        final Set<String> names;

        Pipe(int cycles, int latency, String... names) {
            this.cycles = cycles;
            this.latency = latency;
            this.names = Set.of(names);
        }

        static Pipe of(String name) {
            return Arrays.stream(values())
                    .filter(p -> p.names.contains(name))
                    .findFirst()
                    .orElse(ALU);
        }
    }

    private static final Set<String> JUMPS = Set.of("BRA", "CALL", "RET", "BRX", "BRXU");
    private static final int BUBBLE = 8; // cycles after a jump
    private static final int SCHEDULERS = 4;
    private static final int GLOBAL = 300; // cycles of a load

    private final Model model;
    private final List<Instruction> code;
    private final Pipe[] pipes;
    private final Block[] blocks;
    private final long[] posted; // when the last arrived at a phase of an mbarrier
    private final int[] missing; // how many will still
    private long now;
    private int arrived; // warps at the cluster's barrier
    private final List<Long> met = new ArrayList<>(); // when all had arrived there, each time

    private Timeline(Cluster cluster, Model model) {
        this.model = model;
        code = cluster.kernel.code();
        pipes = code.stream().map(i -> Pipe.of(i.name())).toArray(Pipe[]::new);
        posted = new long[cluster.phases];
        missing = new int[cluster.phases];
        blocks = cluster.blocks.stream().map(Block::new).toArray(Block[]::new);
        for (Warp warp : cluster.warps()) {
            for (int k = 0; k < warp.trace.size(); k++) {
                int item = warp.trace.get(k);
                if (item < 0) {
                    k++;
                    if (item == Trace.POST || item == Trace.SEND) {
                        missing[warp.trace.get(k)]++;
                    }
                }
            }
        }
    }

    /**
     * The parts of a block's work, by the address of the barrier that ends them, in the order of
     * time.
     */
    static List<Map<Integer, Part>> parts(Cluster cluster, Model model) {
        Timeline timeline = new Timeline(cluster, model);
        timeline.run();
        return Arrays.stream(timeline.blocks).map(block -> block.parts).toList();
    }

    private final class Course {
        static final int CLUSTER = 16;
        static final int MBARRIER = 17;

        final Trace trace;
        final long[] boards = new long[6];
        int at;
        long ready;
        int held = -1; // by a block's barrier of this number, or by one of the above
        int phase; // of an mbarrier
        int meetings; // of the cluster that it was at
        int last; // where its last instruction is
        int met; // where it waited for the cluster last

        Course(Warp warp) {
            trace = warp.trace;
        }

        boolean ended() {
            return at == trace.size();
        }

        void release(long when) {
            ready = Math.max(ready, when);
            held = -1;
        }
    }

    private final class Block {
        final Course[] warps;
        final long[][] free = new long[SCHEDULERS][Pipe.values().length];
        final int[] turn = new int[SCHEDULERS];
        final int[] come = new int[16];
        final int[] needed = new int[16];
        final long[] latest = new long[16];
        final Map<Integer, Part> parts = new LinkedHashMap<>();
        long path; // when shared memory can be reached next
        long began;
        long instructions;

        Block(Cluster.Block block) {
            warps = block.warps.stream().map(Course::new).toArray(Course[]::new);
        }

        /** Issues what a scheduler can issue now, and returns when it may go on. */
        long issue(int scheduler) {
            long next = Long.MAX_VALUE;
            int count = (warps.length - scheduler + SCHEDULERS - 1) / SCHEDULERS;
            for (int k = 1; k <= count; k++) {
                int which = (turn[scheduler] + k) % count;
                Course warp = warps[SCHEDULERS * which + scheduler];
                if (warp.held < 0 && !warp.ended()) {
                    long when = when(warp, scheduler);
                    if (when <= now) {
                        turn[scheduler] = which;
                        issue(warp, scheduler);
                        return now + 1;
                    }
                    next = Math.min(next, when);
                }
            }
            return next;
        }

        private long when(Course warp, int scheduler) {
            int item = warp.trace.get(warp.at);
            long when = warp.ready;
            for (int b = code.get(item / 2).waits(); b != 0; b &= b - 1) {
                when = Math.max(when, warp.boards[Integer.numberOfTrailingZeros(b)]);
            }
            if (item % 2 == 1) {
                Pipe pipe = pipes[item / 2];
                when = Math.max(when, free[scheduler][pipe.ordinal()]);
                when = pipe == Pipe.LSU && model.whole ? Math.max(when, path) : when;
            }
            return when;
        }

        private void issue(Course warp, int scheduler) {
            int item = warp.trace.get(warp.at++);
            Instruction i = code.get(item / 2);
            Pipe pipe = pipes[item / 2];
            boolean wide = i.name().equals("LDS") && i.has("128");
            long latency = i.name().equals("LDG") ? GLOBAL : wide ? 33 : pipe.latency;
            if (item % 2 == 1) {
                free[scheduler][pipe.ordinal()] = now + (wide && !model.whole ? 4 : pipe.cycles);
                path = pipe == Pipe.LSU ? now + (i.has("128") ? 4 : i.has("64") ? 2 : 1) : path;
            } else {
                latency = 4;
            }
            if (i.sets() < 6) {
                warp.boards[i.sets()] = now + latency;
            }
            if (i.reads() < 6) {
                warp.boards[i.reads()] = Math.max(warp.boards[i.reads()], now + 12);
            }
            warp.ready = now + (JUMPS.contains(i.name()) ? Math.max(i.stall(), BUBBLE) : i.stall());
            warp.last = i.at();
            instructions++;
            while (!warp.ended() && warp.held < 0 && warp.trace.get(warp.at) < 0) {
                warp.at += 2;
                event(warp, warp.trace.get(warp.at - 2), warp.trace.get(warp.at - 1));
            }
            if (warp.ended()) {
                settle(0);
            }
        }

        private void event(Course warp, int kind, int value) {
            switch (kind) {
                case Trace.BARRIER, Trace.ARRIVE -> {
                    int id = value / Trace.IDS;
                    warp.held = kind == Trace.BARRIER ? id : -1;
                    needed[id] = value % Trace.IDS;
                    come[id]++;
                    latest[id] = Math.max(latest[id], model.whole ? warp.ready : now);
                    settle(id);
                }
                case Trace.CLUSTER_ARRIVE -> {
                    arrived++;
                    if (arrived == Arrays.stream(blocks).mapToInt(b -> b.warps.length).sum()) {
                        arrived = 0;
                        met.add(now);
                        Arrays.stream(blocks).forEach(Block::meet);
                    }
                }
                case Trace.CLUSTER_WAIT -> {
                    warp.held = Course.CLUSTER;
                    warp.met = warp.last;
                    meet();
                }
                case Trace.WAIT -> {
                    warp.held = Course.MBARRIER;
                    warp.phase = value;
                    release(value);
                }
                default -> {
                    long there = now + (kind == Trace.SEND ? model.exchange : 0);
                    posted[value] = Math.max(posted[value], there);
                    missing[value]--;
                    Arrays.stream(blocks).forEach(block -> block.release(value));
                }
            }
        }

        private void settle(int id) {
            long all = Arrays.stream(warps).filter(warp -> !warp.ended()).count();
            if (come[id] == 0 || come[id] < (needed[id] == 0 ? all : needed[id])) {
                return;
            }
            if (needed[id] == 0 || needed[id] == all) {
                end(latest[id] + model.barrier, warps[0].last);
            }
            for (Course warp : warps) {
                if (warp.held == id) {
                    warp.release(latest[id] + model.barrier);
                }
            }
            come[id] = 0;
            latest[id] = 0;
        }

        private void meet() {
            int behind = Integer.MAX_VALUE;
            boolean passes = false;
            long latest = 0;
            for (Course warp : warps) {
                if (warp.held == Course.CLUSTER && warp.meetings < met.size()) {
                    warp.release(met.get(warp.meetings++) + model.cluster);
                    passes = true;
                }
                behind = Math.min(behind, warp.meetings);
                latest = Math.max(latest, warp.ready);
            }
            if (passes && behind == met.size()) {
                end(latest, warps[0].met);
            }
        }

        private void release(int phase) {
            for (Course warp : warps) {
                if (missing[phase] == 0 && warp.held == Course.MBARRIER && warp.phase == phase) {
                    warp.release(posted[phase]);
                }
            }
        }

        /** Ends a part. */
        private void end(long when, int where) {
            Part part = parts.computeIfAbsent(where, key -> new Part());
            part.cycles += when - began;
            part.instructions += instructions;
            part.times++;
            began = when;
            instructions = 0;
            if (!model.whole) {
                for (Course warp : warps) {
                    Arrays.fill(warp.boards, 0);
                    warp.ready = when;
                }
                for (long[] pipe : free) {
                    Arrays.fill(pipe, 0);
                }
            }
        }
    }

    private void run() {
        for (long next = 0; next != Long.MAX_VALUE; now = next) {
            next = Long.MAX_VALUE;
            for (Block block : blocks) {
                for (int scheduler = 0; scheduler < SCHEDULERS; scheduler++) {
                    next = Math.min(next, block.issue(scheduler));
                }
            }
        }
        for (Block block : blocks) {
            if (!Arrays.stream(block.warps).allMatch(Course::ended)) {
                throw new IllegalStateException("the model has warps that wait for ever");
            }
            block.end(Arrays.stream(block.warps).mapToLong(w -> w.ready).max().orElse(0), -1);
        }
    }
}
