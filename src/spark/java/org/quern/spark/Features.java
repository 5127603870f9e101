package org.quern.spark;

import static org.quern.QuernException.require;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.SparseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DoubleType;
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
        int place = place(schema, name);
        String text = "there is no column %s: use one of %s, by %s";
        require(place >= 0, text, name, String.join(", ", schema.fieldNames()), setter);
        return schema.fields()[place].dataType();
    }

    /** Where a column is, by Spark's rule for upper and lower case; -1 if it is not there. */
    static int place(StructType schema, String name) {
        String[] names = schema.fieldNames();
        boolean byCase = SQLConf.get().caseSensitiveAnalysis();
        int[] found =
                IntStream.range(0, names.length)
                        .filter(
                                i ->
                                        byCase
                                                ? names[i].equals(name)
                                                : names[i].equalsIgnoreCase(name))
                        .toArray();
        require(found.length < 2, "%d columns are called %s: rename one", found.length, name);
        return found.length == 0 ? -1 : found[0];
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

    /** A vector as Spark keeps it in rows. */
    static InternalRow dense(double[] values) {
        UnsafeArrayData numbers = UnsafeArrayData.fromPrimitiveArray(values);
        return new GenericInternalRow(new Object[] {(byte) 1, null, null, numbers});
    }

    /** Reads a column of rows that are in Spark's own form. */
    static final class Reader {
        /** Of a row that has no features. */
        static final int NONE = -1;

        private final int place;
        private final DataType element; // null of vectors
        private boolean odd; // whether there was a NaN or a -0

        Reader(DataType type, int place) {
            this.place = place;
            element = type instanceof ArrayType of ? of.elementType() : null;
        }

        /** How many numbers a row has; if as many as asked for, they are written there. */
        int read(InternalRow row, float[] to, int at, int width) {
            if (row.isNullAt(place)) {
                return NONE;
            }
            if (element != null) {
                ArrayData numbers = row.getArray(place);
                int has = numbers.numElements();
                for (int i = 0; has == width && i < width; i++) {
                    to[at + i] = seen(number(numbers, i));
                }
                return has;
            }
            InternalRow vector = row.getStruct(place, 4); // type, size, indices, values
            ArrayData numbers = vector.getArray(3);
            boolean sparse = vector.getByte(0) == 0;
            int has = sparse ? vector.getInt(1) : numbers.numElements();
            if (has == width && sparse) {
                ArrayData places = vector.getArray(2);
                Arrays.fill(to, at, at + width, 0);
                for (int i = 0; i < numbers.numElements(); i++) {
                    to[at + places.getInt(i)] = seen((float) numbers.getDouble(i));
                }
            } else if (has == width) {
                for (int i = 0; i < width; i++) {
                    to[at + i] = seen((float) numbers.getDouble(i));
                }
            }
            return has;
        }

        /** Whether there was a NaN or a -0 since this was asked for last. */
        boolean wasOdd() {
            boolean was = odd;
            odd = false;
            return was;
        }

        private float seen(float number) {
            odd |= Float.isNaN(number) | Float.floatToRawIntBits(number) == Integer.MIN_VALUE;
            return number;
        }

        private float number(ArrayData numbers, int i) {
            if (numbers.isNullAt(i)) {
                return Float.NaN;
            }
            if (element instanceof DoubleType) {
                return (float) numbers.getDouble(i);
            }
            Object number = numbers.get(i, element);
            return number instanceof Decimal decimal
                    ? decimal.toJavaBigDecimal().floatValue()
                    : ((Number) number).floatValue();
        }
    }
}
