package org.quern.spark;

import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.execution.SparkPlan;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.runtime.ScalaRunTime;

/** Computes a {@link ScoringPlan}: the answers that are asked for, beside the kept columns. */
final class ScoringExec extends SparkPlan {
    private static final long serialVersionUID = 1;

    private final Scoring scoring;
    private final Attribute features;
    private final Seq<Attribute> kept;
    private final Seq<Attribute> answers;
    private final SparkPlan rows;

    ScoringExec(
            Scoring scoring,
            Attribute features,
            Seq<Attribute> kept,
            Seq<Attribute> answers,
            SparkPlan rows) {
        this.scoring = scoring;
        this.features = features;
        this.kept = kept;
        this.answers = answers;
        this.rows = rows;
    }

    @Override
    public RDD<InternalRow> doExecute() {
        AnsweredRows.Columns columns =
                new AnsweredRows.Columns(features, rows.output(), kept, answers);
        Scoring how = scoring; // not this plan, which is the driver's
        FlatMapFunction<java.util.Iterator<InternalRow>, InternalRow> answer =
                some -> AnsweredRows.of(some, how, columns);
        return rows.execute().toJavaRDD().mapPartitions(answer, true).rdd();
    }

    @Override
    public Seq<Attribute> output() {
        return kept.appendedAll(answers);
    }

    @Override
    public AttributeSet producedAttributes() {
        return AttributeSet.apply(answers);
    }

    @Override
    public Seq<SparkPlan> children() {
        return Scoring.seq(List.of(rows));
    }

    @Override
    public SparkPlan withNewChildrenInternal(IndexedSeq<SparkPlan> children) {
        return new ScoringExec(scoring, features, kept, answers, children.apply(0));
    }

    /** Spark would look for a public constructor. */
    @Override
    @SuppressWarnings("unchecked") // as productElement gave them
    public SparkPlan makeCopy(Object[] parts) {
        SparkPlan copy =
                new ScoringExec(
                        (Scoring) parts[0],
                        (Attribute) parts[1],
                        (Seq<Attribute>) parts[2],
                        (Seq<Attribute>) parts[3],
                        (SparkPlan) parts[4]);
        copy.copyTagsFrom(this);
        return copy;
    }

    @Override
    public int productArity() {
        return 5;
    }

    @Override
    public Object productElement(int n) {
        return new Object[] {scoring, features, kept, answers, rows}[n];
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
