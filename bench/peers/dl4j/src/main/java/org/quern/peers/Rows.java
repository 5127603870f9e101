package org.quern.peers;

import java.util.List;
import java.util.NoSuchElementException;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.DataSetPreProcessor;
import org.nd4j.linalg.dataset.api.iterator.DataSetIterator;
import org.nd4j.linalg.factory.Nd4j;

/** Batches of rows of data in memory, in a given order. Deeplearning4j runs it in a thread beside the training. */
final class Rows implements DataSetIterator {
    private static final long serialVersionUID = 1;
    private static final int CLASSES = 10;

    private final float[] images;
    private final byte[] labels;
    private final int batch;
    private int[] order;
    private int at;

    Rows(float[] images, byte[] labels, int batch) {
        this.images = images;
        this.labels = labels;
        this.batch = batch;
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
        int rows = Math.min(most, order.length - at);
        float[] x = new float[rows * Mnist.PIXELS];
        float[] y = new float[rows * CLASSES];
        for (int i = 0; i < rows; i++) {
            int row = order[at + i];
            System.arraycopy(images, row * Mnist.PIXELS, x, i * Mnist.PIXELS, Mnist.PIXELS);
            y[i * CLASSES + labels[row]] = 1;
        }
        at += rows;
        return new DataSet(array(x, rows, Mnist.PIXELS), array(y, rows, CLASSES));
    }

    private static INDArray array(float[] values, int rows, int columns) {
        return Nd4j.create(values, new long[] {rows, columns}, 'c');
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
