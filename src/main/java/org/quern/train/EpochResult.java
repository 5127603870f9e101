package org.quern.train;

/**
 * What an epoch brought.
 *
 * @param epoch its number, from 1
 * @param loss mean loss of its rows while training, dropout on, as in Keras' progress line
 * @param accuracy fraction of them classified rightly; 0 in a regression
 * @param validationLoss mean loss of the validation rows after it; null without validation
 * @param validationAccuracy fraction of them classified rightly, in a regression R²; null without
 *     validation
 * @param learningRate at its last step
 * @param seconds wall time of its training steps
 * @param stepMicros wall time of a step, in microseconds: the mean over the epoch; 0 if a resume
 *     found them all done
 */
public record EpochResult(
        int epoch,
        double loss,
        double accuracy,
        Double validationLoss,
        Double validationAccuracy,
        double learningRate,
        double seconds,
        double stepMicros) {}
