package org.quern.examples;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.TrainedModel;
import org.quern.train.Predictor;

/**
 * Answers requests from many threads with one model.
 *
 * <p>{@code Serve MODEL [THREADS]} takes a file that {@link Train} wrote, or any other of Quern's
 * for images of 28 × 28 pixels. (Of a file that PyTorch wrote, {@code TrainedModel.open(file,
 * model)} needs to be told the layers.)
 */
public final class Serve {
    private static final int REQUESTS = 20_000;

    private Serve() {}

    /** Predicts, and says how often it was right and how long a prediction took. */
    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 0) {
            System.err.println("Serve MODEL [THREADS]: say which file to read, such as Train's");
            System.exit(2);
        }
        int threads = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 4;
        SavedModel saved = TrainedModel.open(Path.of(arguments[0])).saved();
        Dataset requests = Digits.generate("requests", REQUESTS, 0, 7);
        try (Predictor predictor = new Predictor(saved)) {
            ExecutorService service = Executors.newFixedThreadPool(threads);
            long start = System.nanoTime();
            List<Future<Integer>> parts = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                int first = t;
                parts.add(service.submit(() -> answer(predictor, requests, first, threads)));
            }
            int right = 0;
            for (Future<Integer> part : parts) {
                right += part.get();
            }
            double micros = (System.nanoTime() - start) * 1e-3 / REQUESTS;
            service.shutdown();
            System.out.printf("%,d threads on %s%n", threads, predictor.device());
            System.out.printf("%.2f us a prediction%n", micros);
            System.out.printf("right %.4f%n", (double) right / REQUESTS);
        }
    }

    /** One thread's share of the requests; its arrays are its own, the predictor is everybody's. */
    private static int answer(Predictor predictor, Dataset requests, int first, int stride) {
        byte[] image = new byte[predictor.inputSize()];
        float[] probabilities = new float[predictor.outputSize()];
        int right = 0;
        for (int row = first; row < requests.rows(); row += stride) {
            System.arraycopy(requests.pixels(), row * image.length, image, 0, image.length);
            predictor.predict(image, probabilities);
            right += best(probabilities) == requests.labels()[row] ? 1 : 0;
        }
        return right;
    }

    private static int best(float[] probabilities) {
        int best = 0;
        for (int j = 1; j < probabilities.length; j++) {
            best = probabilities[j] > probabilities[best] ? j : best;
        }
        return best;
    }
}
