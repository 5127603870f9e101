package org.quern.spark;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;

import org.apache.spark.ml.classification.ProbabilisticClassificationModel;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.quern.io.ModelFile.SavedModel;
import scala.Tuple3;

/**
 * A trained network that adds class, probabilities and logits to rows, in batches of 1,024, by one
 * {@link org.quern.train.Predictor} for each executor. Made by {@link QuernClassifier}, or of any
 * of Quern's models by {@link #of}; saved as safetensors and JSON.
 */
public final class QuernClassificationModel
        extends ProbabilisticClassificationModel<Vector, QuernClassificationModel>
        implements QuernModel {
    private static final long serialVersionUID = 1;

    // set when Spark's constructors ask for the uid, which is before that of this class
    private SettingParams quern;

    private final Trained trained;

    QuernClassificationModel(String uid, Trained trained) {
        this(SettingParams.next(uid), trained);
    }

    private QuernClassificationModel(Void next, Trained trained) {
        this.trained = trained;
    }

    /** That of a model which Quern has trained elsewhere. */
    public static QuernClassificationModel of(SavedModel model) {
        expect(
                given(model, "model").loss().classifies(),
                "the model has loss %s: it is for QuernRegressionModel",
                given(model, "model").loss().text());
        return new QuernClassificationModel((Void) null, Trained.of(Bytes.of(model), "the model"));
    }

    /**
     * @hidden
     */
    @Override
    public SettingParams quern() {
        if (quern == null) {
            quern = new SettingParams("quernClassifier");
        }
        return quern;
    }

    @Override
    public Param<?>[] params() {
        return quern().with(super.params());
    }

    @Override
    public QuernClassificationModel copy(ParamMap extra) {
        QuernClassificationModel copy =
                copyValues(new QuernClassificationModel(uid(), trained), extra);
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

    /**
     * For summaries of training, which are not made here; named because Java cannot tell those of
     * Spark's classes apart.
     *
     * @hidden
     */
    @Override
    @SuppressWarnings({"rawtypes", "unchecked"})
    public Tuple3 findSummaryModel() {
        return new Tuple3<>(this, getProbabilityCol(), getPredictionCol());
    }

    @Override
    public int numClasses() {
        return saved().model().outputSize();
    }

    @Override
    public Vector predictRaw(Vector features) {
        return Answers.ofOne(trained, features);
    }

    @Override
    public Vector raw2probabilityInPlace(Vector raw) {
        Answers.softmax(((DenseVector) raw).values());
        return raw;
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
    public static MLReader<QuernClassificationModel> read() {
        return ModelFolder.reader(QuernClassificationModel.class, QuernClassificationModel::new);
    }

    /** Reads one that was saved. */
    public static QuernClassificationModel load(String path) {
        return read().load(path);
    }
}
