package org.quern.peers;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.Dropout;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.initializer.XavierInitializer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * PyTorch through the Deep Java Library: its blocks, its trainer and its Adam, in the loop that its
 * EasyTrain is, less what that does for listeners and metrics. The training data is one tensor of
 * bytes, of which a step gathers its rows.
 */
final class DjlPeer implements Peer {
    private final Workload workload;
    private final int threads;
    private final Mnist test;
    private final Model model;
    private final Trainer trainer;
    private final NDManager manager;
    private final NDArray images;
    private final NDArray labels;

    private DjlPeer(Workload workload, int threads, Mnist train, Mnist test) {
        this.workload = workload;
        this.threads = threads;
        this.test = test;
        SequentialBlock net = new SequentialBlock();
        for (int i = 0; i < workload.layers(); i++) {
            net.add(Linear.builder().setUnits(workload.widths[i + 1]).build());
            if (i < workload.layers() - 1) {
                if (workload.relu[i]) {
                    net.add(Activation.reluBlock());
                }
                net.add(Dropout.builder().optRate(workload.dropout).build());
            }
        }
        model = Model.newInstance("peer", "PyTorch");
        model.setBlock(net);
        // Glorot uniform: sqrt(3 / ((inputs + units) / 2)).
        XavierInitializer glorot =
                new XavierInitializer(
                        XavierInitializer.RandomType.UNIFORM, XavierInitializer.FactorType.AVG, 3);
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                .optInitializer(glorot, "weight")
                                .optOptimizer(
                                        Optimizer.adam()
                                                .optLearningRateTracker(
                                                        Tracker.fixed(Workload.RATE))
                                                .optBeta1(Workload.BETA1)
                                                .optBeta2(Workload.BETA2)
                                                .optEpsilon(Workload.EPSILON)
                                                .build()));
        trainer.initialize(new Shape(workload.batch, Mnist.PIXELS));
        manager = model.getNDManager().newSubManager();
        images = pixels(manager, train);
        labels =
                manager.create(
                        ByteBuffer.wrap(train.labels()), new Shape(train.rows()), DataType.UINT8);
    }

    private static NDArray pixels(NDManager manager, Mnist part) {
        return manager.create(
                ByteBuffer.wrap(part.images()),
                new Shape(part.rows(), Mnist.PIXELS),
                DataType.UINT8);
    }

    @Override
    public String engine() {
        Engine engine = Engine.getEngine("PyTorch");
        return "PyTorch %s through DJL %s, threads %s"
                .formatted(
                        engine.getVersion(),
                        Engine.getDjlVersion(),
                        threads == 0 ? "default" : threads);
    }

    @Override
    public void epoch(int[] order) {
        Loss loss = trainer.getLoss();
        for (int at = 0; at < order.length; at += workload.batch) {
            int[] batch =
                    Arrays.copyOfRange(order, at, Math.min(at + workload.batch, order.length));
            try (NDManager step = manager.newSubManager()) {
                NDIndex rows = new NDIndex("{}", step.create(batch));
                NDArray x = images.get(step, rows).toType(DataType.FLOAT32, false).muli(1 / 255f);
                NDArray y = labels.get(step, rows).toType(DataType.INT64, false);
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    NDList logits = trainer.forward(new NDList(x));
                    collector.backward(loss.evaluate(new NDList(y), logits));
                }
                trainer.step();
            }
        }
    }

    @Override
    public double testAccuracy() {
        try (NDManager step = manager.newSubManager()) {
            NDArray x = pixels(step, test).toType(DataType.FLOAT32, false).muli(1 / 255f);
            long[] digits = trainer.evaluate(new NDList(x)).head().argMax(1).toLongArray();
            int right = 0;
            for (int i = 0; i < test.rows(); i++) {
                right += digits[i] == test.labels()[i] ? 1 : 0;
            }
            return (double) right / test.rows();
        }
    }

    @Override
    public void close() {
        trainer.close();
        model.close();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 1 && !arguments[1].equals("0")) {
            System.setProperty("ai.djl.pytorch.num_threads", arguments[1]);
            System.setProperty("ai.djl.pytorch.num_interop_threads", arguments[1]);
        }
        Peer.run(DjlPeer::new, arguments);
    }
}
