package org.quern.backend.gpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.quern.backend.PlanWords;
import org.quern.backend.Words;
import org.quern.plan.Op;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * The products that gradients of parameters are, by our own kernel. One launch takes several
 * layers, which it finds in a table, and may update their parameters and end the step.
 */
final class Gradients implements AutoCloseable {
    private final Device device;
    private final TileChoice tiles;
    private final Device.Buffer arena;
    private final Device.Buffer pass;
    private final Device.Buffer log;
    private final Device.Buffer table;
    private final List<Op.DenseBackwardWeights> ops;

    /** The launches that end a step, once they are asked for. */
    private final List<Device.Launch> end = new ArrayList<>();

    /**
     * Those of a plan.
     *
     * @param table where the table is put, of {@link #bytes} bytes
     */
    Gradients(
            Device device,
            TileChoice tiles,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log,
            Device.Buffer table,
            Plan plan) {
        this.device = device;
        this.tiles = tiles;
        this.arena = arena;
        this.pass = pass;
        this.log = log;
        this.table = table;
        ops = ops(plan);
        write(0, ops);
    }

    private static List<Op.DenseBackwardWeights> ops(Plan plan) {
        return plan.training().stream()
                .filter(Op.DenseBackwardWeights.class::isInstance)
                .map(Op.DenseBackwardWeights.class::cast)
                .toList();
    }

    /** The table's line for each of a plan's. */
    static List<Words> words(Plan plan) {
        return ops(plan).stream().map(Gradients::words).toList();
    }

    private static Words words(Op.DenseBackwardWeights o) {
        return new Words()
                .put("X: the operands' offsets in the arena", o.x().offset())
                .put("DY", o.dy().offset())
                .put("DW", o.dw().offset())
                .put("DB", o.db().offset())
                .put("IN", o.dw().rows())
                .put("OUT", o.dw().columns());
    }

    /** Bytes of the table: each layer as it comes, and again by the launch that has it. */
    static long bytes(Plan plan) {
        return 2 * words(plan).stream().mapToLong(line -> 4L * line.size()).sum();
    }

    private void write(int first, List<Op.DenseBackwardWeights> some) {
        ByteBuffer to = device.staging().clear();
        for (Op.DenseBackwardWeights one : some) {
            words(one).writeTo(to);
        }
        device.write(table, (long) first * to.position() / some.size(), to.flip());
    }

    /** The gradient of one layer alone, in the tile that is chosen for it. */
    Call of(Op.DenseBackwardWeights o) {
        return of(tile(o), o);
    }

    private Call of(Tiling tile, Op.DenseBackwardWeights o) {
        return call(tile, ops.indexOf(o), List.of(o), null, null);
    }

    private Tiling tile(Op.DenseBackwardWeights o) {
        int m = o.dw().rows();
        int n = o.dw().columns();
        int k = o.dy().rows();
        return tiles.of("dense_backward_weights", m, n, k, tile -> of(tile, o));
    }

    /**
     * The launches that end a step of some ops: all gradients, those in tiles of one size together,
     * the update of the parameters, and the log's entry.
     */
    List<Device.Launch> ofStep(List<Op> step) {
        if (end.isEmpty()) {
            prepare(only(Op.Update.class, step), only(Op.Metrics.class, step));
        }
        return end;
    }

    private static <T> T only(Class<T> type, List<Op> ops) {
        return ops.stream().filter(type::isInstance).map(type::cast).findFirst().orElseThrow();
    }

    private void prepare(Op.Update update, Op.Metrics metrics) {
        Map<Tiling, List<Op.DenseBackwardWeights>> byTile = new TreeMap<>();
        ops.forEach(o -> byTile.computeIfAbsent(tile(o), t -> new ArrayList<>()).add(o));
        int first = ops.size();
        for (var one : byTile.entrySet()) {
            List<Op.DenseBackwardWeights> some = one.getValue();
            write(first, some);
            boolean isLast = first + some.size() == 2 * ops.size();
            Call call = call(one.getKey(), first, some, update, isLast ? metrics : null);
            end.add(device.prepare(call));
            first += some.size();
        }
    }

    /**
     * Gradients of layers that are in the table from one on; what updates with them, and what ends
     * the step, or null.
     */
    private Call call(
            Tiling tile,
            int first,
            List<Op.DenseBackwardWeights> some,
            Op.Update update,
            Op.Metrics last) {
        int groups = last == null ? 0 : 1;
        for (Op.DenseBackwardWeights o : some) {
            groups += tile.groups(o.dw().rows()) * tile.groups(o.dw().columns());
        }
        Call call =
                Call.of(tile.kernel("dense_backward_weights"), groups)
                        .with(arena, pass, table, first, some.size());
        call =
                update == null
                        ? call.with(0, 0, 0, 0, Call.NOWHERE, 0f, 0f, 0f)
                        : rule(parameters(call, update), update);
        return last == null ? call.with(log, null, null) : call.with(log, last.loss(), last.hits());
    }

    /** What an update reads and writes. */
    static Call parameters(Call call, Op.Update o) {
        Slice[] moments = o.moments().toArray(new Slice[2]); // null for those that it lacks
        return call.with(o.parameters(), o.gradients(), moments[0], moments[1]);
    }

    /** How it does that. */
    static Call rule(Call call, Op.Update o) {
        float[] form = PlanWords.form(o.form());
        return call.with(PlanWords.rule(o.form()), form[0], form[1], form[2]);
    }

    @Override
    public void close() {
        end.forEach(Device.Launch::close);
        end.clear();
    }
}
