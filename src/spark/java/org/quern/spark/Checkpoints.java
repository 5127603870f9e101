package org.quern.spark;

import static org.quern.QuernException.data;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.EnumSet;
import java.util.Map;
import java.util.UUID;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.quern.run.RunSettings;
import org.quern.run.StateFile;
import org.quern.run.Training;
import org.quern.train.EpochResult;
import org.quern.train.Listener;
import org.quern.train.Trainer;

/**
 * The checkpoint of a training, in a folder of any file system that Hadoop knows. Its file is
 * called after all that decides the training, so that who tries it again finds it, and nobody else
 * does.
 */
final class Checkpoints implements Listener {
    private final Path file;
    private final int every;
    private final Map<String, String> settings;

    /** Of a training that begins; {@code every} so many epochs. */
    Checkpoints(String folder, int every, RunSettings settings, int fold, Training training) {
        this.every = every;
        this.settings = settings.texts();
        String rows = training.rows().fingerprint();
        String name = Bytes.digest(training.trainer().config().texts() + " " + fold + " " + rows);
        file = new Path(new Path(folder), "quern-" + name + ".state");
    }

    /** Brings the trainer to where it stood, if it was begun before, and keeps it from then on. */
    void attach(Trainer trainer) {
        byte[] kept = read();
        if (kept != null) {
            Bytes.read(kept, file.toString(), StateFile::read).restore(trainer, file.toString());
        }
        trainer.listen(this);
    }

    @Override
    public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        if (result.epoch() % every == 0) {
            StateFile state = StateFile.of(trainer, settings);
            write(Bytes.written(state::write));
        }
        return Verdict.GO_ON;
    }

    /** Of a training that has ended. */
    void delete() {
        try {
            files().delete(file, false);
        } catch (IOException e) {
            throw failed(e, "deleted");
        }
    }

    private byte[] read() {
        try (InputStream in = files().open(file)) {
            return in.readAllBytes();
        } catch (FileNotFoundException e) {
            return null;
        } catch (IOException e) {
            throw failed(e, "read");
        }
    }

    /** As a whole or not at all: a task may be killed in the middle of it. */
    private void write(byte[] bytes) {
        Path part = file.suffix("." + UUID.randomUUID());
        try {
            FileContext files = files();
            EnumSet<CreateFlag> flags = EnumSet.of(CreateFlag.CREATE);
            try (OutputStream out = files.create(part, flags, Options.CreateOpts.createParent())) {
                out.write(bytes);
            }
            files.rename(part, file, Options.Rename.OVERWRITE);
        } catch (IOException e) {
            throw failed(e, "written");
        }
    }

    private FileContext files() throws IOException {
        return FileContext.getFileContext(file.toUri(), SparkHadoopUtil.get().conf());
    }

    private RuntimeException failed(IOException e, String how) {
        return data(e, "checkpoint %s cannot be %s: %s", file, how, e.getMessage());
    }
}
