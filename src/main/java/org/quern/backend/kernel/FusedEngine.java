package org.quern.backend.kernel;

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

    /**
     * Trainings of a plan that a device with some multiprocessors can run side by side: as many as
     * it has room for teams, or one if the plan takes none.
     */
    public static int sideBySide(Plan plan, List<Team> teams, int units, Backend.Options options) {
        List<FusedLayout> layouts = Fused.of(plan, teams, true, options, size()).layouts();
        return layouts.isEmpty() || layouts.get(0).team().blocks() == 1
                ? 1
                : Math.max(1, units / layouts.get(0).team().blocks());
    }

    private Fused choice(boolean pixels) {
        return Fused.of(plan, device.teams(), pixels, options, size());
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
            return "fused into one launch, by "
                    + fused.layouts().get(0).team().description()
                    + (size() > 0 ? " (" + Fused.SIZE + ")" : "");
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
        FusedSteps steps =
                choice.layouts().isEmpty()
                        ? null
                        : FusedSteps.open(device, choice.layouts(), arena, pass, log, data);
        takenPixels = data.isPixels();
        taken =
                steps != null
                        ? new Fused(List.of(steps.layout()), null)
                        : choice.layouts().isEmpty() ? choice : Fused.none(Fused.NO_TEAM);
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
