package org.quern.run;

import static org.quern.QuernException.data;

import java.util.ArrayList;
import java.util.List;
import org.quern.train.EpochResult;

/**
 * Epochs as CSV: a line of names, then one line an epoch. Numbers are written in full, so that they
 * are read back to the same bits, NaN and infinity included; what there is not is left empty.
 */
final class HistoryCsv {
    private static final String NAMES =
            "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds,"
                    + "step_micros\n";

    private HistoryCsv() {}

    static String write(List<EpochResult> epochs) {
        StringBuilder csv = new StringBuilder(NAMES);
        for (EpochResult e : epochs) {
            csv.append(e.epoch())
                    .append(',')
                    .append(e.loss())
                    .append(',')
                    .append(e.accuracy())
                    .append(',')
                    .append(e.validationLoss() == null ? "" : e.validationLoss())
                    .append(',')
                    .append(e.validationAccuracy() == null ? "" : e.validationAccuracy())
                    .append(',')
                    .append(e.learningRate())
                    .append(',')
                    .append(e.seconds())
                    .append(',')
                    .append(e.stepMicros())
                    .append('\n');
        }
        return csv.toString();
    }

    /**
     * Reads back what {@link #write} wrote.
     *
     * @throws org.quern.QuernException if it is anything else, or epochs are missing
     */
    static List<EpochResult> read(String csv) {
        if (!csv.startsWith(NAMES)) {
            throw data("its history has other columns");
        }
        List<EpochResult> epochs = new ArrayList<>();
        for (String line : csv.substring(NAMES.length()).lines().toList()) {
            String[] fields = line.split(",", -1);
            if (fields.length != 8 || !fields[0].equals(Integer.toString(epochs.size() + 1))) {
                throw data("its history lacks epoch %d", epochs.size() + 1);
            }
            epochs.add(
                    new EpochResult(
                            epochs.size() + 1,
                            Double.parseDouble(fields[1]),
                            Double.parseDouble(fields[2]),
                            optional(fields[3]),
                            optional(fields[4]),
                            Double.parseDouble(fields[5]),
                            Double.parseDouble(fields[6]),
                            Double.parseDouble(fields[7])));
        }
        return epochs;
    }

    private static Double optional(String field) {
        return field.isEmpty() ? null : Double.valueOf(field);
    }
}
