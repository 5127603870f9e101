package org.quern.spark;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.storage.StorageLevel;
import org.quern.data.Dataset;
import org.quern.data.Header;

/**
 * The rows of a DataFrame in blocks, cached, and looked through for what is wrong with them. In the
 * order of the partitions, whoever computes them.
 */
final class Blocks implements AutoCloseable {
    /** What labels are to be. */
    enum Labels {
        /** Whole numbers from 0. */
        CLASSES,
        NUMBERS
    }

    private static final int MOST_CLASSES = 10_000;

    final JavaRDD<Block> rdd;
    final List<Block> summaries;
    final int width;
    final long rows;
    final boolean pixels;
    private final double most;

    /** Of the columns of these names; {@code shape}: that of images, empty for rows of a table. */
    Blocks(
            org.apache.spark.sql.Dataset<?> data,
            String features,
            String label,
            Labels labels,
            int[] shape) {
        boolean image = shape.length > 0;
        String[] names = {features, label};
        rdd =
                data.select(data.col(features), functions.col(label).cast("double"))
                        .toDF()
                        .javaRDD()
                        .mapPartitionsWithIndex(
                                (number, some) -> new Packing(number, some, names, labels, image),
                                true)
                        .persist(StorageLevel.MEMORY_AND_DISK());
        try {
            List<Block> all = new ArrayList<>(rdd.map(Block::summary).collect());
            all.sort(ORDER);
            summaries = all;
            rows = all.stream().mapToLong(block -> block.rows).sum();
            for (Block block : all) {
                require(block.wrong == null, "column %s", block.wrong);
            }
            require(rows > 0, "there are no rows to train on");
            width = all.get(0).width;
            for (Block block : all) {
                String text = "column %s: rows have %d numbers and %d: give all the same";
                require(block.width == width, text, features, width, block.width);
            }
            pixels = image;
            most = all.stream().mapToDouble(block -> block.most).max().orElse(0);
            require(width > 0, "column %s: rows have no numbers", features);
            long values = Arrays.stream(shape).asLongStream().reduce(1, (a, b) -> a * b);
            String text = "column %s: rows have %d numbers, and shape %s %,d";
            boolean fits = !image || values == width;
            require(fits, text, features, width, Arrays.toString(shape), values);
            if (labels == Labels.CLASSES && most >= MOST_CLASSES) {
                throw data(
                        "column %s: label %.0f is out of range: labels are 0 to the number of"
                                + " classes less 1, of %,d at most: StringIndexer makes them",
                        label, most, MOST_CLASSES);
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    static final Comparator<Block> ORDER =
            Comparator.<Block>comparingInt(block -> block.partition)
                    .thenComparingInt(block -> block.number);

    /** The least number of classes that there are. */
    int classes() {
        return (int) most + 1;
    }

    @Override
    public void close() {
        rdd.unpersist(false);
    }

    /**
     * Blocks as rows of one data set, in order; the list is emptied on the way.
     *
     * @param classes names of the classes; null for numbers to predict
     * @param shape that of images; empty for rows of a table
     */
    static Dataset together(List<Block> blocks, List<String> classes, int[] shape) {
        blocks.sort(ORDER);
        boolean asBytes = shape.length > 0 && blocks.stream().allMatch(one -> one.pixels != null);
        int width = blocks.get(0).width;
        long all = blocks.stream().mapToLong(block -> block.rows).sum();
        require(
                all * width <= Integer.MAX_VALUE - 8,
                "%,d rows of %,d numbers are more than one executor takes: use setWorkers",
                all,
                width);
        int rows = (int) all;
        byte[] pixels = asBytes ? new byte[rows * width] : null;
        float[] values = asBytes ? null : new float[rows * width];
        float[] targets = new float[rows];
        int[] labels = new int[rows];
        int row = 0;
        for (int i = 0; i < blocks.size(); i++) {
            Block block = blocks.set(i, null);
            for (int j = 0; j < block.rows; j++) {
                labels[row + j] = (int) block.labels[j];
                targets[row + j] = (float) block.labels[j];
            }
            int at = row * width;
            if (asBytes) {
                System.arraycopy(block.pixels, 0, pixels, at, block.rows * width);
            } else if (block.values != null) {
                System.arraycopy(block.values, 0, values, at, block.rows * width);
            } else {
                for (int j = 0; j < block.rows * width; j++) {
                    values[at + j] = block.pixels[j] & 0xff;
                }
            }
            row += block.rows;
        }
        Dataset set;
        if (asBytes) {
            set = Dataset.ofPixels("rows", shape, pixels);
        } else if (shape.length > 0) {
            set = Dataset.ofValues("rows", shape, values);
        } else {
            set = Dataset.ofTable("rows", header(width, classes == null), values);
        }
        return classes == null ? set.withTargets(targets, 1) : set.withLabels(labels, classes);
    }

    /** Columns called by their numbers: a vector has no better names. */
    static Header header(int width, boolean predicted) {
        String[] names = new String[width];
        for (int i = 0; i < width; i++) {
            names[i] = Integer.toString(i);
        }
        Header header = Header.columns().number(names);
        return predicted ? header.target("label") : header;
    }

    /** Packs the rows of a partition. */
    private static final class Packing implements Iterator<Block> {
        private final int partition;
        private final Iterator<Row> rows;
        private final String[] names; // of features and label
        private final Labels labels;
        private final boolean image;
        private int number;
        private long row;

        Packing(int partition, Iterator<Row> rows, String[] names, Labels labels, boolean image) {
            this.partition = partition;
            this.rows = rows;
            this.names = names;
            this.labels = labels;
            this.image = image;
        }

        @Override
        public boolean hasNext() {
            return rows.hasNext();
        }

        @Override
        public Block next() {
            Block block = null;
            while (rows.hasNext() && (block == null || !block.isFull())) {
                Row next = rows.next();
                Object features = next.get(0);
                int width = features == null ? 0 : Features.width(features);
                if (block == null) {
                    block = new Block(partition, number++, width);
                }
                String wrong = wrong(next, features, width, block);
                if (wrong != null) {
                    String text = "%s, in row %,d of partition %d";
                    block.wrong = String.format(Locale.ROOT, text, wrong, row, partition);
                    return block.finished(false);
                }
                block.labels[block.rows++] = next.getDouble(1);
                row++;
            }
            return block.finished(image);
        }

        /** What is wrong with a row, whose numbers are put into the block; null if nothing is. */
        private String wrong(Row next, Object features, int width, Block block) {
            if (features == null) {
                return names[0] + ": it is null";
            }
            if (width != block.width) {
                return "%s: it has %d numbers, and rows before it %d"
                        .formatted(names[0], width, block.width);
            }
            int from = block.rows * width;
            Features.copy(features, block.values, from);
            for (int i = from; i < from + width; i++) {
                // of a table NaN is a gap, of images it is not
                float value = block.values[i];
                if (Float.isInfinite(value) || image && Float.isNaN(value)) {
                    String text = "%s: number %d is %s, or too large for a float";
                    return text.formatted(names[0], i - from, value);
                }
            }
            if (next.isNullAt(1)) {
                return names[1] + ": it is null";
            }
            double label = next.getDouble(1);
            if (labels == Labels.NUMBERS) {
                return Double.isFinite((float) label) ? null : names[1] + ": it is " + label;
            }
            return label >= 0 && label == Math.rint(label) && label < Integer.MAX_VALUE
                    ? null
                    : "%s: %s is out of range: labels are whole numbers from 0, as"
                                    .formatted(names[1], label)
                            + " StringIndexer makes them";
        }
    }
}
