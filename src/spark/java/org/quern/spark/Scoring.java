package org.quern.spark;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.TaskCompletionListener;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;

/** Adds a model's answers to rows, {@value #BATCH} at a time. */
final class Scoring implements MapPartitionsFunction<Row, Row> {
    private static final long serialVersionUID = 1;
    private static final int BATCH = 1024;

    private final String column;
    private final String raw; // names of what is added; empty for what is not
    private final String probability;
    private final String prediction;
    private final double[] thresholds; // null for none
    private final RunSettings settings; // those of running

    private String name;
    private Broadcast<byte[]> file;
    private int features;

    Scoring(
            String column,
            String raw,
            String probability,
            String prediction,
            double[] thresholds,
            RunSettings settings) {
        this.column = column;
        this.raw = raw;
        this.probability = probability;
        this.prediction = prediction;
        this.thresholds = thresholds;
        this.settings = settings;
    }

    /** What the answers make of a schema; refused if it lacks the features, or has an answer. */
    StructType schema(StructType of) {
        Features.check(of, column);
        StructType with = of;
        for (String added : List.of(raw, probability, prediction)) {
            boolean there = Arrays.asList(of.fieldNames()).contains(added);
            require(!there, "there is a column %s already: give answers another name", added);
            if (!added.isEmpty()) {
                boolean number = added.equals(prediction);
                with =
                        with.add(
                                added,
                                number ? DataTypes.DoubleType : SQLDataTypes.VectorType(),
                                false);
            }
        }
        return with;
    }

    Dataset<Row> transform(Dataset<?> data, Trained trained) {
        StructType schema = schema(data.schema());
        name = trained.name;
        file = trained.on(data.sparkSession());
        features = data.schema().fieldIndex(column);
        return data.toDF().mapPartitions(this, Encoders.row(schema));
    }

    @Override
    public Iterator<Row> call(Iterator<Row> rows) {
        TaskContext task = TaskContext.get();
        Predictors.Shared shared = Predictors.of(name, file.value(), OnExecutor.here(settings));
        TaskCompletionListener end = context -> shared.close();
        task.addTaskCompletionListener(end);
        return new Batches(rows, shared);
    }

    /** Reads a batch, answers it, and gives its rows out. */
    private final class Batches implements Iterator<Row> {
        private final Iterator<Row> rows;
        private final Predictors.Shared shared;
        private final SavedModel saved;
        private final int width;
        private final int outputs;
        private final List<Row> batch = new ArrayList<>(BATCH);
        private float[] values = {}; // of a batch; a new one of megabytes each time would cost more
        private float[] answers;
        private int next;

        Batches(Iterator<Row> rows, Predictors.Shared shared) {
            this.rows = rows;
            this.shared = shared;
            saved = shared.saved;
            width = Answers.width(saved);
            outputs = saved.model().outputSize();
        }

        @Override
        public boolean hasNext() {
            return next < batch.size() || rows.hasNext();
        }

        @Override
        public Row next() {
            if (next == batch.size()) {
                batch.clear();
                next = 0;
                while (batch.size() < BATCH && rows.hasNext()) {
                    batch.add(rows.next());
                }
                answer();
            }
            Row row = batch.get(next);
            float[] own = Arrays.copyOfRange(answers, next * outputs, (next + 1) * outputs);
            next++;
            return with(row, own);
        }

        private void answer() {
            if (values.length != batch.size() * width) {
                values = new float[batch.size() * width];
            }
            for (int i = 0; i < batch.size(); i++) {
                Object of = batch.get(i).get(features);
                int has = of == null ? 0 : Features.width(of);
                if (has != width) {
                    String text = "column %s: a row has %d numbers, but the model takes %d";
                    throw data(text, column, has, width);
                }
                Features.copy(of, values, i * width);
            }
            answers = new float[batch.size() * outputs];
            shared.predictor.outputs(Answers.input(shared, values), answers);
        }

        private Row with(Row row, float[] own) {
            int had = row.size();
            int more = 0;
            for (String added : List.of(raw, probability, prediction)) {
                more += added.isEmpty() ? 0 : 1;
            }
            Object[] all = new Object[had + more];
            for (int i = 0; i < had; i++) {
                all[i] = row.get(i);
            }
            double[] answer = Answers.doubles(own);
            int at = had;
            if (!raw.isEmpty()) {
                all[at++] = Vectors.dense(answer.clone());
            }
            if (saved.loss().classifies()) {
                Answers.softmax(answer);
            }
            if (!probability.isEmpty()) {
                all[at++] = Vectors.dense(answer);
            }
            if (!prediction.isEmpty()) {
                boolean classes = saved.loss().classifies();
                all[at] = classes ? (double) Answers.most(answer, thresholds) : answer[0];
            }
            return RowFactory.create(all);
        }
    }
}
