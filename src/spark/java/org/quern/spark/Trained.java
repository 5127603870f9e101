package org.quern.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.quern.io.ModelFile.SavedModel;
import org.quern.train.EpochResult;
import scala.reflect.ClassTag$;

/** A trained model, in the form in which it is sent around and saved: a safetensors file. */
final class Trained implements Serializable {
    private static final long serialVersionUID = 1;

    final byte[] file;
    final String name; // of its contents
    final String device;
    final ArrayList<EpochResult> epochs;
    final ArrayList<String> notes;
    final int averagedEvery; // steps; 0 with one worker
    private transient SavedModel saved;
    private transient Broadcast<byte[]> everywhere;
    private transient SparkContext sentBy;

    Trained(Outcome outcome, int averagedEvery) {
        this(
                outcome.model(),
                outcome.device(),
                outcome.epochs(),
                outcome.notes(),
                averagedEvery,
                "the model");
    }

    /** Of a safetensors file; refused if it is damaged or of another version. */
    Trained(
            byte[] file,
            String device,
            List<EpochResult> epochs,
            List<String> notes,
            int averagedEvery,
            String called) {
        this.file = file;
        this.device = device;
        this.epochs = new ArrayList<>(epochs);
        this.notes = new ArrayList<>(notes);
        this.averagedEvery = averagedEvery;
        name = Bytes.digest(file);
        OnExecutor.log(notes);
        saved = Bytes.model(file, called);
    }

    /** Of a file that somebody else wrote. */
    static Trained of(byte[] file, String called) {
        Trained trained = new Trained(file, "", List.of(), List.of(), 0, called);
        Answers.requireNumbers(trained.saved());
        return trained;
    }

    synchronized SavedModel saved() {
        if (saved == null) {
            saved = Bytes.model(file, "the model");
        }
        return saved;
    }

    /** The file on all executors that use it, sent once. */
    synchronized Broadcast<byte[]> on(SparkSession session) {
        SparkContext spark = session.sparkContext();
        // one of a context that was stopped says that it is valid, and has a number that the next
        // context gives to something else
        if (everywhere == null || !everywhere.isValid() || sentBy != spark) {
            everywhere = spark.broadcast(file, ClassTag$.MODULE$.apply(byte[].class));
            sentBy = spark;
        }
        return everywhere;
    }
}
