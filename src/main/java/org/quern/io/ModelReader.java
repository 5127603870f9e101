package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.quern.QuernException;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;

/** Reads trained models of every format that Quern knows, which it tells by their first bytes. */
public final class ModelReader {
    /** The formats, for messages. */
    public static final String FORMATS = "safetensors, ONNX, .keras or .h5";

    private static final byte[] HDF5 = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    private static final byte[] ZIP = {'P', 'K', 3, 4};

    private ModelReader() {}

    /**
     * A model out of a file.
     *
     * @param remarks a line for each thing that was guessed or left out
     */
    public record Reading(SavedModel model, List<String> remarks) {
        public Reading {
            given(model, "model");
            remarks = QuernException.copied(remarks, "remarks");
        }
    }

    /**
     * Reads a model.
     *
     * @param spec the model, for safetensors files that do not say; else null
     * @throws org.quern.QuernException if the file is damaged, is of another model, or has what
     *     Quern has not
     */
    public static Reading read(Path file, Model spec) {
        require(Files.exists(given(file, "file")), "%s does not exist", file);
        require(Files.isRegularFile(file), "%s is not a file", file);
        List<String> remarks = new ArrayList<>();
        try {
            byte[] start = AtomicFile.uninterrupted(() -> start(file));
            boolean keras = isKeras(start);
            if (!saysModel(file, start)) {
                boolean tensors =
                        nameOf(file).endsWith(".safetensors")
                                || start.length > 8 && start[8] == '{';
                String none =
                        "%s is not a model: give a safetensors, Keras (.keras, .h5) or ONNX file";
                require(tensors, none, file);
                return new Reading(ModelFile.read(file, spec, remarks), remarks);
            }
            String known = "%s says what model it is of: leave --model out";
            require(spec == null, known, file);
            SavedModel model =
                    AtomicFile.uninterrupted(
                            () -> {
                                remarks.clear();
                                return !keras
                                        ? OnnxReader.read(file, remarks)
                                        : begins(start, ZIP)
                                                ? KerasFile.readZip(file, remarks)
                                                : KerasFile.readHdf5(file, remarks);
                            });
            return new Reading(model, remarks);
        } catch (IOException e) {
            throw data(e, "%s cannot be read: %s", file, e.getMessage());
        } catch (NoClassDefFoundError e) {
            throw data(
                    e,
                    "%s: models of Keras are read by io.jhdf:jhdf, which is not on the class path",
                    file);
        } catch (QuernException e) {
            boolean named = e.getMessage().startsWith(file.toString());
            throw named ? e : data(e, "%s: %s", file, e.getMessage());
        }
    }

    /** Whether a file is there and of a kind that says what model it is of: Keras' or ONNX. */
    public static boolean saysModel(Path file) {
        if (!Files.isRegularFile(given(file, "file"))) {
            return false;
        }
        try {
            return saysModel(file, AtomicFile.uninterrupted(() -> start(file)));
        } catch (IOException e) {
            throw data(e, "%s cannot be read: %s", file, e.getMessage());
        }
    }

    private static boolean saysModel(Path file, byte[] start) {
        return isKeras(start) || nameOf(file).endsWith(".onnx") || isOnnx(start);
    }

    private static boolean isKeras(byte[] start) {
        return begins(start, ZIP) || begins(start, HDF5);
    }

    private static String nameOf(Path file) {
        return file.getFileName().toString().toLowerCase(Locale.ROOT);
    }

    private static byte[] start(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(16);
        }
    }

    private static boolean begins(byte[] start, byte[] with) {
        return start.length >= with.length
                && Arrays.equals(start, 0, with.length, with, 0, with.length);
    }

    /** An ONNX file begins with its version of the format, safetensors with a length and {. */
    private static boolean isOnnx(byte[] start) {
        boolean length = start.length > 8 && start[8] == '{' && start[6] == 0 && start[7] == 0;
        return start.length > 2 && start[0] == 8 && start[1] > 0 && start[2] != 0 && !length;
    }
}
