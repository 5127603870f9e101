package org.quern.spark;

import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.execution.ColumnarToRowExec;
import org.apache.spark.sql.execution.InputAdapter;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.WholeStageCodegenExec;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.runtime.ScalaRunTime;

/**
 * Computes a {@link ScoringPlan}: the answers that are asked for, beside the kept columns.
 *
 * @hidden
 */
@SuppressWarnings("serial") // Scala's lists and columns are serializable, whatever their types say
public final class ScoringExec extends SparkPlan {
    private static final long serialVersionUID = 1;

    private final Scoring scoring;
    private final Attribute features;
    private final Seq<Attribute> kept;
    private final Seq<Scoring.Answer> kinds;
    private final Seq<Attribute> answers;
    private final SparkPlan rows;

    /** Public, because Spark makes copies by reflection. */
    public ScoringExec(
            Scoring scoring,
            Attribute features,
            Seq<Attribute> kept,
            Seq<Scoring.Answer> kinds,
            Seq<Attribute> answers,
            SparkPlan rows) {
        this.scoring = scoring;
        this.features = features;
        this.kept = kept;
        this.kinds = kinds;
        this.answers = answers;
        this.rows = rows;
    }

    @Override
    public RDD<InternalRow> doExecute() {
        AnsweredRows.Columns columns =
                new AnsweredRows.Columns(features, rows.output(), kept, kinds, answers);
        Scoring how = scoring; // not this plan, which is the driver's
        return source().mapPartitions(some -> AnsweredRows.of(some, how, columns), true).rdd();
    }

    /**
     * The rows; of columns, as Parquet files are read, without making rows of all of them first.
     */
    private JavaRDD<InternalRow> source() {
        SparkPlan below = rows instanceof WholeStageCodegenExec whole ? whole.child() : rows;
        if (below instanceof ColumnarToRowExec turned) {
            SparkPlan columns =
                    turned.child() instanceof InputAdapter in ? in.child() : turned.child();
            return columns.executeColumnar().toJavaRDD().mapPartitions(AnsweredRows::rows, true);
        }
        return rows.execute().toJavaRDD();
    }

    @Override
    public Seq<Attribute> output() {
        return Scoring.both(kept, answers);
    }

    @Override
    public AttributeSet producedAttributes() {
        return AttributeSet.apply(Scoring.expressions(answers));
    }

    @Override
    public Seq<SparkPlan> children() {
        return Scoring.seq(List.of(rows));
    }

    @Override
    public SparkPlan withNewChildrenInternal(IndexedSeq<SparkPlan> children) {
        return new ScoringExec(scoring, features, kept, kinds, answers, children.apply(0));
    }

    @Override
    public int productArity() {
        return 6;
    }

    @Override
    public Object productElement(int n) {
        return new Object[] {scoring, features, kept, kinds, answers, rows}[n];
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof ScoringExec;
    }

    @Override
    public boolean equals(Object other) {
        return canEqual(other)
                && productIterator().sameElements(((ScoringExec) other).productIterator());
    }

    @Override
    public int hashCode() {
        return ScalaRunTime._hashCode(this);
    }
}
