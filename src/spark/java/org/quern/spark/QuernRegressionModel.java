package org.quern.spark;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.regression.RegressionModel;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.quern.io.ModelFile.SavedModel;

/**
 * A trained network that adds a number to rows, in batches of 1,024, by one {@link
 * org.quern.train.Predictor} for each executor. Made by {@link QuernRegressor}, or of any of
 * Quern's models by {@link #of}; saved as safetensors and JSON.
 */
public final class QuernRegressionModel extends RegressionModel<Vector, QuernRegressionModel>
        implements QuernModel {
    private static final long serialVersionUID = 1;

    // set when Spark's constructors ask for the uid, which is before that of this class
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
        return new QuernRegressionModel((Void) null, Trained.of(Bytes.of(model), "the model"));
    }

    /**
     * @hidden
     */
    @Override
    public SettingParams quern() {
        if (quern == null) {
            quern = new SettingParams("quernRegressor");
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

    /**
     * @hidden
     */
    @Override
    public Trained trained() {
        return trained;
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
        return new Scoring(this).schema(schema, saved().model().outputSize());
    }

    @Override
    public Dataset<Row> transform(Dataset<?> data) {
        return new Scoring(this).transform(data, trained);
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
