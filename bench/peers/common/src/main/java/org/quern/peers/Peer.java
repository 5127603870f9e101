package org.quern.peers;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;

/** A library with one workload in it. */
public interface Peer extends AutoCloseable {
    /** The library's versions and the threads that it takes, for people to read. */
    String engine();

    /**
     * Trains once through the training data, and returns when that is done.
     *
     * @param order the rows in the order in which they are to be taken, a batch at a time
     */
    void epoch(int[] order) throws Exception;

    /** The share of the test data's rows, in [0, 1], that are classified rightly, dropout off. */
    double testAccuracy() throws Exception;

    @Override
    void close();

    /**
     * Makes a peer: builds the network and takes the data in, in whatever form suits the library.
     */
    interface Factory {
        /**
         * @param threads how many to use; 0 leaves the library its default
         */
        Peer create(Workload workload, int threads, Mnist train, Mnist test) throws Exception;
    }

    /**
     * A whole run. Prints the lines that {@code bench/peers/run} reads, which are like Quern's.
     *
     * @param arguments workload, threads, epochs
     */
    static void run(Factory factory, String[] arguments) throws Exception {
        if (arguments.length != 3) {
            throw new IllegalArgumentException(
                    "usage: tutorial|wide THREADS (0: the default) EPOCHS");
        }
        Workload workload = Workload.valueOf(arguments[0].toUpperCase(Locale.ROOT));
        int threads = Integer.parseInt(arguments[1]);
        int epochs = Integer.parseInt(arguments[2]);
        String folder = System.getenv("QUERN_MNIST");
        if (folder == null) {
            throw new IOException("QUERN_MNIST does not name the folder with MNIST");
        }
        Mnist train = Mnist.read(Path.of(folder), "train");
        Mnist test = Mnist.read(Path.of(folder), "t10k");
        try (Peer peer = factory.create(workload, threads, train, test)) {
            System.out.println("engine    " + peer.engine());
            int steps = (train.rows() + workload.batch - 1) / workload.batch;
            int[] order = new int[train.rows()];
            for (int i = 0; i < order.length; i++) {
                order[i] = i;
            }
            Random random = new Random(1);
            for (int epoch = 1; epoch <= epochs; epoch++) {
                long started = System.nanoTime();
                shuffle(order, random);
                peer.epoch(order);
                double seconds = (System.nanoTime() - started) * 1e-9;
                System.out.printf(
                        Locale.ROOT,
                        "epoch %d/%d  %.2f s  %.1f us/step%n",
                        epoch,
                        epochs,
                        seconds,
                        seconds * 1e6 / steps);
            }
            System.out.printf(Locale.ROOT, "test accuracy %.4f%n", peer.testAccuracy());
        }
    }

    private static void shuffle(int[] order, Random random) {
        for (int i = order.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
    }
}
