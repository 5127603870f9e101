package org.quern.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.TensorFlow;
import org.tensorflow.framework.optimizers.Adam;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Assign;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.Variable;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.TInt64;
import org.tensorflow.types.TUint8;

/**
 * TensorFlow as its Java API trains: a graph that is built once, with gradients and Adam in it, and
 * a session that runs it once for each step. The training data lives in a variable; a step is told
 * the rows to gather.
 */
final class TensorFlowPeer implements Peer {
    private final Workload workload;
    private final int threads;
    private final Mnist test;
    private final Graph graph = new Graph();
    private final Ops tf = Ops.create(graph);
    private final List<Variable<TFloat32>> weights = new ArrayList<>();
    private final List<Variable<TFloat32>> biases = new ArrayList<>();
    private final Session session;
    private final Placeholder<TInt32> rows;
    private final Op trainStep;
    private final Placeholder<TUint8> testImages;
    private final Operand<TInt64> predicted;

    private TensorFlowPeer(Workload workload, int threads, Mnist train, Mnist test) {
        this.workload = workload;
        this.threads = threads;
        this.test = test;
        for (int i = 0; i < workload.layers(); i++) {
            int inputs = workload.widths[i];
            int units = workload.widths[i + 1];
            float limit = (float) Math.sqrt(6.0 / (inputs + units)); // Glorot uniform
            Operand<TFloat32> uniform =
                    tf.random.randomUniform(tf.array(inputs, units), TFloat32.class);
            weights.add(
                    tf.variable(
                            tf.math.sub(
                                    tf.math.mul(uniform, tf.constant(2 * limit)),
                                    tf.constant(limit))));
            biases.add(tf.variable(tf.zeros(tf.array(units), TFloat32.class)));
        }

        Variable<TUint8> images = tf.variable(Shape.of(train.rows(), Mnist.PIXELS), TUint8.class);
        Variable<TUint8> labels = tf.variable(Shape.of(train.rows()), TUint8.class);
        rows = tf.placeholder(TInt32.class, Placeholder.shape(Shape.of(-1)));
        Operand<TFloat32> logits = forward(tf.gather(images, rows, tf.constant(0)), true);
        Operand<TFloat32> wanted =
                tf.oneHot(
                        tf.gather(labels, rows, tf.constant(0)),
                        tf.constant(10),
                        tf.constant(1f),
                        tf.constant(0f));
        Operand<TFloat32> loss =
                tf.math.mean(
                        tf.nn.softmaxCrossEntropyWithLogits(logits, wanted).loss(), tf.constant(0));
        trainStep =
                new Adam(graph, Workload.RATE, Workload.BETA1, Workload.BETA2, Workload.EPSILON)
                        .minimize(loss);

        testImages = tf.placeholder(TUint8.class, Placeholder.shape(Shape.of(-1, Mnist.PIXELS)));
        predicted = tf.math.argMax(forward(testImages, false), tf.constant(1));

        // The training data, into its variables.
        Placeholder<TUint8> someImages = tf.placeholder(TUint8.class);
        Placeholder<TUint8> someLabels = tf.placeholder(TUint8.class);
        Assign<TUint8> putImages = tf.assign(images, someImages);
        Assign<TUint8> putLabels = tf.assign(labels, someLabels);

        ConfigProto config =
                ConfigProto.newBuilder()
                        .setIntraOpParallelismThreads(threads)
                        .setInterOpParallelismThreads(threads)
                        .build();
        session = new Session(graph, config);
        session.initialize();
        try (TUint8 x = tensor(train);
                TUint8 y = TUint8.vectorOf(train.labels())) {
            session.runner()
                    .feed(someImages, x)
                    .feed(someLabels, y)
                    .addTarget(putImages)
                    .addTarget(putLabels)
                    .run()
                    .close();
        }
    }

    private static TUint8 tensor(Mnist part) {
        return TUint8.tensorOf(
                Shape.of(part.rows(), Mnist.PIXELS), DataBuffers.of(part.images(), true, false));
    }

    private Operand<TFloat32> forward(Operand<TUint8> pixels, boolean training) {
        Operand<TFloat32> x =
                tf.math.mul(tf.dtypes.cast(pixels, TFloat32.class), tf.constant(1 / 255f));
        for (int i = 0; i < workload.layers(); i++) {
            x = tf.nn.biasAdd(tf.linalg.matMul(x, weights.get(i)), biases.get(i));
            if (i < workload.layers() - 1) {
                x = workload.relu[i] ? tf.nn.relu(x) : x;
                x = training ? dropout(x) : x;
            }
        }
        return x;
    }

    private Operand<TFloat32> dropout(Operand<TFloat32> x) {
        Operand<TFloat32> word = tf.random.randomUniform(tf.shape(x), TFloat32.class);
        Operand<TFloat32> kept =
                tf.dtypes.cast(
                        tf.math.greaterEqual(word, tf.constant(workload.dropout)), TFloat32.class);
        return tf.math.mul(x, tf.math.mul(kept, tf.constant(1 / (1 - workload.dropout))));
    }

    @Override
    public String engine() {
        return "TensorFlow %s, threads %s"
                .formatted(TensorFlow.version(), threads == 0 ? "default" : threads);
    }

    @Override
    public void epoch(int[] order) {
        for (int at = 0; at < order.length; at += workload.batch) {
            int[] batch =
                    Arrays.copyOfRange(order, at, Math.min(at + workload.batch, order.length));
            try (TInt32 index = TInt32.vectorOf(batch)) {
                session.runner().feed(rows, index).addTarget(trainStep).run().close();
            }
        }
    }

    @Override
    public double testAccuracy() {
        try (TUint8 images = tensor(test);
                var result = session.runner().feed(testImages, images).fetch(predicted).run()) {
            TInt64 digits = (TInt64) result.get(0);
            int right = 0;
            for (int i = 0; i < test.rows(); i++) {
                right += digits.getLong(i) == test.labels()[i] ? 1 : 0;
            }
            return (double) right / test.rows();
        }
    }

    @Override
    public void close() {
        session.close();
        graph.close();
    }

    public static void main(String[] arguments) throws Exception {
        Peer.run(TensorFlowPeer::new, arguments);
    }
}
