package org.quern.peers;

import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Batches of rows of data in memory, in a given order. Deeplearning4j runs it in a thread beside
 * the training.
 */
final class Rows implements DataSetIterator {
    private static final long serialVersionUID = 1;
    private static final int CLASSES = 10;

    private final INDArray images;
    private final INDArray labels;
    private final int batch;
    private int[] order;
    private int at;

    Rows(Mnist data, int batch) {
        this.batch = batch;
        images = Nd4j.createFromArray(data.scaled()).reshape(data.rows(), Mnist.PIXELS);
        float[] oneHot = new float[data.rows() * CLASSES];
        for (int i = 0; i < data.rows(); i++) {
            oneHot[i * CLASSES + data.labels()[i]] = 1;
        }
        labels = Nd4j.createFromArray(oneHot).reshape(data.rows(), CLASSES);
    }

    /** The order of the rows from the next reset on. */
    void order(int[] order) {
        this.order = order;
        reset();
    }

    @Override
    public DataSet next(int most) {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        int[] rows = Arrays.copyOfRange(order, at, Math.min(at + most, order.length));
        at += rows.length;
        return new DataSet(Nd4j.pullRows(images, 1, rows), Nd4j.pullRows(labels, 1, rows));
    }

    @Override
    public DataSet next() {
        return next(batch);
    }

    @Override
    public boolean hasNext() {
        return order != null && at < order.length;
    }

    @Override
    public void reset() {
        at = 0;
    }

    @Override
    public int inputColumns() {
        return Mnist.PIXELS;
    }

    @Override
    public int totalOutcomes() {
        return CLASSES;
    }

    @Override
    public int batch() {
        return batch;
    }

    @Override
    public boolean resetSupported() {
        return true;
    }

    @Override
    public boolean asyncSupported() {
        return true;
    }

    @Override
    public void setPreProcessor(DataSetPreProcessor preProcessor) {
        throw new UnsupportedOperationException("the rows are scaled already");
    }

    @Override
    public DataSetPreProcessor getPreProcessor() {
        return null;
    }

    @Override
    public List<String> getLabels() {
        return null;
    }
}
