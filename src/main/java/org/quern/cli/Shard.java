package org.quern.cli;

import static org.quern.QuernException.usage;
import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * One of the parts of a sweep that processes train on their own, on as many machines.
 *
 * @param number from 1
 * @param source what of the environment says so; empty if the option does
 */
record Shard(int number, int count, String source) {
    /** The part that is all of it. */
    static final Shard WHOLE = new Shard(1, 1, "");

    private static final String INDEX = "JOB_COMPLETION_INDEX";
    private static final String TASK = "SLURM_ARRAY_TASK_ID";
    private static final String RANK = "OMPI_COMM_WORLD_RANK";
    private static final Pattern OPTION = Pattern.compile("(auto|\\d{1,9})(?:/(\\d{1,9}))?");

    /**
     * What {@code --shard} says: {@code 2/8}; {@code auto}, which asks the environment; or {@code
     * auto/8} where that does not say of how many.
     */
    static Shard parse(String text, Map<String, String> environment) {
        Matcher option = OPTION.matcher(text);
        if (option.matches()) {
            int count = option.group(2) == null ? 0 : Integer.parseInt(option.group(2));
            if (option.group(1).equals("auto") && (count > 0 || option.group(2) == null)) {
                return auto(text, count, environment);
            }
            int number = option.group(1).equals("auto") ? 0 : Integer.parseInt(option.group(1));
            if (number >= 1 && number <= count) {
                return new Shard(number, count, "");
            }
        }
        throw usage("--shard %s: write I/N with I from 1 to N, auto or auto/N", text);
    }

    /** The variables of the environment that say which of several tasks this is. */
    static List<String> told(Map<String, String> environment) {
        return List.of(INDEX, TASK, RANK).stream().filter(environment::containsKey).toList();
    }

    private static Shard auto(String option, int count, Map<String, String> environment) {
        List<String> told = told(environment);
        if (told.isEmpty()) {
            throw usage(
                    "--shard %s: the environment has no %s, %s or %s: write --shard I/N",
                    option, INDEX, TASK, RANK);
        }
        if (told.size() > 1) {
            throw usage(
                    "--shard %s: the environment says it twice, by %s: write --shard I/N",
                    option, String.join(" and ", told));
        }
        return switch (told.get(0)) {
            case INDEX -> ofJob(option, count, environment);
            case TASK -> ofArray(option, count, environment);
            default -> {
                int rank = number(environment, RANK);
                int size = number(environment, "OMPI_COMM_WORLD_SIZE");
                yield checked(option, count, rank, size, format("%s %d of %d", RANK, rank, size));
            }
        };
    }

    /** Kubernetes gives a pod its index, but not the Job's completions. */
    private static Shard ofJob(String option, int count, Map<String, String> environment) {
        int index = number(environment, INDEX);
        if (count == 0) {
            throw usage(
                    "--shard auto: %s is %d, but Kubernetes does not say of how many: write --shard"
                            + " auto/N with the completions of the Job",
                    INDEX, index);
        }
        return checked(option, count, index, count, format("%s %d", INDEX, index));
    }

    private static Shard ofArray(String option, int count, Map<String, String> environment) {
        int task = number(environment, TASK);
        int tasks = number(environment, "SLURM_ARRAY_TASK_COUNT");
        int first = number(environment, "SLURM_ARRAY_TASK_MIN");
        int last = number(environment, "SLURM_ARRAY_TASK_MAX");
        boolean stepped = environment.containsKey("SLURM_ARRAY_TASK_STEP");
        int step = stepped ? Math.max(1, number(environment, "SLURM_ARRAY_TASK_STEP")) : 1;
        String source = format("%s %d of %d to %d", TASK, task, first, last);
        if (last - first != (tasks - 1) * step || (task - first) % step != 0) {
            throw usage(
                    "--shard %s: %s are not the %d tasks of a whole array: write --shard I/N",
                    option, source, tasks);
        }
        return checked(option, count, (task - first) / step, tasks, source);
    }

    private static Shard checked(String option, int asked, int index, int count, String source) {
        if (index < 0 || index >= count || asked > 0 && asked != count) {
            throw usage(
                    "--shard %s: %s is number %d of %d: write --shard I/N",
                    option, source, index + 1, count);
        }
        return new Shard(index + 1, count, source);
    }

    private static int number(Map<String, String> environment, String name) {
        String value = environment.getOrDefault(name, "");
        if (!value.matches("\\d{1,9}")) {
            throw usage(
                    "--shard auto: %s is \"%s\", which is no count: write --shard I/N",
                    name, value);
        }
        return Integer.parseInt(value);
    }

    /**
     * Its part of a list: one of each {@code count} in a row, not always the same. Where the last
     * setting that is varied takes as many values as there are shards, each gets all of them, and
     * none those alone that take the longest.
     */
    <T> List<T> of(List<T> all) {
        List<T> part = new ArrayList<>();
        IntStream.range(0, all.size())
                .filter(i -> (i + i / count) % count == number - 1)
                .forEach(i -> part.add(all.get(i)));
        return part;
    }

    @Override
    public String toString() {
        String from = source.isEmpty() ? "" : " (" + source + ")";
        return format("%d/%d", number, count) + from;
    }
}
