package org.quern.spark;

import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.regression.Regressor;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;

/**
 * Trains a dense network to predict a number: an estimator of Spark ML.
 *
 * <pre>{@code
 * QuernRegressionModel model = new QuernRegressor()
 *     .setLayers("dense 64 relu, dense 32 relu, dense 1")
 *     .setLabelCol("price")
 *     .fit(rows);
 * }</pre>
 *
 * <p>Without a {@linkplain #shape shape}, features are the columns of a table: they are
 * standardized, and NaN is a gap. The rows go to one executor, which trains on them, or to several
 * ({@link #setWorkers}).
 */
public final class QuernRegressor extends Regressor<Vector, QuernRegressor, QuernRegressionModel>
        implements QuernSetters<QuernRegressor>, DefaultParamsWritable {
    private static final long serialVersionUID = 1;

    // set when Spark's constructors ask for the uid, which is before that of this class
    private SettingParams quern;

    /** With a uid of its own. */
    public QuernRegressor() {}

    /** With this uid. */
    public QuernRegressor(String uid) {
        this(SettingParams.next(uid));
    }

    private QuernRegressor(Void next) {}

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
    public QuernRegressor copy(ParamMap extra) {
        return defaultCopy(extra);
    }

    @Override
    public StructType transformSchema(StructType schema) {
        fitting().check(schema);
        return new Scoring(this).schema(schema, 0);
    }

    private Fitting fitting() {
        return new Fitting(this, getFeaturesCol(), getLabelCol(), false);
    }

    @Override
    public QuernRegressionModel train(Dataset<?> data) {
        return new QuernRegressionModel(uid(), fitting().fit(data));
    }

    /** Reads one that was saved. */
    public static MLReader<QuernRegressor> read() {
        return new DefaultParamsReader<>();
    }

    /** Reads one that was saved. */
    public static QuernRegressor load(String path) {
        return read().load(path);
    }
}
