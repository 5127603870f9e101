package org.quern.backend.gpu;

import java.util.List;
import java.util.Locale;
import org.quern.QuernException;
import org.quern.backend.Backend;
import org.quern.plan.Plan;

/** Decides between the fused kernel and launches by the op, for a plan on a device. */
public final class FusedEngine {
    private final Device device;
    private final Plan plan;
    private final Backend.Options options;
    private Fused taken; // what the device gave, once it was asked, for such data
    private boolean takenPixels;

    FusedEngine(Device device, Plan plan, Backend.Options options) {
        this.device = device;
        this.plan = plan;
        this.options = options;
    }

    /** How many teams of a device work side by side, as {@link Device#room} has it. */
    public interface TeamRoom {
        /** At least one. */
        int of(BlockTeam team, long bytes) throws TeamRefused;
    }

    /**
     * Trainings of a plan that a device can run side by side, each in the time that it takes alone:
     * as many as it has room for teams, each of whose blocks has a multiprocessor to itself, or one
     * if the plan takes no team.
     *
     * @param units its multiprocessors
     */
    public static int sideBySide(
            Plan plan, List<BlockTeam> teams, int units, Backend.Options options, TeamRoom room) {
        Fused fused = choice(Fused.of(plan, teams, true, options, size()), room);
        if (fused.layouts().isEmpty() || fused.first().team().blocks() == 1) {
            return 1;
        }
        FusedLayout layout = fused.first();
        try {
            int most = room.of(layout.team(), layout.bytes());
            return Math.max(1, Math.min(most, units / layout.team().blocks()));
        } catch (TeamRefused e) {
            throw new IllegalStateException("a team that was there is no more", e);
        }
    }

    /** What is left when the device was asked for the teams, until it has room for one. */
    private static Fused choice(Fused fused, TeamRoom room) {
        Fused left = fused;
        while (!left.layouts().isEmpty()) {
            try {
                room.of(left.first().team(), left.first().bytes());
                return left;
            } catch (TeamRefused e) {
                left = left.without(e);
            }
        }
        return left;
    }

    private Fused choice(boolean pixels) {
        return choice(Fused.of(plan, device.teams(), pixels, options, size()), device::room);
    }

    private static int size() {
        return Fused.size(System.getenv(Fused.SIZE));
    }

    /**
     * How steps on some data are given to the device, and why not otherwise, in a sentence: what is
     * planned, or, when steps were run, what the device had room for.
     */
    String description(boolean pixels) {
        Fused fused = taken != null && takenPixels == pixels ? taken : choice(pixels);
        if (!fused.layouts().isEmpty()) {
            return "fused into one launch, " + fused.by(size() > 0 ? Fused.SIZE : null);
        }
        String steps =
                options.sync() || options.engine() == Backend.Engine.OPS
                        ? "launch by launch"
                        : device.captures() ? "as a graph of launches" : "as a list of launches";
        return fused.reason() == null
                ? steps
                : "%s (not fused: %s)".formatted(steps, fused.reason());
    }

    /**
     * The fused kernel for some data, prepared when it is first asked for; null for none.
     *
     * @param pass whose words are those of the steps to come
     * @throws QuernException if it, or a size of its team, was asked for by name and cannot be had
     */
    FusedSteps fused(DeviceData data, Device.Buffer arena, Device.Buffer pass, Device.Buffer log) {
        if (data.triedFused()) {
            return data.fused();
        }
        Fused choice = data.chunk() == 0 ? choice(data.isPixels()) : Fused.STREAMED;
        FusedSteps steps = null;
        while (steps == null && !choice.layouts().isEmpty()) {
            try {
                steps = FusedSteps.open(device, choice.first(), arena, pass, log, data);
            } catch (TeamRefused e) {
                choice = choice.without(e);
            }
        }
        takenPixels = data.isPixels();
        taken = choice;
        boolean asked = taken.reason() != null; // not so if a graph or ops were asked for
        if (steps == null && asked && size() > 0) {
            throw QuernException.usage(
                    "%s=%d cannot train this network here: %s: unset it",
                    Fused.SIZE, size(), taken.reason());
        }
        if (steps == null && options.engine().isFused()) {
            throw QuernException.usage(
                    "--engine %s cannot train this network here: %s: leave it to --engine auto",
                    options.engine().name().toLowerCase(Locale.ROOT), taken.reason());
        }
        data.keep(steps);
        return steps;
    }
}
