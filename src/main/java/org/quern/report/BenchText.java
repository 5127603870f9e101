package org.quern.report;

import static org.quern.report.Numbers.format;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.quern.bench.KernelBench;
import org.quern.bench.Roofline;
import org.quern.bench.StepBench;
import org.quern.bench.Timing;

/**
 * What {@code quern bench} prints, on 100 columns.
 *
 * @hidden
 */
public final class BenchText {
    private static final String KERNEL = "%-48s %-7s %8s %12s %13s %7s";

    /** Columns of a table of steps up to which there is room for their spread. */
    private static final int WITH_SPREAD = 5;

    private BenchText() {}

    /** A time in the unit that suits it, three digits: {@code 41.2 us}. */
    public static String time(double seconds) {
        return digits(seconds * scale(seconds))
                + (seconds < 1e-3 ? " us" : seconds < 1 ? " ms" : " s");
    }

    private static double scale(double seconds) {
        return seconds < 1e-3 ? 1e6 : seconds < 1 ? 1e3 : 1;
    }

    private static String digits(double value) {
        int decimals = value < 0.9995 ? 3 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
        return format("%." + decimals + "f", value);
    }

    public static String limits(Roofline.Figures figures) {
        String copy = Numbers.bytes(figures.copyBytes());
        String bandwidth = bandwidth(figures.copyBytesPerSecond());
        String flops = flops(figures.flopsPerSecond());
        String text = "%s: copies %s at %s, computes %s (%s)";
        return format(text, figures.backend(), copy, bandwidth, flops, figures.arithmetic());
    }

    private static String bandwidth(double bytesPerSecond) {
        return digits(bytesPerSecond * 1e-9) + " GB/s";
    }

    private static String flops(double flopsPerSecond) {
        return flopsPerSecond < 1e12
                ? digits(flopsPerSecond * 1e-9) + " GFLOP/s"
                : digits(flopsPerSecond * 1e-12) + " TFLOP/s";
    }

    public static String kernelHead() {
        return format(KERNEL, "kernel", "backend", "time", "least..most", "rate", "limit");
    }

    /** A line of the table of kernels; it need not be named where the line above names it. */
    public static String kernel(KernelBench.Result result, boolean named) {
        Timing t = result.seconds();
        double scale = scale(t.median());
        Double percent = result.percentOfLimit();
        boolean computes = "arithmetic".equals(result.limit());
        String rate =
                computes ? flops(result.flopsPerSecond()) : bandwidth(result.bytesPerSecond());
        String star = "cache".equals(result.limit()) ? "*" : " ";
        String name = named ? result.kernel() : "";
        String range = digits(t.least() * scale) + ".." + digits(t.most() * scale);
        String limit = percent == null ? "-" : format("%.0f %%", percent) + star;
        return format(KERNEL, name, result.backend(), time(t.median()), range, rate, limit)
                .stripTrailing();
    }

    public static List<String> kernelNotes() {
        return List.of(
                "limit: the part that is reached, of the arithmetic above (GFLOP/s), of the large copy"
                        + " above (GB/s),",
                "or (*) of a copy of operands as small, in cache like these. Medians, over the limit's"
                        + " best round.");
    }

    /** How near each backend comes to the limits, in a line each. */
    public static List<String> kernelSummary(List<KernelBench.Result> results) {
        Map<String, List<KernelBench.Result>> byBackend = new LinkedHashMap<>();
        for (KernelBench.Result result : results) {
            byBackend.computeIfAbsent(result.backend(), name -> new ArrayList<>()).add(result);
        }
        return byBackend.values().stream().map(BenchText::summaryOfBackend).toList();
    }

    private static String summaryOfBackend(List<KernelBench.Result> results) {
        List<String> medians = new ArrayList<>();
        for (String limit : List.of("arithmetic", "memory", "cache")) {
            Stream<KernelBench.Result> by =
                    results.stream().filter(result -> limit.equals(result.limit()));
            double[] percents =
                    by.mapToDouble(KernelBench.Result::percentOfLimit).sorted().toArray();
            int n = percents.length;
            if (n > 0) {
                medians.add(format("%d by %s %.0f %%", n, limit, percents[n / 2]));
            }
        }
        int count = results.size();
        return format("%s: %d kernel", results.get(0).backend(), count)
                + (count == 1 ? " right" : "s right")
                + (medians.isEmpty() ? "" : "; medians: " + String.join(", ", medians));
    }

    /** What the columns of a table of steps hold, if there are so many. */
    public static String stepTitle(int columns) {
        return columns <= WITH_SPREAD
                ? "median time of a step, ± half the range in percent of it"
                : "median time of a step";
    }

    /** The head of a table of steps: of a name of two words, the second below the first. */
    public static List<String> stepHead(List<String> names) {
        List<String> first = new ArrayList<>();
        List<String> last = new ArrayList<>();
        for (String name : names) {
            int space = name.indexOf(' ');
            first.add(name.substring(0, Math.max(0, space)));
            last.add(name.substring(space + 1));
        }
        String head = stepRow("batch", last);
        return String.join("", first).isEmpty() ? List.of(head) : List.of(stepRow("", first), head);
    }

    /** A line of it: medians and, where there is room, half of what lies between least and most. */
    public static String stepRow(int batch, List<StepBench.Result> results) {
        boolean spread = results.size() <= WITH_SPREAD;
        List<String> cells = new ArrayList<>();
        for (StepBench.Result result : results) {
            if (result == null) {
                cells.add("-");
                continue;
            }
            Timing t = result.seconds();
            double percent = 50 * (t.most() - t.least()) / t.median();
            cells.add(time(t.median()) + (spread ? format(" ±%3.0f%%", percent) : ""));
        }
        return stepRow(Integer.toString(batch), cells);
    }

    private static String stepRow(String first, List<String> cells) {
        String column = cells.size() <= WITH_SPREAD ? "%17s" : "%11s";
        return format("%8s", first) + format(column.repeat(cells.size()), cells.toArray());
    }

    /** Who is the fastest at which batch size, in one line for all networks. */
    public static String verdict(List<List<StepBench.Result>> byNetwork) {
        List<String> verdicts = new ArrayList<>();
        List<String> parts = new ArrayList<>();
        for (List<StepBench.Result> results : byNetwork) {
            if (!results.isEmpty()) {
                String fastest = fastest(StepBench.Crossover.winners(results));
                verdicts.add(fastest);
                parts.add(results.get(0).network() + ": " + fastest);
            }
        }
        boolean gpu = byNetwork.stream().flatMap(List::stream).anyMatch(StepBench.Result::gpu);
        boolean same = verdicts.size() > 1 && Set.copyOf(verdicts).size() == 1;
        return (gpu ? "" : "no GPU here; ") + (same ? verdicts.get(0) : String.join("; ", parts));
    }

    /** For instance {@code cpu is the fastest up to batch 32, cuda from 128 on}. */
    private static String fastest(List<StepBench.Result> winners) {
        String all = winners.get(0).backend();
        if (winners.stream().allMatch(winner -> winner.backend().equals(all))) {
            return all + " is the fastest at every batch size";
        }
        List<String> parts = new ArrayList<>();
        for (int from = 0; from < winners.size(); ) {
            String name = winners.get(from).backend();
            int to = from;
            while (to < winners.size() && winners.get(to).backend().equals(name)) {
                to++;
            }
            int first = winners.get(from).batch();
            int last = winners.get(to - 1).batch();
            if (from == 0) {
                parts.add(name + " is the fastest up to batch " + last);
            } else if (to == winners.size()) {
                parts.add(name + " from " + first + " on");
            } else {
                parts.add(
                        name + (first == last ? " at " + first : " from " + first + " to " + last));
            }
            from = to;
        }
        return String.join(", ", parts);
    }

    public static String crossover(StepBench.Crossover crossover) {
        String where = ": a GPU is faster from batch " + crossover.batch() + " on";
        String nowhere = ": the host is faster at the largest batch size, too";
        return crossover.network() + (crossover.batch() == null ? nowhere : where);
    }
}
