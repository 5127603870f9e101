package org.quern.spark;

import static org.quern.QuernException.require;

import java.util.Arrays;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.SparseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import scala.collection.Seq;

/** Columns of vectors or of arrays of numbers, and what is refused of them. */
final class Features {
    private Features() {}

    /** Refuses a column that is not there, or that has no numbers to train on. */
    static void check(StructType schema, String name) {
        DataType type = type(schema, name, "setFeaturesCol");
        boolean array = type instanceof ArrayType of && of.elementType() instanceof NumericType;
        String text =
                "column %s is of type %s: features are vectors or arrays of numbers, as"
                        + " VectorAssembler makes them";
        boolean vector = type.equals(SQLDataTypes.VectorType());
        require(vector || array, text, name, type.catalogString());
    }

    /** The same of labels. */
    static void checkLabel(StructType schema, String name) {
        DataType type = type(schema, name, "setLabelCol");
        String text = "column %s is of type %s: labels are numbers, as StringIndexer makes them";
        require(type instanceof NumericType, text, name, type.catalogString());
    }

    private static DataType type(StructType schema, String name, String setter) {
        boolean there = Arrays.asList(schema.fieldNames()).contains(name);
        String text = "there is no column %s: use one of %s, by %s";
        require(there, text, name, String.join(", ", schema.fieldNames()), setter);
        return schema.apply(name).dataType();
    }

    /** Numbers of a row. */
    static int width(Object features) {
        return features instanceof Vector vector ? vector.size() : ((Seq<?>) features).size();
    }

    /** Writes a row's numbers from a place on. */
    static void copy(Object features, float[] to, int at) {
        if (features instanceof DenseVector dense) {
            double[] from = dense.values();
            for (int i = 0; i < from.length; i++) {
                to[at + i] = (float) from[i];
            }
        } else if (features instanceof SparseVector sparse) {
            Arrays.fill(to, at, at + sparse.size(), 0);
            int[] places = sparse.indices();
            double[] from = sparse.values();
            for (int i = 0; i < places.length; i++) {
                to[at + places[i]] = (float) from[i];
            }
        } else {
            Seq<?> numbers = (Seq<?>) features;
            for (int i = 0; i < numbers.size(); i++) {
                Object number = numbers.apply(i);
                to[at + i] = number == null ? Float.NaN : ((Number) number).floatValue();
            }
        }
    }
}
