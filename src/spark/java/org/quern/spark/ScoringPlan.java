package org.quern.spark;

import static java.util.stream.Collectors.partitioningBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.PredicateHelper;
import org.apache.spark.sql.catalyst.optimizer.PushDownPredicates$;
import org.apache.spark.sql.catalyst.plans.logical.Filter;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.FilterExec;
import org.apache.spark.sql.execution.ProjectExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SparkStrategy;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractPartialFunction;
import scala.runtime.ScalaRunTime;

/**
 * Rows and a model's answers, in the plan of a query. So Spark reads only the columns that somebody
 * asks for, and rows stay in its own form: decoding and encoding them would take longer than the
 * answers.
 *
 * @hidden
 */
public final class ScoringPlan extends LogicalPlan {
    private static final long serialVersionUID = 1;

    private final Scoring scoring;
    private final Attribute features;
    private final Seq<Scoring.Answer> kinds;
    private final Seq<Attribute> answers;
    private final LogicalPlan rows;

    /** Public, because Spark makes copies by reflection. */
    public ScoringPlan(
            Scoring scoring,
            Attribute features,
            Seq<Scoring.Answer> kinds,
            Seq<Attribute> answers,
            LogicalPlan rows) {
        this.scoring = scoring;
        this.features = features;
        this.kinds = kinds;
        this.answers = answers;
        this.rows = rows;
    }

    @Override
    public Seq<Attribute> output() {
        return Scoring.both(rows.output(), answers);
    }

    @Override
    public AttributeSet producedAttributes() {
        return AttributeSet.apply(Scoring.expressions(answers));
    }

    @Override
    public Seq<LogicalPlan> children() {
        return Scoring.seq(List.of(rows));
    }

    @Override
    public LogicalPlan withNewChildrenInternal(IndexedSeq<LogicalPlan> children) {
        return new ScoringPlan(scoring, features, kinds, answers, children.apply(0));
    }

    @Override
    public int productArity() {
        return 5;
    }

    @Override
    public Object productElement(int n) {
        return new Object[] {scoring, features, kinds, answers, rows}[n];
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof ScoringPlan;
    }

    @Override
    public boolean equals(Object other) {
        return canEqual(other)
                && productIterator().sameElements(((ScoringPlan) other).productIterator());
    }

    @Override
    public int hashCode() {
        return ScalaRunTime._hashCode(this);
    }

    /** Tells Spark how to compute it. */
    static final class Planning extends SparkStrategy {
        private static final long serialVersionUID = 1;

        /** In a session, once. */
        static synchronized void register(SparkSession session) {
            Seq<SparkStrategy> known = session.experimental().extraStrategies();
            if (!known.exists(one -> one instanceof Planning)) {
                List<SparkStrategy> all = new ArrayList<>(CollectionConverters.asJava(known));
                all.add(new Planning());
                session.experimental().extraStrategies_$eq(Scoring.seq(all));
                List<Rule<LogicalPlan>> rules =
                        new ArrayList<>(
                                CollectionConverters.asJava(
                                        session.experimental().extraOptimizations()));
                rules.add(new Sooner());
                rules.add(PushDownPredicates$.MODULE$); // on to the answers of another model
                session.experimental().extraOptimizations_$eq(Scoring.seq(rules));
            }
        }

        /** With what is above it, if that says which columns are asked for. */
        @Override
        public Seq<SparkPlan> apply(LogicalPlan plan) {
            LogicalPlan below = plan;
            Project project = below instanceof Project p ? p : null;
            below = project == null ? below : project.child();
            Filter filter = below instanceof Filter f ? f : null;
            below = filter == null ? below : filter.child();
            if (!(below instanceof ScoringPlan scored)) {
                return Scoring.seq(List.of());
            }
            AttributeSet asked = scored.outputSet();
            if (project != null) {
                AttributeSet some = project.references();
                asked = filter == null ? some : some.$plus$plus(filter.references());
            }
            Seq<Attribute> answers = of(asked, scored.answers);
            SparkPlan physical =
                    new ScoringExec(
                            scored.scoring,
                            scored.features,
                            of(asked, scored.rows.output()),
                            Scoring.kinds(CollectionConverters.asJava(answers)),
                            answers,
                            planLater(scored.rows));
            physical = filter == null ? physical : new FilterExec(filter.condition(), physical);
            physical =
                    project == null ? physical : new ProjectExec(project.projectList(), physical);
            return Scoring.seq(List.of(physical));
        }

        private static Seq<Attribute> of(AttributeSet asked, Seq<Attribute> columns) {
            List<Attribute> some = new ArrayList<>(CollectionConverters.asJava(columns));
            some.removeIf(column -> !asked.contains(column));
            return Scoring.seq(some);
        }
    }

    /** Conditions on the rows' own columns are asked before their answers are computed. */
    static final class Sooner extends Rule<LogicalPlan> implements PredicateHelper {
        @Override
        public LogicalPlan apply(LogicalPlan plan) {
            return plan.transformDown(
                    new AbstractPartialFunction<LogicalPlan, LogicalPlan>() {
                        @Override
                        public boolean isDefinedAt(LogicalPlan one) {
                            return one instanceof Filter filter
                                    && filter.child() instanceof ScoringPlan;
                        }

                        @Override
                        public LogicalPlan apply(LogicalPlan one) {
                            Filter filter = (Filter) one;
                            return moved(filter, (ScoringPlan) filter.child());
                        }
                    });
        }

        /** A filter above answers as one below them, and another of what is left. */
        private LogicalPlan moved(Filter filter, ScoringPlan scored) {
            AttributeSet own = scored.rows.outputSet();
            Map<Boolean, List<Expression>> parts =
                    CollectionConverters.asJava(splitConjunctivePredicates(filter.condition()))
                            .stream()
                            .collect(
                                    partitioningBy(
                                            one ->
                                                    one.deterministic()
                                                            && one.references().subsetOf(own)));
            if (parts.get(true).isEmpty()) {
                return filter;
            }
            LogicalPlan answered =
                    new ScoringPlan(
                            scored.scoring,
                            scored.features,
                            scored.kinds,
                            scored.answers,
                            under(parts.get(true), scored.rows));
            return under(parts.get(false), answered);
        }

        private static LogicalPlan under(List<Expression> conditions, LogicalPlan rows) {
            Optional<Expression> all = conditions.stream().reduce(And::new);
            return all.isEmpty() ? rows : new Filter(all.get(), rows);
        }
    }
}
