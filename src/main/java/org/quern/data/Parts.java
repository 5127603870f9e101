package org.quern.data;

import static org.quern.QuernException.data;

import java.util.List;
import java.util.stream.IntStream;

/**
 * The rows of a run, carved out of a source: none of one part is in another, unless it is to be
 * learned by heart.
 *
 * @param train rows to train on
 * @param validation rows to measure on after each epoch; null for none
 * @param test rows to measure on at the end
 */
public record Parts(Dataset train, Dataset validation, Dataset test) {

    /**
     * Carves, in this order: test rows, where the source has none; then at most {@code limit} rows
     * to train on; then validation rows out of those.
     *
     * @param testFraction of the rows, where the source has no test rows
     * @param limit most rows to train on; 0 for all
     * @param validationFraction of the training rows; 0 for none
     * @param overfit if above 0, train and test are this many of the training rows, the same ones
     * @param seed decides which rows
     * @throws org.quern.QuernException if a test row has a class that no training row has
     */
    public static Parts of(
            Splits source,
            double testFraction,
            int limit,
            double validationFraction,
            int overfit,
            long seed) {
        Dataset train = source.train();
        Dataset test = source.test();
        if (test == null) {
            Split split = Split.carve(train, testFraction, seed, "test");
            train = split.rest();
            test = split.part();
        }
        if (train.features() != test.features()) {
            throw data(
                    "%s has %d values a row, but %s has %d: they do not belong together",
                    train.name(), train.features(), test.name(), test.features());
        }
        if (test.hasLabels() && source.test() != null) {
            Dataset rows = train;
            List<String> seen =
                    IntStream.of(rows.labels())
                            .distinct()
                            .sorted()
                            .mapToObj(c -> rows.classes().get(c))
                            .toList();
            test.inClassesKnownTo("training", seen);
        }
        if (overfit > 0) {
            Dataset few = Split.limit(train, overfit, seed);
            return new Parts(few, null, few);
        }
        if (limit > 0) {
            train = Split.limit(train, limit, seed);
        }
        if (validationFraction > 0) {
            Split split = Split.carve(train, validationFraction, seed, "validation");
            return new Parts(split.rest(), split.part(), test);
        }
        return new Parts(train, null, test);
    }
}
