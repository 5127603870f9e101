package org.quern.spark;

import static org.quern.QuernException.data;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.expressions.codegen.GenerateUnsafeRowJoiner;
import org.apache.spark.sql.catalyst.expressions.codegen.UnsafeRowJoiner;
import org.apache.spark.sql.catalyst.types.DataTypeUtils;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.TaskCompletionListener;
import org.quern.io.ModelFile.SavedModel;
import scala.collection.immutable.Seq;

/**
 * Reads {@value #BATCH} rows, answers them, and gives them out with the answers, all in Spark's own
 * form. As Spark's operators do, it gives out one row again and again.
 */
final class AnsweredRows implements Iterator<InternalRow> {
    private static final int BATCH = 1024;

    /** Those of the rows that come, and of those that go. */
    record Columns(
            Attribute features,
            Seq<Attribute> all,
            Seq<Attribute> kept,
            Seq<Attribute> answers)
            implements Serializable {}

    private final Iterator<InternalRow> rows;
    private final Scoring scoring;
    private final Predictors.Shared shared;
    private final SavedModel saved;
    private final int width;
    private final int outputs;
    private final Features.Reader reader;
    private final UnsafeProjection keep; // null to keep rows as they are
    private final Scoring.Answer[] wanted;
    private final GenericInternalRow own;
    private final UnsafeProjection answer;
    private final UnsafeRowJoiner joiner; // null to keep nothing
    private final UnsafeRow[] batch = new UnsafeRow[BATCH];
    private float[] values = {}; // of a batch; a new one of megabytes each time would cost more
    private float[] answers;
    private int count;
    private int next;

    private AnsweredRows(
            Iterator<InternalRow> rows,
            Scoring scoring,
            Columns columns,
            Predictors.Shared shared) {
        this.rows = rows;
        this.scoring = scoring;
        this.shared = shared;
        saved = shared.saved;
        width = Answers.width(saved);
        outputs = saved.model().outputSize();
        int place = columns.all.indexWhere(one -> one.exprId().equals(columns.features.exprId()));
        reader = new Features.Reader(columns.features.dataType(), place);
        StructType left = DataTypeUtils.fromAttributes(columns.kept);
        StructType right = DataTypeUtils.fromAttributes(columns.answers);
        keep = UnsafeProjection.create(Scoring.seq(list), columns.all);
        answer = UnsafeProjection.create(right);
        joiner = left.isEmpty() ? null : GenerateUnsafeRowJoiner.create(left, right);
        own = new GenericInternalRow(right.size());
        wanted = Arrays.stream(right.fieldNames()).map(Scoring.Answer::valueOf).toArray(Scoring.Answer[]::new);
    }
}
