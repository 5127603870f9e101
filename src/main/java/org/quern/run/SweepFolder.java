package org.quern.run;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.joining;
import static org.quern.QuernException.copied;
import static org.quern.QuernException.data;
import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.Version;
import org.quern.data.Splits;
import org.quern.files.AtomicFile;
import org.quern.io.Json;
import org.quern.run.Sweep.Member;
import org.quern.run.Sweep.Result;

/**
 * The folder of a sweep: {@code sweep.json}, which says what is trained, and a run's folder for
 * each training: {@code 0001}, or {@code 0001-fold-1}. The trainings of one sweep may be done by
 * several processes, into one folder or one each: what they do depends on neither.
 */
public final class SweepFolder {
    private static final String PLAN = "sweep.json";

    /** Trainings that are named where several lack or are there twice. */
    private static final int NAMED = 10;

    /** The form of {@link #PLAN}. */
    private static final int FORMAT = 1;

    /** A folder of a training. */
    private static final Pattern NAME = Pattern.compile("\\d{4,}(-fold-\\d+)?");

    /** What is trained: the same in all folders of a sweep. */
    private record Plan(
            int quern,
            String version,
            String command,
            int trainings,
            String rows,
            Map<String, List<String>> varied,
            Map<String, String> settings) {
        int folds() {
            return Integer.parseInt(settings.getOrDefault(Setting.FOLDS.name(), "0"));
        }

        /** Whether there is a training for each combination and fold, and no other. */
        boolean isWhole() {
            if (Stream.of(command, rows, varied, settings).anyMatch(Objects::isNull)
                    || varied.containsValue(null)
                    || !(settings.getOrDefault(Setting.FOLDS.name(), "0") + "")
                            .matches("\\d{1,5}")) {
                return false;
            }
            long all = Math.max(1, folds());
            for (List<String> values : varied.values()) {
                all *= values.size();
            }
            return trainings == all;
        }

        /** In what it is another sweep than a second one; null if in nothing that matters. */
        String unlike(Plan other) {
            if (!rows.equals(other.rows)) {
                return "the rows %s, not %s".formatted(rows, other.rows);
            }
            Map<String, Object> here = new LinkedHashMap<>(settings);
            Map<String, Object> there = new LinkedHashMap<>(other.settings);
            here.putAll(varied);
            there.putAll(other.varied);
            Set<String> names = new LinkedHashSet<>(here.keySet());
            names.addAll(there.keySet());
            return names.stream()
                    .filter(name -> !text(here.get(name)).equals(text(there.get(name))))
                    .map(one -> one + " " + text(here.get(one)) + ", not " + text(there.get(one)))
                    .findFirst()
                    .orElse(trainings == other.trainings ? null : trainings + " trainings");
        }

        private static String text(Object values) {
            return values instanceof List<?> list
                    ? list.stream().map(String::valueOf).collect(joining(" | "))
                    : String.valueOf(values);
        }
    }

    /**
     * The results of a whole sweep.
     *
     * @param results in the order of its trainings
     * @param about when, where and by which command it was made, as in {@code run.json}
     */
    public record Collected(List<Result> results, Map<String, Object> about) {}

    private final Path folder;
    private final Plan plan;
    private final Consumer<String> said;
    private boolean noticed;

    private SweepFolder(Path folder, Plan plan, Consumer<String> said) {
        this.folder = folder;
        this.plan = plan;
        this.said = said;
    }

    /**
     * Begins a sweep in a folder, created if need be, or goes on with the same one.
     *
     * @param members all of the sweep, whoever trains them, with what {@code data} tells
     * @param command what is told to be the command, for a shell to repeat
     * @param said takes what is to be said while it goes on
     * @throws org.quern.QuernException if another sweep or a run is in it
     */
    public static SweepFolder open(
            Path folder, List<Member> members, Splits data, String command, Consumer<String> said) {
        copied(members, "members");
        expect(!members.isEmpty(), "there is nothing to train");
        Map<String, String> settings = members.get(0).settings().texts();
        settings.keySet().removeIf(name -> Setting.named(name).mayChange());
        settings.remove(Setting.DATA.name()); // another path on another machine
        Map<String, List<String>> varied = new LinkedHashMap<>();
        for (Member member : members) {
            member.varied().forEach((name, value) -> put(varied, name, value));
        }
        settings.keySet().removeAll(varied.keySet());
        Plan plan =
                new Plan(
                        FORMAT,
                        Version.TEXT,
                        given(command, "command"),
                        members.size(),
                        given(data, "data").train().fingerprint(),
                        varied,
                        settings);
        String run = "%s holds a run, not a sweep: give --out another folder";
        require(!RunFolder.holdsRun(folder), run, folder);
        AtomicFile.createOutput(folder);
        Path file = RunFolder.refuseLink(folder.resolve(PLAN));
        if (!Files.exists(file)) {
            AtomicFile.write(file, Json.indented(plan));
        }
        String unlike = plan(folder).unlike(plan); // of somebody else, who may have been faster
        String text =
                "%s holds another sweep, with %s: give --out another folder, or the same options";
        require(unlike == null, text, folder, unlike);
        return new SweepFolder(folder, plan, given(said, "said"));
    }

    private static void put(Map<String, List<String>> varied, String name, String value) {
        List<String> values = varied.computeIfAbsent(name, any -> new ArrayList<>());
        if (!values.contains(value)) {
            values.add(value);
        }
    }

    private static Plan plan(Path folder) {
        Path file = folder.resolve(PLAN);
        String none =
                "%s holds no sweep: there is no %s in it; give the folder that sweep --out was"
                        + " given";
        require(Files.exists(file), none, folder, PLAN);
        try {
            Plan plan = new Gson().fromJson(Files.readString(file), Plan.class);
            require(plan != null && plan.quern > 0, "%s is not what Quern wrote of a sweep", file);
            String other =
                    "%s says format %d, and this Quern reads %d: take the Quern that wrote it";
            require(plan.quern == FORMAT, other, file, plan.quern, FORMAT);
            String damaged =
                    "%s is damaged: %d trainings are not what its settings and folds make: remove it"
                            + " and repeat the sweep's command";
            require(plan.isWhole(), damaged, file, plan.trainings);
            return plan;
        } catch (JsonParseException e) {
            throw data(e, "%s is damaged: it is no JSON (%s)", file, Json.why(e));
        } catch (IOException e) {
            throw data(e, "%s cannot be read (%s)", file, AtomicFile.reason(e));
        }
    }

    /**
     * Refuses to go on with one training of a sweep as if it were a run of its own, which would
     * take from its {@code run.json} that it is none.
     */
    public static void refuseTraining(RunFolder run) {
        Path path = given(run, "run").folder().toAbsolutePath().normalize();
        Path in = path.getParent();
        boolean kept =
                NAME.matcher("" + path.getFileName()).matches() && Files.exists(in.resolve(PLAN));
        boolean fold = !run.settings().getOrDefault(Setting.FOLDS.name(), "0").equals("0");
        String text =
                "%s is a training of a sweep: go on with it by the sweep's command, quern sweep"
                        + " ... --out %s";
        require(!kept && !fold, text, run.folder(), in);
    }

    /** The folder of a run for one training. */
    public Path of(Member member) {
        return folder.resolve(name(given(member, "member").number(), member.fold()));
    }

    private static String name(int number, int fold) {
        String name = String.format(Locale.ROOT, "%04d", number);
        return fold == 0 ? name : name + "-fold-" + fold;
    }

    /** The results of those trainings that have ended, in this process or before. */
    public List<Result> done(List<Member> members) {
        List<Result> done = new ArrayList<>();
        for (Member member : copied(members, "members")) {
            JsonObject run = KeptMember.ended(of(member));
            if (run != null) {
                done.add(KeptMember.result(of(member), run));
            }
        }
        return done;
    }

    KeptMember keep(Member member, Training training, String backend, String data) {
        RunReport report = RunReport.of(training, backend, data, plan.command);
        KeptMember kept = new KeptMember(of(member), member, training, backend, report, said);
        tell(kept.notice());
        return kept;
    }

    /** Tells once what is the same for all of its runs. */
    private synchronized void tell(String notice) {
        if (notice != null && !noticed) {
            noticed = true;
            said.accept(notice);
        }
    }

    /**
     * Puts the folders of a sweep together.
     *
     * @param folders in which each of its trainings has ended once
     * @param notes takes a line for what is not as in one process
     * @throws org.quern.QuernException if a training lacks or is there twice, or if they are of
     *     different sweeps
     */
    public static Collected collect(List<Path> folders, Consumer<String> notes) {
        copied(folders, "folders");
        expect(!folders.isEmpty(), "there is no folder to collect from");
        Plan plan = plan(folders.get(0));
        for (Path other : folders) {
            String unlike = plan(other).unlike(plan);
            String text = "%s is of another sweep than %s, with %s: collect each alone";
            require(unlike == null, text, other, folders.get(0), unlike);
        }
        Map<String, List<Path>> found = new LinkedHashMap<>(); // in the order of the plan
        int folds = Math.max(1, plan.folds());
        for (int i = 0; i < plan.trainings; i++) {
            String name = name(i / folds + 1, plan.folds() == 0 ? 0 : i % folds + 1);
            found.put(name, folders.stream().map(one -> one.resolve(name)).toList());
        }
        folders.forEach(one -> refuseOthers(one, found.keySet()));
        Map<Path, JsonObject> runs = new LinkedHashMap<>();
        List<String> missing = new ArrayList<>();
        List<String> twice = new ArrayList<>();
        found.forEach(
                (name, paths) -> {
                    int done = 0;
                    for (Path path : paths) {
                        JsonObject run = KeptMember.ended(path);
                        if (run != null) {
                            done++;
                            runs.put(path, run);
                        }
                    }
                    if (done != 1) {
                        (done == 0 ? missing : twice).add(name);
                    }
                });
        require(
                missing.isEmpty(),
                "%d of %d trainings have not ended (%s): run their shards again, or give all"
                        + " folders",
                missing.size(),
                plan.trainings,
                named(missing));
        require(
                twice.isEmpty(),
                "%d of %d trainings are in more than one of the folders (%s): give each folder"
                        + " once, or leave one out",
                twice.size(),
                plan.trainings,
                named(twice));
        List<Result> results = new ArrayList<>();
        runs.forEach((path, run) -> results.add(KeptMember.result(path, run)));
        tellDevices(runs.values().stream().toList(), notes);
        return new Collected(results, about(plan, results, runs));
    }

    /** Refuses trainings that a plan does not have: it may have been made smaller. */
    private static void refuseOthers(Path folder, Set<String> names) {
        String text =
                "%s is none of the %d trainings of %s: remove the one that is of another sweep";
        try (DirectoryStream<Path> all = Files.newDirectoryStream(folder)) {
            for (Path one : all) {
                String name = one.getFileName().toString();
                boolean other = NAME.matcher(name).matches() && !names.contains(name);
                require(!other, text, one, names.size(), PLAN);
            }
        } catch (IOException e) {
            throw data(e, "%s cannot be listed (%s)", folder, AtomicFile.reason(e));
        }
    }

    private static String named(List<String> names) {
        String some = String.join(", ", names.subList(0, Math.min(NAMED, names.size())));
        return names.size() > NAMED ? some + ", ..." : some;
    }

    /** Other processors round otherwise, and so may another version. */
    private static void tellDevices(List<JsonObject> runs, Consumer<String> notes) {
        Map<String, List<JsonObject>> by =
                runs.stream()
                        .collect(
                                groupingBy(
                                        run ->
                                                Stream.of("backend", "device", "version")
                                                        .map(name -> String.valueOf(run.get(name)))
                                                        .map(text -> text.replace("\"", ""))
                                                        .collect(joining(", "))));
        if (by.size() > 1) {
            String each =
                    by.entrySet().stream()
                            .map(one -> "%,d on %s".formatted(one.getValue().size(), one.getKey()))
                            .collect(joining("; "));
            given(notes, "notes")
                    .accept("not all were trained alike, so last digits may differ: " + each);
        }
    }

    private static Map<String, Object> about(
            Plan plan, List<Result> results, Map<Path, JsonObject> runs) {
        Map<String, Object> about = new LinkedHashMap<>();
        Map.Entry<Path, JsonObject> first = runs.entrySet().iterator().next();
        String damaged = "%s: run.json is damaged: its %s is not what Quern writes";
        for (String name : RunReport.about("", "", "").keySet()) {
            JsonElement told = first.getValue().get(name);
            require(told == null || told.isJsonPrimitive(), damaged, first.getKey(), name);
            about.put(name, told == null ? null : told.getAsString());
        }
        about.put("command", plan.command);
        about.put("trainings", plan.trainings);
        about.put("seconds", results.stream().mapToDouble(Result::seconds).sum());
        return about;
    }
}
