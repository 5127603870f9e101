package org.quern.spark;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.require;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.attribute.NominalAttribute;
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
    private final boolean classes;
    final double[] thresholds; // null for none
    final RunSettings settings; // those of running
    private final EnumMap<Answer, String> names = new EnumMap<>(Answer.class);

    String name; // of the model
    Broadcast<byte[]> file;

    /** As the params of an estimator or of a model say; without a name, an answer is left out. */
    Scoring(QuernParams of) {
        column = of.value(of.getParam("featuresCol"), "");
        classes = of.hasParam("thresholds");
        thresholds = classes ? of.value(of.getParam("thresholds"), null) : null;
        settings = of.settings();
        for (Answer answer : Answer.values()) {
            String name = of.hasParam(answer.param) ? of.value(of.getParam(answer.param), "") : "";
            if (!name.isEmpty()) {
                names.put(answer, name);
            }
        }
    }

    /**
     * What the answers make of a schema; refused if it lacks the features, or has an answer.
     *
     * @param outputs of the model; 0 if it is not trained yet
     */
    StructType schema(StructType of, int outputs) {
        Features.check(of, column);
        StructType with = of;
        for (Map.Entry<Answer, String> added : names.entrySet()) {
            boolean there = Features.place(with, added.getValue()) >= 0;
            String text = "there is a column %s already: give answers another name";
            require(!there, text, added.getValue());
            Metadata metadata = metadata(added.getKey(), added.getValue(), outputs);
            with = with.add(added.getValue(), added.getKey().type(), false, metadata);
        }
        return with;
    }

    /** Refuses thresholds that are more or fewer than there are classes. */
    static void check(double[] thresholds, int classes) {
        String text = "thresholds: there are %d of them, and %d classes";
        boolean fit = thresholds == null || thresholds.length == classes;
        expect(fit, text, fit ? 0 : thresholds.length, classes);
    }

    /** What Spark's own models tell of their answers, so that others need not look at the rows. */
    private Metadata metadata(Answer answer, String called, int outputs) {
        if (outputs == 0) {
            return Metadata.empty();
        } else if (answer != Answer.PREDICTION) {
            return new AttributeGroup(called, outputs).toMetadata();
        } else if (!classes) {
            return Metadata.empty();
        }
        return NominalAttribute.defaultAttr().withName(called).withNumValues(outputs).toMetadata();
    }

    /**
     * The rows with the answers. Nothing is computed yet, and later only what somebody asks for:
     * Spark's optimizer sees which columns that is.
     */
    Dataset<Row> transform(Dataset<?> data, Trained trained) {
        int outputs = trained.saved().model().outputSize();
        schema(data.schema(), outputs);
        check(thresholds, outputs);
        name = trained.name;
        file = trained.on(data.sparkSession());
        LogicalPlan rows = ((org.apache.spark.sql.classic.Dataset<?>) data).logicalPlan();
        List<NamedExpression> columns = new ArrayList<>(CollectionConverters.asJava(rows.output()));
        Attribute features = (Attribute) columns.get(Features.place(data.schema(), column));
        List<Attribute> answers = new ArrayList<>();
        for (Map.Entry<Answer, String> added : names.entrySet()) {
            Attribute answer =
                    new AttributeReference(
                            added.getKey().name(),
                            added.getKey().type(),
                            false,
                            metadata(added.getKey(), added.getValue(), outputs),
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
        LogicalPlan scored = new ScoringPlan(this, features, kinds(answers), seq(answers), rows);
        return org.apache.spark.sql.classic.Dataset.ofRows(
                session, new Project(seq(columns), scored));
    }

    /**
     * Which answers these columns are: Spark takes plans for equal that differ in the names of
     * columns alone.
     */
    static Seq<Answer> kinds(List<Attribute> answers) {
        return seq(answers.stream().map(one -> Answer.valueOf(one.name())).toList());
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
