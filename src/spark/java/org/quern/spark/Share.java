package org.quern.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaRDD;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Splits;
import scala.Tuple2;

/**
 * The rows of one of several workers, as they are cached in an executor. So that all have equally
 * many, some have their first row twice, as with PyTorch's {@code DistributedSampler}.
 */
final class Share implements Serializable {
    private static final long serialVersionUID = 1;

    final int worker;
    private final ArrayList<Block> blocks;
    private transient Dataset rows; // kept until they are parts
    private transient Splits parts; // kept as long as the share is in memory

    private Share(int worker, ArrayList<Block> blocks) {
        this.worker = worker;
        this.blocks = blocks;
    }

    static JavaRDD<Share> of(Blocks all, int workers) {
        long each = (all.rows + workers - 1) / workers;
        int parts = all.summaries.stream().mapToInt(block -> block.partition).max().orElse(0) + 1;
        long[][] from = new long[parts][];
        for (int part = 0; part < parts; part++) {
            int number = part;
            from[part] =
                    new long
                            [(int)
                                    all.summaries.stream()
                                            .filter(b -> b.partition == number)
                                            .count()];
        }
        long row = 0;
        for (Block block : all.summaries) { // in order
            from[block.partition][block.number] = row;
            row += block.rows;
        }
        return all.rdd
                .flatMapToPair(block -> dealt(block, from, workers))
                .partitionBy(new HashPartitioner(workers))
                .mapPartitionsWithIndex((worker, some) -> one(worker, some, each), true);
    }

    private static Iterator<Tuple2<Integer, Block>> dealt(Block block, long[][] from, int workers) {
        long first = from[block.partition][block.number];
        Map<Integer, IntStream.Builder> chosen = new TreeMap<>();
        for (int row = 0; row < block.rows; row++) {
            int worker = worker(first + row, workers);
            chosen.computeIfAbsent(worker, of -> IntStream.builder()).add(row);
        }
        List<Tuple2<Integer, Block>> dealt = new ArrayList<>();
        chosen.forEach(
                (worker, rows) ->
                        dealt.add(new Tuple2<>(worker, block.some(rows.build().toArray()))));
        return dealt.iterator();
    }

    /**
     * Whose a row is. Of N rows, each worker has one, by turns that begin with another worker each
     * time, as if by chance: rows that come in a rhythm would otherwise be dealt by kinds.
     */
    static int worker(long row, int workers) {
        long mixed = (row / workers + 1) * 0x9e3779b97f4a7c15L; // SplitMix64, Steele et al., 2014
        mixed = (mixed ^ mixed >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return (int) Math.floorMod(row + (mixed >>> 33), (long) workers);
    }

    private static Iterator<Share> one(
            int worker, Iterator<Tuple2<Integer, Block>> some, long rows) {
        ArrayList<Block> blocks = new ArrayList<>();
        some.forEachRemaining(block -> blocks.add(block._2()));
        blocks.sort(Blocks.ORDER);
        if (blocks.stream().mapToLong(block -> block.rows).sum() < rows) {
            blocks.add(blocks.get(0).some(0));
        }
        return List.of(new Share(worker, blocks)).iterator();
    }

    /** Its rows; those of a table by their own columns where none are given. */
    synchronized Dataset rows(List<String> classes, int[] shape) {
        if (rows == null) {
            rows = Blocks.together(new ArrayList<>(blocks), classes, shape);
        }
        return rows;
    }

    /** Its rows as a run takes them, by these columns, null for images. */
    synchronized Splits parts(List<String> classes, int[] shape, Columns columns) {
        if (parts == null) {
            Dataset own = rows(classes, shape);
            Splits all = new Splits(own, own.row(0), own.name());
            parts = columns == null ? all : all.in(columns);
            rows = null;
        }
        return parts;
    }
}
