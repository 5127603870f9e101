package org.quern.train;

/**
 * How far the numbers of one output are from their targets, in the units of these.
 *
 * @param name of the output
 * @param rmse root of the mean squared error
 * @param baseline the same of the mean of these targets, predicted for every row: their deviation
 * @param mae mean of |output − target|
 * @param r2 coefficient of determination, 1 − Σ (output − target)² / Σ (target − mean)²; where all
 *     targets are equal, 1 if all are met and else 0, as scikit-learn's {@code r2_score} has it
 */
public record RegressionScore(String name, double rmse, double baseline, double mae, double r2) {

    /** Scores one column of outputs and targets, both [rows × width]. */
    static RegressionScore of(
            String name, float[] outputs, float[] targets, int column, int width) {
        int rows = targets.length / width;
        double first = targets[column]; // subtracted, so that equal targets have no deviation
        double mean = 0;
        double squares = 0;
        double absolute = 0;
        for (int i = column; i < targets.length; i += width) {
            double error = (double) outputs[i] - targets[i];
            squares += error * error;
            absolute += Math.abs(error);
            mean += targets[i] - first;
        }
        mean = first + mean / rows;
        double spread = 0;
        for (int i = column; i < targets.length; i += width) {
            spread += (targets[i] - mean) * (targets[i] - mean);
        }
        double r2 = spread == 0 ? (squares == 0 ? 1 : 0) : 1 - squares / spread;
        double rmse = Math.sqrt(squares / rows);
        return new RegressionScore(name, rmse, Math.sqrt(spread / rows), absolute / rows, r2);
    }
}
