package org.quern.spark;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** A Spark for tests, and rows to learn from. */
final class Cluster {
    private static final int ROWS = 600;

    private Cluster() {}

    /** Two threads of this JVM; the same one for all tests. */
    static SparkSession local() {
        return SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", false)
                .config("spark.sql.shuffle.partitions", 2)
                .config("spark.log.level", "ERROR")
                .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir"))
                .getOrCreate();
    }

    /** So many workers with an executor of one core each, which are processes of their own. */
    static SparkSession of(int workers, Map<String, String> settings) throws IOException {
        SparkSession.getDefaultSession().foreach(session -> stopped(session));
        // all that Spark's launcher looks for; classes are on the executors' class path
        Path home = Path.of(System.getenv("SPARK_HOME"));
        Files.createDirectories(home.resolve("jars"));
        Files.write(home.resolve("RELEASE"), new byte[0]);
        String own = System.getProperty("java.class.path");
        String classes =
                Stream.of(
                                System.getProperty("surefire.test.class.path", own)
                                        .split(File.pathSeparator))
                        .map(entry -> Path.of(entry).toAbsolutePath().toString())
                        .collect(Collectors.joining(File.pathSeparator));
        SparkSession.Builder builder =
                SparkSession.builder()
                        .master("local-cluster[" + workers + ",1,1024]")
                        .config("spark.ui.enabled", false)
                        .config("spark.log.level", "ERROR")
                        .config("spark.executor.extraClassPath", classes)
                        .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir"));
        settings.forEach(builder::config);
        return builder.getOrCreate();
    }

    private static Void stopped(SparkSession session) {
        session.stop();
        return null;
    }

    static final StructType POINTS =
            new StructType()
                    .add("features", SQLDataTypes.VectorType())
                    .add("label", DataTypes.DoubleType);

    /** Points of three classes, which a small network tells apart. */
    static Dataset<Row> points(SparkSession spark) {
        Random random = new Random(7);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            int label = random.nextInt(3);
            double x = 100 + 20 * label + 6 * random.nextGaussian();
            double y = (label == 1 ? 0.02 : 0.01) + 0.002 * random.nextGaussian();
            rows.add(RowFactory.create(Vectors.dense(x, y, random.nextDouble()), (double) label));
        }
        return spark.createDataFrame(rows, POINTS);
    }

    /** Rows whose label is a number: 3x - 2y, and some noise. */
    static Dataset<Row> numbers(SparkSession spark) {
        Random random = new Random(8);
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            double x = random.nextGaussian();
            double y = random.nextGaussian();
            double label = 1000 + 3 * x - 2 * y + 0.1 * random.nextGaussian();
            rows.add(RowFactory.create(Vectors.dense(x, y), label));
        }
        return spark.createDataFrame(rows, POINTS);
    }
}
