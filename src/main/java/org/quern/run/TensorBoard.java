package org.quern.run;

import static org.quern.QuernException.data;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.quern.QuernException;
import org.quern.files.AtomicFile;
import org.quern.io.ProtoMessage;
import org.quern.train.EpochResult;
import org.quern.train.Listener;
import org.quern.train.Progress;
import org.quern.train.Trainer;

/**
 * Writes the course of a training as event files for TensorBoard, under the names of Keras'
 * callback: in {@code DIR/train} {@code batch_loss} and others by step, {@code epoch_loss} and
 * others by epoch from 0; in {@code DIR/validation} those of validation. A value by step is the
 * mean over the steps since the one before. The files are TensorFlow's records
 * (tensorflow/core/lib/io/record_writer.h) of Event messages (tensorflow/core/util/event.proto).
 *
 * @hidden
 */
public final class TensorBoard implements Listener, AutoCloseable {
    private static final AtomicInteger FILES = new AtomicInteger();

    private final Path folder;
    private final boolean classifies;
    private final Consumer<String> failed;
    private final Curve curve = new Curve();
    private final Map<String, OutputStream> files = new LinkedHashMap<>();

    /** Where a training that is gone on with stood: what was told of later steps is void. */
    private long start;

    private boolean gaveUp;

    /**
     * Makes the folder of the training's events, where those of earlier trainings stay.
     *
     * @param classifies whether accuracy means anything
     * @param failed takes what is to be said when writing fails, which ends no training
     * @throws org.quern.QuernException if the folder cannot be written
     */
    public TensorBoard(Path folder, boolean classifies, Consumer<String> failed) {
        this.folder = folder;
        this.classifies = classifies;
        this.failed = failed;
        try {
            AtomicFile.createFolder(folder);
            check(folder);
        } catch (IOException e) {
            throw unwritable(folder, e);
        }
    }

    /** Refuses a folder that cannot be made or written, before there is anything to write. */
    public static void check(Path folder) {
        Path there = folder.toAbsolutePath();
        while (!Files.exists(there) && there.getParent() != null) {
            there = there.getParent();
        }
        if (!Files.isDirectory(there)) {
            throw unwritable(folder, new FileAlreadyExistsException(there.toString()));
        }
        if (!Files.isWritable(there)) {
            throw unwritable(folder, new AccessDeniedException(there.toString()));
        }
    }

    private static QuernException unwritable(Path folder, IOException e) {
        String why = "%s cannot be written (%s): give --tensorboard another folder";
        return data(e, why, folder, AtomicFile.reason(e));
    }

    private OutputStream open(String part) throws IOException {
        Path of = folder.resolve(part);
        AtomicFile.createFolder(of);
        String name = "events.out.tfevents.%010d.%s.%d.%d";
        long seconds = System.currentTimeMillis() / 1000;
        long process = ProcessHandle.current().pid();
        String host = Objects.requireNonNullElse(RunReport.host(), "host");
        name = name.formatted(seconds, host, process, FILES.incrementAndGet());
        OutputStream file = Files.newOutputStream(of.resolve(name), StandardOpenOption.CREATE_NEW);
        files.put(part, file);
        file.write(record(event(0).text(3, "brain.Event:2")));
        if (start > 0) { // SessionLog.START
            file.write(record(event(start).message(7, new ProtoMessage().number(1, 1))));
        }
        return file;
    }

    @Override
    public void begin(Trainer trainer) {
        curve.begin(trainer);
        start = trainer.step();
    }

    @Override
    public Verdict progress(Progress now) {
        Curve.Point point = curve.since(now);
        if (point != null) {
            Map<String, Double> values = new LinkedHashMap<>();
            values.put("batch_loss", point.loss());
            values.put("batch_accuracy", classifies ? point.accuracy() : null);
            values.put("batch_learning_rate", point.learningRate());
            values.put("batch_rows_per_second", now.rowsPerSecond());
            scalars("train", (now.epoch() - 1L) * now.steps() + now.step(), values);
        }
        return Verdict.GO_ON;
    }

    @Override
    public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("epoch_loss", result.loss());
        values.put("epoch_accuracy", classifies ? result.accuracy() : null);
        values.put("epoch_learning_rate", result.learningRate());
        values.put("epoch_weight_norm", result.weightNorm());
        values.put("epoch_gradient_norm", result.gradientNorm());
        scalars("train", result.epoch() - 1, values);
        if (result.validationLoss() != null) {
            values.clear();
            values.put("epoch_loss", result.validationLoss());
            values.put("epoch_" + (classifies ? "accuracy" : "r2"), result.validationAccuracy());
            scalars("validation", result.epoch() - 1, values);
        }
        return Verdict.GO_ON;
    }

    private void scalars(String part, long step, Map<String, Double> values) {
        ProtoMessage summary = new ProtoMessage();
        values.forEach(
                (tag, value) -> {
                    if (value != null) {
                        float number = value.floatValue();
                        summary.message(1, new ProtoMessage().text(1, tag).decimal(2, number));
                    }
                });
        write(part, event(step).message(5, summary));
    }

    private void write(String part, ProtoMessage event) {
        if (gaveUp) {
            return;
        }
        try {
            OutputStream file = files.get(part);
            (file == null ? open(part) : file).write(record(event));
        } catch (IOException e) {
            gaveUp = true;
            String text = "%s cannot be written (%s): no more events for TensorBoard";
            failed.accept(text.formatted(folder, AtomicFile.reason(e)));
        }
    }

    private static ProtoMessage event(long step) {
        return new ProtoMessage().decimal(1, System.currentTimeMillis() / 1e3).number(2, step);
    }

    /** Length, its checksum, the event, its checksum. */
    private static byte[] record(ProtoMessage event) {
        byte[] bytes = event.bytes();
        ByteBuffer record = ByteBuffer.allocate(bytes.length + 16).order(ByteOrder.LITTLE_ENDIAN);
        record.putLong(bytes.length);
        record.putInt(masked(record.array(), 0, Long.BYTES));
        record.put(bytes).putInt(masked(bytes, 0, bytes.length));
        return record.array();
    }

    /** CRC-32C, turned and moved so that a checksum of checksums is none (crc32c.h). */
    static int masked(byte[] bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, length);
        return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
    }

    @Override
    public void close() {
        for (OutputStream file : files.values()) {
            try {
                file.close();
            } catch (IOException e) {
                failed.accept("%s: %s".formatted(folder, AtomicFile.reason(e)));
            }
        }
    }
}
