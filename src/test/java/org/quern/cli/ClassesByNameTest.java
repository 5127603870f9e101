package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever classes a test set has, and in whatever order it shows them, each command measures it in
 * the classes of training. A row of class k has one bright pixel, number k modulo 4: a network
 * learns them all, and numbers that differ between commands come from classes, not from the
 * network.
 */
class ClassesByNameTest {
    private static final int PIXELS = 4;
    private static final int EACH = 20;

    @TempDir Path folder;

    /** The formats that hold classes. */
    enum Format {
        CSV {
            @Override
            void write(Path folder, List<Integer> train, List<Integer> test) throws IOException {
                table(folder.resolve("train.csv"), train);
                table(folder.resolve("test.csv"), test);
            }
        },
        IMAGES {
            @Override
            void write(Path folder, List<Integer> train, List<Integer> test) throws IOException {
                images(folder.resolve("train"), train);
                images(folder.resolve("test"), test);
            }
        },
        NPZ {
            @Override
            void write(Path folder, List<Integer> train, List<Integer> test) throws IOException {
                try (OutputStream out = Files.newOutputStream(folder.resolve("d.npz"));
                        ZipOutputStream zip = new ZipOutputStream(out)) {
                    array(zip, "x_train", "(%d, 2, 2)", pixels(train));
                    array(zip, "y_train", "(%d,)", labels(train));
                    array(zip, "x_test", "(%d, 2, 2)", pixels(test));
                    array(zip, "y_test", "(%d,)", labels(test));
                }
            }

            @Override
            Path path(Path folder) {
                return folder.resolve("d.npz");
            }
        },
        IDX {
            @Override
            void write(Path folder, List<Integer> train, List<Integer> test) throws IOException {
                idx(folder.resolve("train-images-idx3-ubyte"), pixels(train), train.size(), 2, 2);
                idx(folder.resolve("train-labels-idx1-ubyte"), labels(train), train.size());
                idx(folder.resolve("t10k-images-idx3-ubyte"), pixels(test), test.size(), 2, 2);
                idx(folder.resolve("t10k-labels-idx1-ubyte"), labels(test), test.size());
            }
        };

        /** Writes rows of these classes. */
        abstract void write(Path folder, List<Integer> train, List<Integer> test)
                throws IOException;

        /** What --data is given. */
        Path path(Path folder) {
            return folder;
        }
    }

    private static int pixel(int c, int pixel) {
        return c % PIXELS == pixel ? 200 : 0;
    }

    private static void table(Path file, List<Integer> classes) throws IOException {
        StringBuilder text = new StringBuilder("a,b,c,d,label\n");
        for (int c : classes) {
            for (int pixel = 0; pixel < PIXELS; pixel++) {
                text.append(pixel(c, pixel)).append(',');
            }
            text.append(c).append('\n');
        }
        Files.writeString(file, text);
    }

    private static void images(Path folder, List<Integer> classes) throws IOException {
        for (int i = 0; i < classes.size(); i++) {
            BufferedImage image = new BufferedImage(2, 2, BufferedImage.TYPE_BYTE_GRAY);
            for (int pixel = 0; pixel < PIXELS; pixel++) {
                image.getRaster().setSample(pixel % 2, pixel / 2, 0, pixel(classes.get(i), pixel));
            }
            Path of = Files.createDirectories(folder.resolve(classes.get(i).toString()));
            ImageIO.write(image, "png", of.resolve(i + ".png").toFile());
        }
    }

    private static byte[] pixels(List<Integer> classes) {
        byte[] pixels = new byte[classes.size() * PIXELS];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) pixel(classes.get(i / PIXELS), i % PIXELS);
        }
        return pixels;
    }

    private static byte[] labels(List<Integer> classes) {
        byte[] labels = new byte[classes.size()];
        for (int i = 0; i < labels.length; i++) {
            labels[i] = classes.get(i).byteValue();
        }
        return labels;
    }

    private static void array(ZipOutputStream zip, String name, String shape, byte[] values)
            throws IOException {
        int rows = shape.contains("2, 2") ? values.length / PIXELS : values.length;
        String header =
                "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n"
                        .formatted(shape.formatted(rows));
        zip.putNextEntry(new ZipEntry(name + ".npy"));
        zip.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
        zip.write(new byte[] {(byte) header.length(), 0});
        zip.write(header.getBytes(StandardCharsets.US_ASCII));
        zip.write(values);
    }

    private static void idx(Path file, byte[] values, int... extents) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(4 + 4 * extents.length + values.length);
        buffer.put(new byte[] {0, 0, 8, (byte) extents.length});
        Arrays.stream(extents).forEach(buffer::putInt);
        Files.write(file, buffer.put(values).array());
    }

    /** {@value #EACH} rows of each class, one after the other. */
    private static List<Integer> rows(int... classes) {
        List<Integer> rows = new ArrayList<>();
        for (int c : classes) {
            for (int i = 0; i < EACH; i++) {
                rows.add(c);
            }
        }
        return rows;
    }

    private Cli.Outcome quern(String... arguments) {
        String[] all = Arrays.copyOf(arguments, arguments.length + 2);
        all[arguments.length] = "--backend";
        all[arguments.length + 1] = "java";
        return new Cli(folder.resolve("cache")).run(all);
    }

    private static String measured(Cli.Outcome outcome) {
        assertThat(outcome.err()).isEmpty();
        return outcome.lines().stream()
                .filter(line -> line.startsWith("test accuracy"))
                .findFirst()
                .orElseThrow();
    }

    private Path data(Format format, List<Integer> train, List<Integer> test) throws IOException {
        Path data = Files.createDirectories(folder.resolve("data"));
        format.write(data, train, test);
        return format.path(data);
    }

    private Cli.Outcome quern(String command, Format format, Path data, String... more) {
        String settings =
                "--lr 0.02 --batch 4 --epochs 10 --scale 0.01 --validation 0.1 --data " + data;
        List<String> words = new ArrayList<>(List.of(command));
        words.addAll(List.of(settings.split(" ")));
        words.addAll(List.of(more));
        words.add("--model");
        words.add("dense 16 relu, dense 3");
        return quern(words.toArray(String[]::new));
    }

    private Cli.Outcome train(Format format, Path data, String... more) {
        String[] all = Arrays.copyOf(more, more.length + 2);
        all[more.length] = "--out";
        all[more.length + 1] = folder.resolve("run").toString();
        return quern("train", format, data, all);
    }

    /** Training has 3, 6 and 8; the first of the test's classes, in order, would be 3. */
    @ParameterizedTest
    @CsvSource({
        "CSV, absent", "IMAGES, absent", "NPZ, absent", "IDX, absent",
        "CSV, permuted", "IMAGES, permuted", "NPZ, permuted", "IDX, permuted"
    })
    void eachCommandMeasuresTheSame(Format format, String test) throws IOException {
        Path data = data(format, rows(3, 6, 8), test.equals("absent") ? rows(6, 8) : rows(8, 3, 6));
        String run = folder.resolve("run").toString();
        String trained = measured(train(format, data, "--target-accuracy", "0.95"));
        assertThat(trained)
                .contains("accuracy 1.0000")
                .endsWith("0 of %d wrong".formatted(test.equals("absent") ? 2 * EACH : 3 * EACH));
        assertThat(measured(quern("evaluate", run))).isEqualTo(trained);
        assertThat(measured(quern("evaluate", run, "--data", data.toString()))).isEqualTo(trained);
        assertThat(
                        measured(
                                quern(
                                        "evaluate",
                                        run + "/last.safetensors",
                                        "--data",
                                        data.toString())))
                .isEqualTo(trained);
        assertThat(Files.readString(folder.resolve("run/run.json")))
                .containsPattern("\"accuracy\": 1(\\.0)?,")
                .contains("\"6\"");
        assertThat(trained.replaceFirst("always '\\d'", "baseline"))
                .startsWith(
                        quern("sweep", format, data).lines().stream()
                                .filter(line -> line.startsWith("best "))
                                .map(line -> line.replaceFirst("best +", ""))
                                .findFirst()
                                .orElseThrow());
        quern("report", run);
        assertThat(Files.readString(folder.resolve("run/report.html")))
                .contains("\"accuracy\":1.0");
        assertThat(quern("predict", run, "--index", "0").out())
                .containsPattern(": (\\d) \\(0\\.\\d+\\), labelled \\1\n");
    }

    @ParameterizedTest
    @EnumSource(Format.class)
    void aClassThatTrainingLacksIsRefused(Format format) throws IOException {
        Path data = data(format, rows(3, 6, 8), rows(3, 5, 6));
        String name =
                switch (format) {
                    case CSV -> "test.csv";
                    case NPZ -> "d.npz test";
                    case IDX -> "data test";
                    default -> "test";
                };
        String refused =
                "quern: %s: row 20 (from 0) is of class \"5\", which training does not know: it knows 3, 6, 8\n"
                        .formatted(name);
        Cli.Outcome trained = train(format, data);
        assertThat(trained.err()).isEqualTo(refused);
        assertThat(trained.code()).isEqualTo(3);
        assertThat(folder.resolve("run")).doesNotExist();
        assertThat(quern("sweep", "--data", data.toString(), "--lr", "0.1,0.2").err())
                .isEqualTo(refused);
        format.write(folder.resolve("data"), rows(3, 6, 8), rows(3, 6, 8));
        if (format == Format.IMAGES) {
            try (var left = Files.list(folder.resolve("data/test/5"))) {
                for (Path image : left.toList()) {
                    Files.delete(image);
                }
            }
            Files.delete(folder.resolve("data/test/5"));
        }
        measured(train(format, data));
        format.write(folder.resolve("data"), rows(3, 6, 8), rows(3, 5, 6));
        Cli.Outcome evaluated =
                quern("evaluate", folder.resolve("run").toString(), "--data", data.toString());
        assertThat(evaluated.err()).isEqualTo(refused.replace("training", "the model"));
        assertThat(evaluated.code()).isEqualTo(3);
    }

    // ---- models without names of classes

    @Test
    void aLabelIsTheNumberOfAnOutputWhereNoClassIsNamed() throws IOException {
        Path model = unnamed();
        Path numbers = folder.resolve("numbers.csv");
        table(numbers, rows(2, 1));
        String[] words = {
            "evaluate",
            model.toString(),
            "--model",
            "dense 3",
            "--input",
            "4",
            "--scale",
            "1",
            "--data",
            numbers.toString()
        };
        // its bias makes output 2 of every row
        assertThat(measured(quern(words))).contains("accuracy 0.5000");
        Path text = folder.resolve("text.csv");
        Files.writeString(text, "label,a,b,c,d\nx,1,1,1,1\nz,1,1,1,1\n");
        words[words.length - 1] = text.toString();
        Cli.Outcome refused = quern(words);
        assertThat(refused.err())
                .isEqualTo(
                        "quern: text.csv: row 0 (from 0) is of class \"x\", which the model, whose file names"
                                + " no classes (give --classes), does not know: it knows 0, 1, 2\n");
        assertThat(refused.code()).isEqualTo(3);
        String[] named = Arrays.copyOf(words, words.length + 2);
        named[words.length] = "--classes";
        named[words.length + 1] = "x,y,z";
        assertThat(measured(quern(named))).contains("accuracy 0.5000");
        named[words.length + 1] = "x,z";
        assertThat(quern(named).err())
                .isEqualTo(
                        "quern: classes x,z: the model has 3 outputs, so give 3 different names\n");
        assertThat(
                        quern(
                                        "predict",
                                        model.toString(),
                                        "--model",
                                        "dense 3",
                                        "--input",
                                        "4",
                                        "--classes",
                                        "x,y,z",
                                        "--csv-row",
                                        "1,2,3,4")
                                .out())
                .contains("z (");
    }

    /** As PyTorch writes it: no metadata. Weights of 0, and a bias for output 2. */
    private Path unnamed() throws IOException {
        String header =
                "{\"0.weight\":{\"dtype\":\"F32\",\"shape\":[3,4],\"data_offsets\":[0,48]},"
                        + "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[48,60]}}";
        ByteBuffer buffer =
                ByteBuffer.allocate(8 + header.length() + 60)
                        .order(java.nio.ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
        buffer.putFloat(buffer.capacity() - 4, 1);
        return Files.write(folder.resolve("torch.safetensors"), buffer.array());
    }
}
