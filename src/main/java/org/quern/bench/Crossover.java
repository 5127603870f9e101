package org.quern.bench;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.quern.bench.StepBench.Result;

/**
 * From which batch size on a GPU is faster than the host's processors.
 *
 * @param network its widths
 * @param batch the least measured batch size at which, and at all larger ones, the faster of the
 *     GPUs is faster than the fastest on the host; null if there is none
 */
public record Crossover(String network, Integer batch) {
    /** Of one network's results; empty where not both a GPU and the host were measured. */
    public static Optional<Crossover> of(List<Result> results) {
        Integer from = null;
        boolean both = false;
        for (int batch : batches(results)) {
            Optional<Result> gpu = fastest(results, batch, Result::gpu);
            Optional<Result> host = fastest(results, batch, result -> !result.gpu());
            if (gpu.isPresent() && host.isPresent()) {
                both = true;
                boolean ahead = gpu.get().seconds().median() < host.get().seconds().median();
                from = !ahead ? null : from == null ? (Integer) batch : from;
            }
        }
        return both ? Optional.of(new Crossover(results.get(0).network(), from)) : Optional.empty();
    }

    /** The fastest of one network's results at each batch size. */
    public static List<Result> winners(List<Result> results) {
        return batches(results).stream()
                .map(batch -> fastest(results, batch, any -> true).orElseThrow())
                .toList();
    }

    private static List<Integer> batches(List<Result> results) {
        return results.stream().map(Result::batch).distinct().sorted().toList();
    }

    private static Optional<Result> fastest(
            List<Result> results, int batch, Predicate<Result> among) {
        return results.stream()
                .filter(result -> result.batch() == batch && among.test(result))
                .min(Comparator.comparingDouble(result -> result.seconds().median()));
    }
}
