package org.quern.peers;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.weights.WeightInit;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Deeplearning4j: {@code MultiLayerNetwork.fit} on an iterator over data in memory. */
final class Dl4jPeer implements Peer {
    private static final String POM =
            "/META-INF/maven/org.deeplearning4j/deeplearning4j-nn/pom.properties";

    private final int threads;
    private final Mnist test;
    private final MultiLayerNetwork net;
    private final Rows rows;

    private Dl4jPeer(Workload workload, int threads, Mnist train, Mnist test) {
        this.threads = threads;
        this.test = test;
        NeuralNetConfiguration.ListBuilder layers =
                new NeuralNetConfiguration.Builder()
                        .seed(1)
                        .weightInit(WeightInit.XAVIER_UNIFORM) // Glorot uniform
                        .biasInit(0)
                        .updater(
                                new Adam(
                                        Workload.RATE,
                                        Workload.BETA1,
                                        Workload.BETA2,
                                        Workload.EPSILON))
                        .list();
        int hidden = workload.layers() - 1;
        for (int i = 0; i < hidden; i++) {
            layers.layer(
                    new DenseLayer.Builder()
                            .nIn(workload.widths[i])
                            .nOut(workload.widths[i + 1])
                            .activation(workload.relu[i] ? Activation.RELU : Activation.IDENTITY)
                            .dropOut(keptOfInput(workload, i))
                            .build());
        }
        layers.layer(
                new OutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(workload.widths[hidden])
                        .nOut(workload.widths[hidden + 1])
                        .activation(Activation.SOFTMAX)
                        .dropOut(keptOfInput(workload, hidden))
                        .build());
        net = new MultiLayerNetwork(layers.build());
        net.init();
        rows = new Rows(train, workload.batch);
    }

    /**
     * Deeplearning4j's dropout is before a layer, and given as the probability of keeping; 0 is
     * none.
     */
    private static double keptOfInput(Workload workload, int layer) {
        return layer == 0 ? 0 : 1 - workload.dropout;
    }

    @Override
    public String engine() {
        return "Deeplearning4j %s with %s, threads %s"
                .formatted(
                        version(),
                        Nd4j.factory().blas().getBlasVendor(),
                        threads == 0 ? "default" : threads);
    }

    /** The library itself does not tell; Maven left it in the jar. */
    private static String version() {
        Properties properties = new Properties();
        try (InputStream in = MultiLayerNetwork.class.getResourceAsStream(POM)) {
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return properties.getProperty("version");
    }

    @Override
    public void epoch(int[] order) {
        rows.order(order);
        net.fit(rows);
    }

    @Override
    public double testAccuracy() {
        try (INDArray images =
                Nd4j.createFromArray(test.scaled()).reshape(test.rows(), Mnist.PIXELS)) {
            int[] digits = net.predict(images);
            int right = 0;
            for (int i = 0; i < test.rows(); i++) {
                right += digits[i] == test.labels()[i] ? 1 : 0;
            }
            return (double) right / test.rows();
        }
    }

    @Override
    public void close() {
        net.close();
    }

    public static void main(String[] arguments) throws Exception {
        Peer.run(Dl4jPeer::new, arguments);
    }
}
