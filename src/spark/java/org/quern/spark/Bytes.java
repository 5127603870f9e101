package org.quern.spark;

import static org.quern.QuernException.data;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.Consumer;
import java.util.function.Function;
import org.quern.QuernException;
import org.quern.io.ModelFile;
import org.quern.io.ModelFile.SavedModel;

/**
 * What goes between driver and executors, as bytes: then it is the same whatever {@code
 * spark.serializer} is, which may not know of records.
 */
final class Bytes {
    private Bytes() {}

    static byte[] of(Serializable object) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(object);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    static <T> T to(Class<T> type, byte[] bytes) {
        try (ObjectInputStream in = new Loading(new ByteArrayInputStream(bytes))) {
            return type.cast(in.readObject());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException("driver and executor have other classes", e);
        }
    }

    /** By the class loader of this class, which is not the JVM's where jars come with a job. */
    private static final class Loading extends ObjectInputStream {
        Loading(ByteArrayInputStream in) throws IOException {
            super(in);
        }

        @Override
        protected Class<?> resolveClass(ObjectStreamClass type)
                throws IOException, ClassNotFoundException {
            try {
                return Class.forName(type.getName(), false, Bytes.class.getClassLoader());
            } catch (ClassNotFoundException e) {
                return super.resolveClass(type);
            }
        }
    }

    /** A model's safetensors file. */
    static byte[] of(SavedModel model) {
        return written(model::save);
    }

    /** The model of a safetensors file; {@code name} is what messages call it. */
    static SavedModel model(byte[] file, String name) {
        return read(file, name, path -> ModelFile.read(path, null));
    }

    /** What is written into a file. */
    static byte[] written(Consumer<Path> writer) {
        return withFile(
                path -> {
                    writer.accept(path);
                    try {
                        return Files.readAllBytes(path);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    /** What is read from a file of these bytes, which messages call by another name. */
    static <T> T read(byte[] bytes, String name, Function<Path, T> reader) {
        return withFile(
                path -> {
                    try {
                        Files.write(path, bytes);
                        return reader.apply(path);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    } catch (QuernException e) {
                        throw data(e, "%s", e.getMessage().replace(path.toString(), name));
                    }
                });
    }

    private static <T> T withFile(Function<Path, T> use) {
        Path folder = null;
        try {
            folder = Files.createTempDirectory("quern-spark");
            return use.apply(folder.resolve("file.safetensors"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            if (folder != null) {
                folder.resolve("file.safetensors").toFile().delete();
                folder.toFile().delete();
            }
        }
    }

    /** A name for contents: 16 digits of their SHA-256. */
    static String digest(String text) {
        return digest(text.getBytes(StandardCharsets.UTF_8));
    }

    static String digest(byte[] bytes) {
        try {
            byte[] all = MessageDigest.getInstance("SHA-256").digest(bytes);
            return HexFormat.of().formatHex(all, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK has it
        }
    }
}
