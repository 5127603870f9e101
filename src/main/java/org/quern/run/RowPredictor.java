package org.quern.run;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.quern.backend.Backend;
import org.quern.backend.Backends;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Header;
import org.quern.io.ModelFile.SavedModel;
import org.quern.train.Evaluation;
import org.quern.train.Predictor;

/**
 * A trained model that answers rows as a program has them.
 *
 * <pre>{@code
 * try (RowPredictor model = RowPredictor.open(Path.of("houses.safetensors"))) {
 *     float price = model.predict(Map.of("income", 8.3, "ocean", "NEAR BAY")).number();
 * }
 * }</pre>
 *
 * <p>Thread-safe as {@link Predictor} is, which it holds until closed.
 */
public final class RowPredictor implements AutoCloseable {
    private static final String ASKED = "rows to predict";

    private final TrainedModel model;
    private final Predictor predictor;
    private final List<String> outputs;

    /** A model on the best backend that can run here. */
    public RowPredictor(SavedModel saved) {
        this(saved, Backends.choose(Backends.AUTO).backend(), Backend.Options.DEFAULT);
    }

    /** A model on the given backend. */
    public RowPredictor(SavedModel saved, Backend backend, Backend.Options options) {
        model = new TrainedModel(given(saved, "model"), RunSettings.DEFAULT, false);
        outputs = saved.outputNames();
        predictor =
                new Predictor(saved.model(), saved.loss(), saved.parameters(), backend, options);
    }

    /** The model of a file or a run's folder: {@link TrainedModel#open(Path)}. */
    public static RowPredictor open(Path path) {
        return new RowPredictor(TrainedModel.open(path).saved());
    }

    /** Answers a row by its columns' names; what the model does not know of is not looked at. */
    public Prediction predict(Map<String, ?> row) {
        return predictAll(List.of(given(row, "row"))).get(0);
    }

    /** The same for a row whose components are called as the columns are. */
    public Prediction predict(Record row) {
        return predictAll(List.of(given(row, "row"))).get(0);
    }

    /**
     * Answers a row of numbers in the order of the columns, or of an image's pixels; NaN is a gap.
     */
    public Prediction predict(float[] row) {
        return predictAll(new float[][] {row}).get(0);
    }

    /** The same for many rows at once, which is faster. */
    public List<Prediction> predictAll(float[][] rows) {
        return given(rows, "rows").length == 0 ? List.of() : answers(Dataset.ofRows(ASKED, rows));
    }

    /**
     * Answers many rows at once, which is faster; they are read once, one after the other.
     *
     * @param rows as for {@link Dataset#ofRows(String, Header, Iterable)}, without targets
     * @return a prediction for each, in order
     * @throws org.quern.QuernException if a row lacks a column, or has a value of another type than
     *     in training; the message names both
     */
    public <T> List<Prediction> predictAll(Iterable<T> rows) {
        Columns columns = model.saved().columns();
        int values = predictor.inputSize();
        expect(columns != null, "the model knows no columns: give arrays of %d numbers", values);
        Header known = new Header(columns.header().inputs(), List.of());
        Iterator<T> all = given(rows, "rows").iterator();
        return all.hasNext() ? answers(Dataset.ofRows(ASKED, known, () -> all)) : List.of();
    }

    private List<Prediction> answers(Dataset rows) {
        List<String> notes = new ArrayList<>();
        Dataset input = model.input(rows, notes);
        input.requireInput(model.saved().model().inputShape());
        float[] values = predictor.predict(input);
        boolean classifies = model.saved().loss().classifies();
        List<String> told = List.copyOf(notes);
        List<Prediction> predictions = new ArrayList<>(input.rows());
        for (int at = 0; at < values.length; at += outputs.size()) {
            float[] one = Arrays.copyOfRange(values, at, at + outputs.size());
            predictions.add(new Prediction(outputs, one, classifies, told));
        }
        return predictions;
    }

    /**
     * How well the model does on rows with labels or targets.
     *
     * @param notes takes a line for what is not as in training
     */
    public Evaluation evaluate(Dataset rows, List<String> notes) {
        return predictor.evaluate(model.measurable(rows, notes));
    }

    /** Waits for threads that predict, then frees the memory. */
    @Override
    public void close() {
        predictor.close();
    }
}
