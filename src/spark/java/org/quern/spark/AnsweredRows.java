package org.quern.spark;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.InputFileBlockHolder$;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.expressions.codegen.GenerateUnsafeRowJoiner;
import org.apache.spark.sql.catalyst.expressions.codegen.UnsafeRowJoiner;
import org.apache.spark.sql.catalyst.types.DataTypeUtils;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.util.TaskCompletionListener;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Reads {@value #BATCH} rows, answers them, and gives them out with the answers, all in Spark's own
 * form. As Spark's operators do, it gives out one row again and again.
 */
final class AnsweredRows implements Iterator<InternalRow> {
    private static final int BATCH = 1024;

    /** Fewer rows, if they have more numbers than these. */
    private static final int FLOATS = 1 << 20;

    /** Those of the rows that come, and of those that go. */
    record Columns(
            Attribute features,
            Seq<Attribute> all,
            Seq<Attribute> kept,
            Seq<Scoring.Answer> kinds,
            Seq<Attribute> answers)
            implements Serializable {}

    /**
     * Where Spark keeps the part of a file that {@code input_file_name()} tells of: that of the row
     * which was read last, which here is not the one that is given out.
     */
    @SuppressWarnings("unchecked")
    private static AtomicReference<Object> part() {
        return (AtomicReference<Object>) InputFileBlockHolder$.MODULE$.getThreadLocalValue();
    }

    private final Iterator<InternalRow> rows;
    private final Scoring scoring;
    private final Predictors.Shared shared;
    private final SavedModel saved;
    private final int width;
    private final int outputs;
    private final Features.Reader reader;
    private final UnsafeProjection keep;
    private final boolean all;
    private final Scoring.Answer[] wanted;
    private final GenericInternalRow own;
    private final UnsafeProjection answer;
    private final UnsafeRowJoiner joiner; // null to keep nothing
    private final boolean classes;
    private final boolean softmax;
    private final int most; // rows of a batch
    private final UnsafeRow[] batch;
    private float[] values = {}; // of a batch; a new one of megabytes each time would cost more
    private float[] answers;
    private int count;
    private int next;
    private final Object[] parts; // of files, of the batch's rows
    private Object reading; // of the row that was read last
    private Object current; // that Spark is told of; null if it is the reader's

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
        most = Math.max(1, Math.min(BATCH, FLOATS / width));
        batch = new UnsafeRow[most];
        parts = new Object[most];
        int place = columns.all.indexWhere(one -> one.exprId().equals(columns.features.exprId()));
        reader = new Features.Reader(columns.features.dataType(), place);
        StructType left = DataTypeUtils.fromAttributes(columns.kept);
        StructType right = DataTypeUtils.fromAttributes(columns.answers);
        keep = UnsafeProjection.create(Scoring.expressions(columns.kept), columns.all);
        all = columns.kept.equals(columns.all);
        joiner = left.isEmpty() ? null : GenerateUnsafeRowJoiner.create(left, right);
        wanted = CollectionConverters.asJava(columns.kinds).toArray(Scoring.Answer[]::new);
        answer = UnsafeProjection.create(right);
        own = new GenericInternalRow(wanted.length);
        classes = saved.loss().classifies();
        boolean probable = Arrays.asList(wanted).contains(Scoring.Answer.PROBABILITY);
        softmax = classes && (probable || scoring.thresholds != null);
    }

    /** The rows of a task, with answers. */
    static Iterator<InternalRow> of(Iterator<InternalRow> rows, Scoring scoring, Columns columns) {
        RunSettings here = OnExecutor.here(scoring.settings);
        Predictors.Shared shared = Predictors.of(scoring.name, scoring.file.value(), here);
        TaskCompletionListener end = context -> shared.close();
        TaskContext.get().addTaskCompletionListener(end);
        return new AnsweredRows(rows, scoring, columns, shared);
    }

    /** The rows of batches of columns, each good until the next is asked for. */
    static Iterator<InternalRow> rows(Iterator<ColumnarBatch> batches) {
        return new Iterator<>() {
            private Iterator<InternalRow> some = Collections.emptyIterator();

            @Override
            public boolean hasNext() {
                while (!some.hasNext() && batches.hasNext()) {
                    some = batches.next().rowIterator();
                }
                return some.hasNext();
            }

            @Override
            public InternalRow next() {
                hasNext();
                return some.next(); // which refuses, if there are none
            }
        };
    }

    @Override
    public boolean hasNext() {
        if (next < count) {
            return true;
        }
        goOnReading();
        boolean more = rows.hasNext();
        if (!more && current != null) { // as the reader leaves it
            InputFileBlockHolder$.MODULE$.unset();
            current = null;
        }
        return more;
    }

    @Override
    public InternalRow next() {
        if (next == count) {
            read();
        }
        if (parts[next] != current) {
            current = parts[next];
            part().set(current);
        }
        UnsafeRow added = answer.apply(answered(next * outputs));
        UnsafeRow row = batch[next];
        batch[next++] = null;
        return joiner == null ? added : joiner.join(row, added);
    }

    /** Before the reader is asked for more: it finds the part of the file where it stands. */
    private void goOnReading() {
        if (current != null && current != reading) {
            current = reading;
            part().set(current);
        }
    }

    private void read() {
        if (values.length != most * width) {
            values = new float[most * width];
        }
        next = 0;
        count = 0;
        goOnReading();
        while (count < most && rows.hasNext()) {
            InternalRow row = rows.next();
            reading = part().get();
            parts[count] = reading;
            int has = reader.read(row, values, count * width, width);
            require(has != Features.Reader.NONE, "column %s is null in a row", scoring.column);
            if (has != width) {
                String text = "column %s: a row has %d numbers, but the model takes %d";
                throw data(text, scoring.column, has, width);
            }
            if (joiner != null) {
                boolean asIs = all && row instanceof UnsafeRow;
                batch[count] = asIs ? ((UnsafeRow) row).copy() : keep.apply(row).copy();
            }
            count++;
        }
        current = null; // the reader has gone on, perhaps to another file
        values = count < most ? Arrays.copyOf(values, count * width) : values;
        answers = new float[count * outputs];
        if (wanted.length > 0) { // none to count rows
            shared.predictor.outputs(Answers.input(shared, values, reader.wasOdd()), answers);
        }
    }

    /** The answers to a row that somebody asks for. */
    private InternalRow answered(int from) {
        double[] raw = new double[outputs];
        for (int i = 0; i < outputs; i++) {
            raw[i] = answers[from + i];
        }
        Answers.centre(raw, classes);
        double[] likely = raw;
        if (softmax) {
            likely = raw.clone();
            Answers.softmax(likely);
        }
        // the same class whether or not somebody asks for the probabilities, too
        double[] decides = scoring.thresholds == null ? raw : likely;
        double prediction = classes ? Answers.most(decides, scoring.thresholds) : raw[0];
        for (int i = 0; i < wanted.length; i++) {
            switch (wanted[i]) {
                case RAW -> own.update(i, Features.dense(raw));
                case PROBABILITY -> own.update(i, Features.dense(likely));
                default -> own.setDouble(i, prediction);
            }
        }
        return own;
    }
}
