package org.quern.spark;

import static org.quern.QuernException.data;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.function.BiFunction;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.param.Params;
import org.apache.spark.ml.util.DefaultParamsReader$;
import org.apache.spark.ml.util.DefaultParamsWriter$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.SparkSession;

/**
 * A model's folder: Spark's {@code metadata} (JSON: the params), and {@code model.safetensors},
 * which Quern, PyTorch and others read.
 */
final class ModelFolder {
    private static final String MODEL = "model.safetensors";

    private ModelFolder() {}

    static MLWriter writer(Params model, Trained trained) {
        return new MLWriter() {
            @Override
            public void saveImpl(String path) {
                SparkSession spark = sparkSession();
                DefaultParamsWriter$.MODULE$.saveMetadata(model, path, spark);
                Path file = new Path(path, MODEL);
                try (OutputStream out = files(spark, file).create(file)) {
                    out.write(trained.file);
                } catch (IOException e) {
                    throw data(e, "%s cannot be written: %s", file, e.getMessage());
                }
            }
        };
    }

    static <M extends Params> MLReader<M> reader(
            Class<M> type, BiFunction<String, Trained, M> constructor) {
        return new MLReader<>() {
            @Override
            public M load(String path) {
                SparkSession spark = sparkSession();
                var reader = DefaultParamsReader$.MODULE$;
                var metadata = reader.loadMetadata(path, spark, type.getName());
                Path file = new Path(path, MODEL);
                byte[] bytes;
                try (InputStream in = files(spark, file).open(file)) {
                    bytes = in.readAllBytes();
                } catch (FileNotFoundException e) {
                    throw data(e, "%s has no %s: it is not a model of Quern's", path, MODEL);
                } catch (IOException e) {
                    throw data(e, "%s cannot be read: %s", file, e.getMessage());
                }
                Trained trained = Trained.of(bytes, file.toString());
                M model = constructor.apply(metadata.uid(), trained);
                metadata.getAndSetParams(model, metadata.getAndSetParams$default$2());
                return model;
            }
        };
    }

    private static FileSystem files(SparkSession spark, Path file) throws IOException {
        return file.getFileSystem(spark.sessionState().newHadoopConf());
    }
}
