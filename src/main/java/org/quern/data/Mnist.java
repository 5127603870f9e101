package org.quern.data;

import static org.quern.QuernException.given;
import static org.quern.QuernException.require;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.files.Caches;

/**
 * MNIST (LeCun, Cortes and Burges): 60,000 and 10,000 handwritten digits of 28 × 28 pixels. Where
 * it is looked for, how its four files are called, and what their contents hash to.
 */
public final class Mnist {
    /** Names a folder with the four files. */
    public static final String VARIABLE = "QUERN_MNIST";

    /** The names of the ten classes. */
    public static final List<String> DIGITS =
            List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9");

    enum File {
        TRAIN_IMAGES(
                "train-images-idx3-ubyte",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                0xe9f4d8b3L),
        TRAIN_LABELS(
                "train-labels-idx1-ubyte",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                0xe0cb4ad2L),
        TEST_IMAGES(
                "t10k-images-idx3-ubyte",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                0x91373bdfL),
        TEST_LABELS(
                "t10k-labels-idx1-ubyte",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                0x4ab9eff9L);

        private final String stem;

        /** Of the unpacked contents, in hexadecimal. */
        private final String sha256;

        /** Of the same, known once a file is read: whoever trains does not wait for SHA-256. */
        private final long crc32;

        File(String stem, String sha256, long crc32) {
            this.stem = stem;
            this.sha256 = sha256;
            this.crc32 = crc32;
        }

        String gzipped() {
            return stem + ".gz";
        }

        /** Whether the contents of an IDX file hash to those of this one. */
        boolean isWhole(Path path) {
            TypedArray array = Idx.read(path).array();
            ByteBuffer header = ByteBuffer.allocate(4 + 4 * array.shape().length);
            header.putInt(8 << 8 | array.shape().length);
            IntStream.of(array.shape()).forEach(header::putInt);
            try {
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                digest.update(header.array());
                return HexFormat.of()
                        .formatHex(digest.digest(array.values().array()))
                        .equals(sha256);
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java has SHA-256", e);
            }
        }

        /** The file in a folder, under one of the names that are in use. */
        Optional<Path> in(Path folder) {
            String dotted = stem.replace("-idx", ".idx");
            return Stream.of(stem + ".gz", stem, dotted + ".gz", dotted)
                    .map(folder::resolve)
                    .filter(Files::isRegularFile)
                    .findFirst();
        }
    }

    private static final String FOLDER = "mnist"; // in the cache

    private Mnist() {}

    /** The folder into which MNIST is fetched: {@code quern/mnist} in the user's cache. */
    public static Path cacheFolder(Map<String, String> environment) {
        return Caches.folder(given(environment, "environment")).resolve(FOLDER);
    }

    /** Whether a folder holds all four files. */
    public static boolean isIn(Path folder) {
        return missing(given(folder, "folder")).isEmpty();
    }

    /**
     * Looks for MNIST in the folder that {@value #VARIABLE} names, then in the user's cache.
     *
     * @throws org.quern.QuernException if {@value #VARIABLE} is set and does not hold it
     */
    public static Optional<Path> find(Map<String, String> environment) {
        String told = given(environment, "environment").get(VARIABLE);
        if (told != null && !told.isBlank()) {
            Path folder = Path.of(told);
            String missing = missing(folder);
            String message =
                    "%s is %s, which does not hold MNIST: no %s in it; unset it, or fetch MNIST"
                            + " there by quern data fetch mnist --to %s";
            require(missing.isEmpty(), message, VARIABLE, folder, missing, folder);
            return Optional.of(folder);
        }
        return Caches.folders(environment).stream()
                .map(cache -> cache.resolve(FOLDER))
                .filter(Mnist::isIn)
                .findFirst();
    }

    private static String missing(Path folder) {
        return Stream.of(File.values())
                .filter(file -> file.in(folder).isEmpty())
                .map(File::gzipped)
                .collect(Collectors.joining(", "));
    }

    /** Whether one of the four files, unpacked, has a CRC-32. */
    static boolean hasFile(long crc32) {
        return Stream.of(File.values()).anyMatch(file -> file.crc32 == crc32);
    }

    /** The names of those of the four files whose contents are not the original ones. */
    public static List<String> differing(Path folder) {
        return Stream.of(File.values())
                .filter(file -> !file.isWhole(file.in(given(folder, "folder")).orElseThrow()))
                .map(file -> file.in(folder).orElseThrow().getFileName().toString())
                .toList();
    }
}
