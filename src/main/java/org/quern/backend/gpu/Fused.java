package org.quern.backend.gpu;

import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.quern.backend.Backend;
import org.quern.backend.PlanWords;
import org.quern.plan.Plan;

/**
 * Whether, and by which team, a network is trained by a fused kernel.
 *
 * @param layouts those that fit, in the order in which they are to be tried; empty for none
 * @param reason why there is none, or null
 * @param refused those that would have been better and that the device cannot have
 */
record Fused(List<FusedLayout> layouts, String reason, List<Refusal> refused) {

    /** A team that a device cannot have, and why. */
    record Refusal(BlockTeam team, String reason) {}

    /** Says of how many blocks the team is to be, for measurements: nothing else will do then. */
    static final String SIZE = "QUERN_TEAM";

    /** For data that is streamed through the device's memory. */
    static final Fused STREAMED = none("the data does not fit the device's memory");

    static Fused none(String reason) {
        return new Fused(List.of(), reason, List.of());
    }

    /** The layout to be tried first, or taken. */
    FusedLayout first() {
        return layouts.get(0);
    }

    /** The same without the first layout, whose team the device refuses. */
    Fused without(TeamRefused why) {
        List<Refusal> all = new ArrayList<>(refused);
        all.add(new Refusal(first().team(), why.getMessage()));
        List<FusedLayout> left = layouts.subList(1, layouts.size());
        return new Fused(left, left.isEmpty() ? text(all) : null, List.copyOf(all));
    }

    /** The teams that were refused and why, those of a kind and a reason together. */
    private static String text(List<Refusal> refused) {
        Map<String, List<BlockTeam>> alike = new LinkedHashMap<>();
        for (Refusal one : refused) {
            String key = one.team.kind() + one.team.tensor() + "\n" + one.reason;
            alike.computeIfAbsent(key, k -> new ArrayList<>()).add(one.team);
        }
        return alike.entrySet().stream()
                .map(
                        e ->
                                BlockTeam.description(e.getValue())
                                        + ": "
                                        + e.getKey().substring(e.getKey().indexOf('\n') + 1))
                .collect(Collectors.joining("; "));
    }

    /** By which team, and why not by a better one, to go on a sentence. */
    String by(String remark) {
        List<String> remarks = new ArrayList<>();
        if (remark != null) {
            remarks.add(remark);
        }
        if (!refused.isEmpty()) {
            remarks.add("not by " + text(refused));
        }
        return "by "
                + first().team().description()
                + (remarks.isEmpty() ? "" : " (" + String.join("; ", remarks) + ")");
    }

    /**
     * Chooses among a device's teams: those whose blocks have least to do first, of these the
     * smallest, a team that shares its memory before one block alone.
     *
     * @param pixels whether the data's rows are bytes
     * @param size blocks of the team that alone will do, as {@link #size} has it
     */
    static Fused of(
            Plan plan, List<BlockTeam> teams, boolean pixels, Backend.Options options, int size) {
        Backend.Engine engine = options.engine();
        if (engine == Backend.Engine.GRAPH || engine == Backend.Engine.OPS || options.sync()) {
            return none(null);
        }
        if (options.precision() != Backend.Precision.FP32) {
            return none(
                    "products are in "
                            + options.precision().name().toLowerCase(Locale.ROOT)
                            + ", and a fused kernel computes in fp32");
        }
        String refusal = FusedLayout.refusal(plan);
        if (refusal != null) {
            return none(refusal);
        }
        boolean tensor = engine == Backend.Engine.TENSOR;
        if (tensor
                && !(FusedLayout.keepsBytes(plan, pixels) && PlanWords.gather(plan).shift() == 0)) {
            return none(
                    "tensor cores take rows of bytes that are not shifted, and drop out whole words"
                            + " of them");
        }
        List<BlockTeam> wanted =
                teams.stream()
                        .filter(team -> team.tensor() == tensor)
                        .filter(team -> engine.isFused() || size > 0 || team.automatic())
                        .toList();
        if (wanted.isEmpty()) {
            return none(
                    tensor
                            ? "this device has no clusters"
                            : "work-groups cannot wait for each other here, and one alone is taken only"
                                    + " when asked for, by --engine fused");
        }
        if (size > 0 && wanted.stream().noneMatch(team -> team.blocks() == size)) {
            return none(
                    wanted.stream()
                            .map(BlockTeam::blocks)
                            .distinct()
                            .sorted()
                            .map(blocks -> blocks.toString())
                            .collect(
                                    Collectors.joining(
                                            ", ", "this device has teams of ", " blocks")));
        }
        List<FusedLayout> all =
                wanted.stream()
                        .filter(team -> size == 0 || team.blocks() == size)
                        .map(team -> new FusedLayout(plan, team, pixels))
                        .toList();
        List<FusedLayout> fitting =
                all.stream()
                        .filter(FusedLayout::fits)
                        .sorted(
                                Comparator.comparing((FusedLayout l) -> l.team().blocks() == 1)
                                        .thenComparing(l -> rank(l.team()))
                                        .thenComparing(FusedLayout::columns)
                                        .thenComparing(l -> l.team().blocks()))
                        .toList();
        if (!fitting.isEmpty()) {
            return new Fused(fitting, null, List.of());
        }
        FusedLayout least =
                all.stream().min(Comparator.comparing(FusedLayout::bytes)).orElseThrow();
        return none(
                "a block of %s would need %,d KiB of shared memory, and has %,d KiB"
                        .formatted(
                                least.team().description(),
                                least.bytes() + 1023 >> 10,
                                least.team().memory() >> 10));
    }

    /** The size that {@value #SIZE} has, of a value of it; 0 if it is not set. */
    static int size(String value) {
        if (value == null || value.isBlank()) {
            return 0;
        }
        if (!value.matches("[1-9][0-9]{0,2}")) {
            throw usage("%s is \"%s\": set it to a number of blocks, or unset it", SIZE, value);
        }
        return Integer.parseInt(value);
    }

    /** Clusters before grids: their exchange does not leave the multiprocessors. */
    private static int rank(BlockTeam team) {
        return team.kernel().startsWith("fused_train_cluster") ? 0 : 1;
    }
}
