package org.quern.spark;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import java.util.List;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.regression.RegressionModel;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.quern.io.ModelFile.SavedModel;
import org.quern.train.EpochResult;

/**
 * A trained network that adds a number to rows, in batches of 1,024, by one {@link
 * org.quern.train.Predictor} for each executor. Made by {@link QuernRegressor}, or of any of
 * Quern's models by {@link #of}; saved as safetensors and JSON.
 */
public final class QuernRegressionModel extends RegressionModel<Vector, QuernRegressionModel>
        implements QuernParams, MLWritable {
    private static final long serialVersionUID = 1;

    // set when Spark's constructors ask for them, which is before those of this class
    private String uid;
    private SettingParams quern;

    private final Trained trained;

    QuernRegressionModel(String uid, Trained trained) {
        this(SettingParams.next(uid), trained);
    }

    private QuernRegressionModel(Void next, Trained trained) {
        this.trained = trained;
    }

    /** That of a model which Quern has trained elsewhere. */
    public static QuernRegressionModel of(SavedModel model) {
        expect(
                !given(model, "model").loss().classifies(),
                "the model has loss %s: it is for QuernClassificationModel",
                given(model, "model").loss().text());
        return new QuernRegressionModel(
                SettingParams.uid("quernRegressor"), Trained.of(Bytes.of(model), "the model"));
    }

    @Override
    public String uid() {
        if (uid == null) {
            uid = SettingParams.uid("quernRegressor");
        }
        return uid;
    }

    /**
     * @hidden
     */
    @Override
    public SettingParams quern() {
        if (quern == null) {
            quern = new SettingParams(this);
        }
        return quern;
    }

    @Override
    public Param<?>[] params() {
        return quern().with(super.params());
    }

    @Override
    public QuernRegressionModel copy(ParamMap extra) {
        QuernRegressionModel copy = copyValues(new QuernRegressionModel(uid(), trained), extra);
        copy.setParent(parent());
        return copy;
    }

    /** The model, for Quern's own tools: to be saved or exported. */
    public SavedModel saved() {
        return trained.saved();
    }

    /** The epochs of its training; empty if it was read from a file. */
    public List<EpochResult> history() {
        return List.copyOf(trained.epochs);
    }

    /** The backend and the device that it was trained on; empty if it was read from a file. */
    public String device() {
        return trained.device;
    }

    /** What is to be said of its training; empty as a rule. */
    public List<String> notes() {
        return List.copyOf(trained.notes);
    }

    /**
     * Steps between two averages, of a training with several workers: with {@code setAverageEvery}
     * of the same number, it is trained to the same model again. 0 with one worker.
     */
    public int averagedEvery() {
        return trained.averagedEvery;
    }

    @Override
    public int numFeatures() {
        return Answers.width(saved());
    }

    @Override
    public double predict(Vector features) {
        return Answers.ofOne(trained, features).apply(0);
    }

    @Override
    public StructType transformSchema(StructType schema) {
        return scoring().schema(schema);
    }

    @Override
    public Dataset<Row> transform(Dataset<?> data) {
        return scoring().transform(data, trained);
    }

    private Scoring scoring() {
        return new Scoring(getFeaturesCol(), "", "", getPredictionCol(), null, settings());
    }

    @Override
    public MLWriter write() {
        return ModelFolder.writer(this, trained);
    }

    /** Reads one that was saved. */
    public static MLReader<QuernRegressionModel> read() {
        return ModelFolder.reader(QuernRegressionModel.class, QuernRegressionModel::new);
    }

    /** Reads one that was saved. */
    public static QuernRegressionModel load(String path) {
        return read().load(path);
    }
}
