package org.quern.spark;

import static org.quern.QuernException.require;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructType;
import org.quern.run.RunSettings;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Adds a model's answers to rows. */
final class Scoring implements Serializable {
    private static final long serialVersionUID = 1;

    /** What a row can be given. */
    enum Answer {
        RAW("rawPredictionCol"),
        PROBABILITY("probabilityCol"),
        PREDICTION("predictionCol");

        private final String param; // with its name

        Answer(String param) {
            this.param = param;
        }

        DataType type() {
            return this == PREDICTION ? DataTypes.DoubleType : SQLDataTypes.VectorType();
        }
    }

    final String column;
    final double[] thresholds; // null for none
    final RunSettings settings; // those of running
    private final EnumMap<Answer, String> names = new EnumMap<>(Answer.class);

    String name; // of the model
    Broadcast<byte[]> file;

    /** As the params of an estimator or of a model say; without a name, an answer is left out. */
    Scoring(QuernParams of) {
        column = of.value(of.getParam("featuresCol"), "");
        boolean classes = of.hasParam("thresholds");
        thresholds = classes ? of.value(of.getParam("thresholds"), null) : null;
        settings = of.settings();
        for (Answer answer : Answer.values()) {
            String name = of.hasParam(answer.param) ? of.value(of.getParam(answer.param), "") : "";
            if (!name.isEmpty()) {
                names.put(answer, name);
            }
        }
    }

    /** What the answers make of a schema; refused if it lacks the features, or has an answer. */
    StructType schema(StructType of) {
        Features.check(of, column);
        StructType with = of;
        for (Map.Entry<Answer, String> added : names.entrySet()) {
            boolean there = Arrays.asList(with.fieldNames()).contains(added.getValue());
            String text = "there is a column %s already: give answers another name";
            require(!there, text, added.getValue());
            with = with.add(added.getValue(), added.getKey().type(), false);
        }
        return with;
    }

    /**
     * The rows with the answers. Nothing is computed yet, and later only what somebody asks for:
     * Spark's optimizer sees which columns that is.
     */
    Dataset<Row> transform(Dataset<?> data, Trained trained) {
        schema(data.schema());
        name = trained.name;
        file = trained.on(data.sparkSession());
        LogicalPlan rows = ((org.apache.spark.sql.classic.Dataset<?>) data).logicalPlan();
        List<NamedExpression> columns = new ArrayList<>(CollectionConverters.asJava(rows.output()));
        Attribute features = (Attribute) columns.get(data.schema().fieldIndex(column));
        List<Attribute> answers = new ArrayList<>();
        for (Map.Entry<Answer, String> added : names.entrySet()) {
            Attribute answer =
                    new AttributeReference(
                            added.getKey().name(),
                            added.getKey().type(),
                            false,
                            Metadata.empty(),
                            NamedExpression.newExprId(),
                            seq(List.of()));
            answers.add(answer);
            // the name is one of its own, as Spark has to tell rows apart that are joined with
            // themselves
            columns.add(
                    new Alias(
                            answer,
                            added.getValue(),
                            NamedExpression.newExprId(),
                            seq(List.of()),
                            Option.empty(),
                            seq(List.of())));
        }
        SparkSession session = (SparkSession) data.sparkSession();
        ScoringPlan.Planning.register(session);
        LogicalPlan scored = new ScoringPlan(this, features, seq(answers), rows);
        return org.apache.spark.sql.classic.Dataset.ofRows(
                session, new Project(seq(columns), scored));
    }

    static <T> Seq<T> seq(List<? extends T> list) {
        return CollectionConverters.<T>asScala(new ArrayList<T>(list)).toSeq();
    }

    static Seq<Attribute> both(Seq<Attribute> some, Seq<Attribute> more) {
        List<Attribute> all = new ArrayList<>(CollectionConverters.asJava(some));
        all.addAll(CollectionConverters.asJava(more));
        return seq(all);
    }

    /** Scala's lists of attributes are lists of expressions, too. */
    @SuppressWarnings("unchecked")
    static Seq<Expression> expressions(Seq<? extends Expression> some) {
        return (Seq<Expression>) some;
    }

    @Override
    public String toString() {
        return "Quern " + name;
    }
}
