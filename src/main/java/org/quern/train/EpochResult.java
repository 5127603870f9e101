package org.quern.train;

import java.io.Serializable;
import java.util.Locale;

/**
 * What an epoch brought.
 *
 * @param epoch its number, from 1
 * @param loss mean loss of its rows while training, dropout on, as in Keras' progress line
 * @param accuracy fraction of them classified rightly; NaN in a regression
 * @param validationLoss mean loss of the validation rows after it; null without validation
 * @param validationAccuracy fraction of them classified rightly, in a regression R²; null without
 *     validation
 * @param learningRate at its last step
 * @param seconds wall time of its training steps
 * @param stepMicros wall time of a step, in microseconds: the mean over the epoch; 0 if a resume
 *     found them all done
 * @param weightNorm L2 norm of all weights and biases after it
 * @param gradientNorm L2 norm of the loss's gradient by them, at the batch that would come next,
 *     dropout on
 */
public record EpochResult(
        int epoch,
        double loss,
        double accuracy,
        Double validationLoss,
        Double validationAccuracy,
        double learningRate,
        double seconds,
        double stepMicros,
        double weightNorm,
        double gradientNorm)
        implements Serializable {

    /** One line: "epoch 3: loss 0.2561, accuracy 0.9243, validation loss 0.1600, ...". */
    @Override
    public String toString() {
        String text = format("epoch %d: loss %.4f", epoch, loss);
        boolean classified = !Double.isNaN(accuracy);
        text += classified ? format(", accuracy %.4f", accuracy) : "";
        if (validationLoss != null) {
            text += format(", validation loss %.4f, ", validationLoss);
            text += classified ? "validation accuracy" : "validation R2";
            text += format(" %.4f", validationAccuracy);
        }
        return text + format(", %.2f s", seconds);
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
