package org.quern.spark;

import org.apache.spark.ml.classification.ProbabilisticClassifier;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;

/**
 * Trains a dense network to tell classes apart: an estimator of Spark ML.
 *
 * <pre>{@code
 * PipelineModel model = new Pipeline()
 *     .setStages(new PipelineStage[] {
 *         new StringIndexer().setInputCol("species").setOutputCol("label"),
 *         new VectorAssembler().setInputCols(columns).setOutputCol("features"),
 *         new QuernClassifier().setLayers("dense 32 relu, dense 3").setEpochs(50)})
 *     .fit(rows);
 * }</pre>
 *
 * <p>Without a {@linkplain #shape shape}, features are the columns of a table: they are
 * standardized, and NaN is a gap. The rows go to one executor, which trains on them, or to several
 * ({@link #setWorkers}).
 */
public final class QuernClassifier
        extends ProbabilisticClassifier<Vector, QuernClassifier, QuernClassificationModel>
        implements QuernSetters<QuernClassifier>, DefaultParamsWritable {
    private static final long serialVersionUID = 1;

    // set when Spark's constructors ask for the uid, which is before that of this class
    private SettingParams quern;

    /** With a uid of its own. */
    public QuernClassifier() {}

    /** With this uid. */
    public QuernClassifier(String uid) {
        this(SettingParams.next(uid));
    }

    private QuernClassifier(Void next) {}

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
    public QuernClassifier copy(ParamMap extra) {
        return defaultCopy(extra);
    }

    @Override
    public StructType transformSchema(StructType schema) {
        fitting().check(schema);
        return new Scoring(this).schema(schema, 0);
    }

    private Fitting fitting() {
        return new Fitting(this, getFeaturesCol(), getLabelCol(), true);
    }

    @Override
    public QuernClassificationModel train(Dataset<?> data) {
        return new QuernClassificationModel(uid(), fitting().fit(data));
    }

    /** Reads one that was saved. */
    public static MLReader<QuernClassifier> read() {
        return new DefaultParamsReader<>();
    }

    /** Reads one that was saved. */
    public static QuernClassifier load(String path) {
        return read().load(path);
    }
}
