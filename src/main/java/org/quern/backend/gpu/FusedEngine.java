package org.quern.backend.gpu;

import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.StringJoiner;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.quern.backend.Backend;
import org.quern.plan.Plan;

/** Whether, and by which team, a network is trained by a fused kernel; else by its ops. */
public final class FusedEngine {
    /** Says of how many blocks the team is to be, for measurements: nothing else will do then. */
    private static final String SIZE = "QUERN_TEAM";

    private final Device device;
    private final Plan plan;
    private final Backend.Options options;

    /** What the device gave, once it was asked, to data of bytes and to other data. */
    private final Map<Boolean, Choice> taken = new HashMap<>();

    FusedEngine(Device device, Plan plan, Backend.Options options) {
        this.device = device;
        this.plan = plan;
        this.options = options;
    }

    /** Asks a device for something that it may refuse to a team. */
    public interface Request<T> {
        /** What it gives to a team whose blocks work on so many bytes each. */
        T of(BlockTeam team, long bytes) throws BlockTeam.Refused;
    }

    /** The layouts that are left to be tried, and why others are not. */
    static final class Choice {
        private final List<FusedLayout> layouts; // the best first
        private final Map<BlockTeam, String> refused = new LinkedHashMap<>();
        private final String reason;
        private FusedSteps steps;

        private Choice(List<FusedLayout> layouts, String reason) {
            this.layouts = new ArrayList<>(layouts);
            this.reason = reason;
        }

        void close() {
            if (steps != null) {
                steps.close();
            }
        }

        /** What the device gives to the best team that it does not refuse; null if to none. */
        private <T> T ask(Request<T> request) {
            while (!layouts.isEmpty()) {
                try {
                    return request.of(team(), layouts.get(0).bytes());
                } catch (BlockTeam.Refused e) {
                    refused.put(layouts.remove(0).team(), e.getMessage());
                }
            }
            return null;
        }

        /**
         * Puts those first that end so many trainings soonest: a small team takes longer, and there
         * is room for more. A kernel for one network stays the first: no team makes up for it, and
         * it rounds otherwise.
         */
        private void suit(int trainings, Request<Integer> room) {
            if (trainings > 1) {
                Map<FusedLayout, Double> ends = new HashMap<>();
                layouts.forEach(layout -> ends.put(layout, end(layout, trainings, room)));
                layouts.sort(Comparator.comparing(ends::get));
            }
        }

        private static double end(FusedLayout layout, int trainings, Request<Integer> room) {
            if (layout.team().shape() != null) {
                return 0;
            }
            try {
                int most = room.of(layout.team(), layout.bytes());
                return layout.cycles() * ((trainings + most - 1) / most);
            } catch (BlockTeam.Refused e) {
                return Double.POSITIVE_INFINITY; // it will be again, and this be told
            }
        }

        private BlockTeam team() {
            return layouts.get(0).team();
        }

        private String reason() {
            return layouts.isEmpty() && !refused.isEmpty() ? refusals() : reason;
        }

        /** The teams that were refused and why, those of a kind and a reason together. */
        private String refusals() {
            Map<List<Object>, List<BlockTeam>> alike = new LinkedHashMap<>();
            refused.forEach(
                    (team, why) ->
                            alike.computeIfAbsent(
                                            Arrays.asList(
                                                    why, team.kind(), team.tensor(), team.shape()),
                                            key -> new ArrayList<>())
                                    .add(team));
            return alike.entrySet().stream()
                    .map(e -> BlockTeam.description(e.getValue()) + ": " + e.getKey().get(0))
                    .collect(Collectors.joining("; "));
        }
    }

    private static Choice none(String reason, Object... arguments) {
        return new Choice(List.of(), String.format(Locale.ROOT, reason, arguments));
    }

    /**
     * Trainings of a plan that a device can run side by side: as many as it has room for teams, or
     * one if the plan takes no team.
     */
    public static Backend.SideBySide sideBySide(
            Plan plan,
            List<BlockTeam> teams,
            boolean pixels,
            Backend.Options options,
            Request<Integer> room) {
        Choice choice = among(plan, teams, pixels, options);
        choice.suit(options.beside(), room);
        Integer most = choice.ask(room);
        return most == null
                ? new Backend.SideBySide(1, "")
                : new Backend.SideBySide(most, choice.team().description());
    }

    /** What is left when the device was asked for the teams, until it has room for one. */
    private Choice choice(boolean pixels) {
        Choice choice = among(plan, device.teams(), pixels, options);
        choice.suit(options.beside(), device::room);
        choice.ask(device::room);
        return choice;
    }

    /** How steps are given to the device, and why not otherwise: {@link KernelExecutor#engine}. */
    String description(boolean pixels) {
        Choice choice = taken.containsKey(pixels) ? taken.get(pixels) : choice(pixels);
        if (!choice.layouts.isEmpty()) {
            StringJoiner remarks = new StringJoiner("; ", " (", ")").setEmptyValue("");
            if (size() > 0) {
                remarks.add(SIZE);
            }
            if (!choice.refused.isEmpty()) {
                remarks.add("not by " + choice.refusals());
            }
            return "fused into one launch, by " + choice.team().description() + remarks;
        }
        String steps =
                options.sync() || options.engine() == Backend.Engine.OPS
                        ? "launch by launch"
                        : device.captures() ? "as a graph of launches" : "as a list of launches";
        String reason = choice.reason();
        return reason == null ? steps : "%s (not fused: %s)".formatted(steps, reason);
    }

    /**
     * The fused kernel for some data, prepared when it is first asked for; null for none. Fails if
     * it, or a size of its team, was asked for by name and cannot be had.
     */
    FusedSteps fused(DeviceData data, Device.Buffer arena, Device.Buffer pass, Device.Buffer log) {
        if (data.choice != null) {
            return data.choice.steps;
        }
        Choice choice =
                data.chunk == 0
                        ? choice(data.set().isPixels())
                        : none("the data does not fit the device's memory");
        choice.steps = steps(choice, data, arena, pass, log);
        taken.put(data.set().isPixels(), choice);
        if (choice.steps == null && choice.reason() != null) { // else no team was asked for
            String cannot = "%s cannot train this network here: %s: %s";
            if (size() > 0) {
                throw usage(cannot, SIZE + "=" + size(), choice.reason(), "unset it");
            }
            if (options.engine().isFused()) {
                String asked = "--engine " + options.engine().name().toLowerCase(Locale.ROOT);
                throw usage(cannot, asked, choice.reason(), "leave it to --engine auto");
            }
        }
        data.choice = choice;
        return choice.steps;
    }

    /** Whether the kernel that data has may leave steps undone, for another to do them. */
    boolean mayStop(DeviceData data) {
        return data.choice.steps != null && data.choice.team().shape() != null;
    }

    /** Takes the next best for data whose kernel stopped before a step. */
    FusedSteps another(
            DeviceData data,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log,
            String why) {
        Choice choice = data.choice;
        choice.steps.close();
        choice.refused.put(choice.layouts.remove(0).team(), why);
        choice.steps = null;
        choice.steps = steps(choice, data, arena, pass, log);
        return choice.steps;
    }

    private FusedSteps steps(
            Choice choice,
            DeviceData data,
            Device.Buffer arena,
            Device.Buffer pass,
            Device.Buffer log) {
        return choice.ask(
                (team, bytes) ->
                        new FusedSteps(device, choice.layouts.get(0), arena, pass, log, data));
    }

    /**
     * Chooses among a device's teams: those whose blocks have least to do first, of these the
     * smallest, a team that shares its memory before one block alone.
     */
    private static Choice among(
            Plan plan, List<BlockTeam> teams, boolean pixels, Backend.Options options) {
        Backend.Engine engine = options.engine();
        if (options.sync() && engine.isFused()) {
            return none("--sync waits after each op");
        }
        if (engine == Backend.Engine.GRAPH || engine == Backend.Engine.OPS || options.sync()) {
            return new Choice(List.of(), null);
        }
        if (options.precision() != Backend.Precision.FP32) {
            String precision = options.precision().name().toLowerCase(Locale.ROOT);
            return none("products are in %s, and a fused kernel computes in fp32", precision);
        }
        String refusal = FusedLayout.refusal(plan);
        if (refusal != null) {
            return none("%s", refusal);
        }
        boolean tensor = engine == Backend.Engine.TENSOR;
        if (tensor && !(FusedLayout.keepsBytes(plan, pixels) && plan.gather().shift() == 0)) {
            return none(
                    "tensor cores take rows of bytes that are not shifted, and drop out whole words"
                            + " of them");
        }
        int size = size();
        List<BlockTeam> wanted =
                teams.stream()
                        .filter(team -> team.tensor() == tensor)
                        .filter(team -> engine.isFused() || size > 0 || team.isAutomatic())
                        .toList();
        if (wanted.isEmpty()) {
            return none(
                    tensor
                            ? "this device has no clusters"
                            : "work-groups cannot wait for each other here, and one alone is taken only"
                                    + " when asked for, by --engine fused");
        }
        List<FusedLayout> all =
                Stream.concat(wanted.stream(), ofShape(plan, wanted, pixels, size).stream())
                        .filter(team -> size == 0 || team.blocks() == size)
                        .map(team -> new FusedLayout(plan, team, pixels))
                        .toList();
        if (all.isEmpty()) {
            return none(
                    "this device has teams of %s blocks",
                    wanted.stream()
                            .map(BlockTeam::blocks)
                            .distinct()
                            .sorted()
                            .map(String::valueOf)
                            .collect(Collectors.joining(", ")));
        }
        List<FusedLayout> fitting =
                all.stream()
                        .filter(FusedLayout::fits)
                        .sorted(
                                Comparator.comparing((FusedLayout l) -> l.team().shape() == null)
                                        .thenComparing(l -> l.team().blocks() == 1)
                                        // a cluster's exchange does not leave the multiprocessors
                                        .thenComparing(l -> !l.team().isCluster())
                                        .thenComparing(FusedLayout::columns)
                                        .thenComparing(l -> l.team().blocks()))
                        .toList();
        if (!fitting.isEmpty()) {
            return new Choice(fitting, null);
        }
        FusedLayout least = Collections.min(all, Comparator.comparing(FusedLayout::bytes));
        BlockTeam team = least.team();
        return none(
                "a block of %s would need %,d KiB of shared memory, and has %,d KiB",
                team.description(), least.bytes() + 1023 >> 10, team.memory() >> 10);
    }

    /** A kernel for this very network, where the device has clusters and no size was asked for. */
    private static List<BlockTeam> ofShape(
            Plan plan, List<BlockTeam> wanted, boolean pixels, int size) {
        return wanted.stream()
                .filter(team -> size == 0 && team.isCluster() && !team.tensor())
                .limit(1)
                .map(team -> FusedShape.team(plan, pixels, team.memory()))
                .filter(Objects::nonNull)
                .toList();
    }

    /** Blocks of the team that alone will do, by {@value #SIZE}; 0 if it is not set. */
    private static int size() {
        String value = System.getenv(SIZE);
        if (value == null || value.isBlank()) {
            return 0;
        }
        if (!value.matches("[1-9][0-9]{0,2}")) {
            throw usage("%s is \"%s\": set it to a number of blocks, or unset it", SIZE, value);
        }
        return Integer.parseInt(value);
    }
}
