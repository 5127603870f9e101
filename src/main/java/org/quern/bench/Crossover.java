package org.quern.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * From which batch size on a GPU is faster than the host's processors.
 *
 * @param network its widths
 * @param batch the least measured batch size at which, and at all larger ones, the faster of the
 *     GPUs is faster than the fastest on the host; null if there is none
 */
public record Crossover(String network, Integer batch) {

    /** The fastest at a batch size. */
    public record Winner(int batch, String backend) {}

    /**
     * Of one network's results, by batch size; empty where not both a GPU and the host were
     * measured.
     */
    public static Optional<Crossover> of(List<StepBench.Result> results) {
        Integer from = null;
        boolean both = false;
        for (int batch : batches(results)) {
            double gpu = least(results, batch, true);
            double host = least(results, batch, false);
            if (Double.isInfinite(gpu) || Double.isInfinite(host)) {
                continue;
            }
            both = true;
            if (gpu >= host) {
                from = null;
            } else if (from == null) {
                from = batch;
            }
        }
        return both ? Optional.of(new Crossover(results.get(0).network(), from)) : Optional.empty();
    }

    /** Who is the fastest at each batch size of one network's results. */
    public static List<Winner> winners(List<StepBench.Result> results) {
        List<Winner> winners = new ArrayList<>();
        for (int batch : batches(results)) {
            results.stream()
                    .filter(result -> result.batch() == batch)
                    .min((a, b) -> Double.compare(a.seconds().median(), b.seconds().median()))
                    .ifPresent(result -> winners.add(new Winner(batch, result.backend())));
        }
        return winners;
    }

    private static List<Integer> batches(List<StepBench.Result> results) {
        return results.stream().map(StepBench.Result::batch).distinct().sorted().toList();
    }

    private static double least(List<StepBench.Result> results, int batch, boolean gpu) {
        return results.stream()
                .filter(result -> result.batch() == batch && result.gpu() == gpu)
                .mapToDouble(result -> result.seconds().median())
                .min()
                .orElse(Double.POSITIVE_INFINITY);
    }
}
