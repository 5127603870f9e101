package org.quern;

import com.google.gson.JsonObject;
import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.Socket;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.DataReader;
import org.quern.data.Distortion;
import org.quern.data.TableFormat;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.report.Comparison;
import org.quern.run.Recipe;
import org.quern.run.RunFolder;
import org.quern.run.RunSettings;
import org.quern.run.TrainedModel;
import org.quern.train.Predictor;
import org.quern.train.Schedule;
import org.quern.web.DrawServer;

/**
 * Any bytes whatever: each parser takes them, or refuses them in one line, soon and in little
 * memory. The test gives it those that are kept in {@code src/test/resources/fuzz}; {@code ci/fuzz}
 * looks for others, by Jazzer.
 */
public class ParserFuzzTest {
    /** Above the input's size. All that is allocated counts, garbage too. */
    private static final long MOST_BYTES = 64 << 20;

    private static final long MOST_NANOS = 2_000_000_000;
    private static final ThreadMXBean THREAD =
            ManagementFactory.getPlatformMXBean(ThreadMXBean.class);

    private static final Map<String, Target> TARGETS =
            Map.ofEntries(
                    Map.entry("idx", ParserFuzzTest::idx),
                    Map.entry("npz", ParserFuzzTest::npz),
                    Map.entry("npy", ParserFuzzTest::npy),
                    Map.entry("csv", ParserFuzzTest::csv),
                    Map.entry("image", ParserFuzzTest::image),
                    Map.entry("safetensors", ParserFuzzTest::safetensors),
                    Map.entry("torch", ParserFuzzTest::torch),
                    Map.entry("onnx", ParserFuzzTest::onnx),
                    Map.entry("keras", ParserFuzzTest::keras),
                    Map.entry("state", ParserFuzzTest::state),
                    Map.entry("run-json", ParserFuzzTest::runJson),
                    Map.entry("text", ParserFuzzTest::text),
                    Map.entry("http", ParserFuzzTest::http));

    @TempDir static Path folder;

    interface Target {
        void take(byte[] data) throws IOException;
    }

    interface Reading {
        void read() throws IOException;
    }

    /** Those that are kept, and none. */
    static Stream<Arguments> inputs() throws IOException, URISyntaxException {
        Path kept = Path.of(ParserFuzzTest.class.getResource("/fuzz").toURI());
        List<Arguments> inputs = new ArrayList<>();
        for (String target : new TreeSet<>(TARGETS.keySet())) {
            inputs.add(Arguments.of(target, Path.of("/dev/null")));
            try (Stream<Path> files = Files.list(kept.resolve(target))) {
                files.sorted().forEach(file -> inputs.add(Arguments.of(target, file)));
            }
        }
        return inputs.stream();
    }

    @ParameterizedTest
    @MethodSource("inputs")
    void isReadOrRefused(String target, Path input) throws IOException {
        TARGETS.get(target).take(Files.readAllBytes(input));
    }

    /** Called by Jazzer. */
    public static void fuzzerInitialize() throws IOException {
        folder = Files.createTempDirectory("quern-fuzz");
    }

    /** Called by Jazzer, for each input. */
    public static void fuzzerTestOneInput(byte[] data) throws IOException {
        TARGETS.get(System.getProperty("quern.fuzz")).take(data);
    }

    /**
     * Reads a file of so many bytes. What takes too much is read again: classes are loaded then.
     */
    private static void check(int size, Reading reading) throws IOException {
        String excess = excess(size, reading);
        excess = excess == null ? null : excess(size, reading);
        must(excess == null, excess);
    }

    private static String excess(int size, Reading reading) throws IOException {
        long bytes = THREAD.getCurrentThreadAllocatedBytes();
        long nanos = THREAD.getCurrentThreadCpuTime();
        try {
            reading.read();
        } catch (QuernException e) {
            must(e.getMessage().lines().count() == 1, "not one line: " + e.getMessage());
        }
        long taken = THREAD.getCurrentThreadAllocatedBytes() - bytes;
        long worked = THREAD.getCurrentThreadCpuTime() - nanos;
        boolean fits = taken < MOST_BYTES + size && worked < MOST_NANOS;
        return fits ? null : taken + " bytes allocated, " + worked + " ns of the processor";
    }

    /** AssertJ's classes would take the fuzzer half a minute to load. */
    private static void must(boolean isSo, String otherwise) {
        if (!isSo) {
            throw new AssertionError(otherwise);
        }
    }

    private static Path file(String name, byte[] bytes) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.write(file, bytes);
    }

    /** The input as two files: the first two bytes say how long the first one is. */
    private static byte[][] halves(byte[] data) {
        int length = data.length < 2 ? 0 : (data[0] & 0xff) << 8 | data[1] & 0xff;
        int from = Math.min(2, data.length);
        int to = Math.min(data.length, from + length);
        return new byte[][] {
            Arrays.copyOfRange(data, from, to), Arrays.copyOfRange(data, to, data.length)
        };
    }

    private static void idx(byte[] data) throws IOException {
        byte[][] files = halves(data);
        Path images = file("idx/train-images-idx3-ubyte", files[0]);
        file("idx/train-labels-idx1-ubyte", files[1]);
        check(data.length, () -> DataReader.read(images));
    }

    private static void npz(byte[] data) throws IOException {
        Path file = file("a.npz", data);
        check(data.length, () -> DataReader.read(file));
    }

    /** Arrays in a zip that is as it must be. */
    private static void npy(byte[] data) throws IOException {
        ByteArrayOutputStream zip = new ByteArrayOutputStream();
        try (ZipOutputStream out = new ZipOutputStream(zip)) {
            out.setMethod(ZipOutputStream.STORED);
            byte[][] files = halves(data);
            for (int i = 0; i < 2; i++) {
                ZipEntry entry = new ZipEntry(i == 0 ? "x_train.npy" : "y_train.npy");
                CRC32 sum = new CRC32();
                sum.update(files[i]);
                entry.setCrc(sum.getValue());
                entry.setSize(files[i].length);
                out.putNextEntry(entry);
                out.write(files[i]);
            }
        }
        Path file = file("arrays.npz", zip.toByteArray());
        check(data.length, () -> DataReader.read(file));
    }

    /** The first byte says how the table is asked for. */
    private static void csv(byte[] data) throws IOException {
        int how = data.length == 0 ? 0 : data[0];
        Path file = file("a.csv", Arrays.copyOfRange(data, Math.min(1, data.length), data.length));
        String label = (how & 1) == 0 ? "" : (how & 2) == 0 ? "0" : "b,2";
        String header = List.of("auto", "yes", "no").get((how >> 2 & 3) % 3);
        String separator = (how & 16) == 0 ? "auto" : ";";
        String missing = (how & 32) == 0 ? "" : "NA,-1";
        String category = (how & 64) == 0 ? "" : "1,a";
        check(
                data.length,
                () -> {
                    TableFormat format =
                            TableFormat.of(label, header, separator, missing, category);
                    if (how >= 0) {
                        RunSettings.DEFAULT.on(DataReader.read(file, format));
                    } else {
                        DataReader.rows(file, format, 2);
                    }
                });
    }

    private static void image(byte[] data) throws IOException {
        Path file = file("a.png", data);
        check(data.length, () -> DataReader.images(List.of(file), List.of(28, 28)));
    }

    private static void safetensors(byte[] data) throws IOException {
        Path file = file("a.safetensors", data);
        check(data.length, () -> TrainedModel.open(file));
    }

    /** Tensors under the names of others, of two layers. */
    private static void torch(byte[] data) throws IOException {
        Path file = file("torch.safetensors", data);
        Model model = ModelText.parse(Model.input(4), "dense 3 relu, dense 2");
        check(data.length, () -> TrainedModel.open(file, model));
    }

    private static void onnx(byte[] data) throws IOException {
        Path file = file("a.onnx", data);
        check(data.length, () -> TrainedModel.open(file));
    }

    /** HDF5, or a zip with a configuration and HDF5 in it: the first byte says which. */
    private static void keras(byte[] data) throws IOException {
        byte[] rest = Arrays.copyOfRange(data, Math.min(1, data.length), data.length);
        if (data.length == 0 || data[0] == 0) {
            Path file = file("a.h5", rest);
            check(data.length, () -> TrainedModel.open(file));
            return;
        }
        byte[][] files = halves(rest);
        ByteArrayOutputStream zip = new ByteArrayOutputStream();
        try (ZipOutputStream out = new ZipOutputStream(zip)) {
            for (int i = 0; i < 2; i++) {
                out.putNextEntry(new ZipEntry(i == 0 ? "config.json" : "model.weights.h5"));
                out.write(files[i]);
            }
        }
        Path file = file("a.keras", zip.toByteArray());
        check(data.length, () -> TrainedModel.open(file));
    }

    private static void state(byte[] data) throws IOException {
        Path run = file("state/last.state.safetensors", data).getParent();
        check(data.length, () -> RunSettings.ofRun(RunFolder.settings(run), run));
    }

    private static void runJson(byte[] data) throws IOException {
        Path run = file("run/run.json", data).getParent();
        check(
                data.length,
                () -> {
                    List<JsonObject> runs = List.of(RunFolder.readRun(run), RunFolder.readRun(run));
                    Comparison comparison = Comparison.of(List.of("a", "b"), runs);
                    must(!comparison.text(80).isEmpty(), "no text");
                });
    }

    /** The first byte says what kind of text it is. */
    private static void text(byte[] data) throws IOException {
        int kind = data.length == 0 ? 0 : data[0] & 7;
        int from = Math.min(1, data.length);
        String text = new String(data, from, data.length - from, StandardCharsets.UTF_8);
        check(
                data.length,
                () -> {
                    switch (kind) {
                        case 0 -> Plan.forInference(ModelText.parse(Model.input(4), text));
                        case 1 -> Schedule.parse(text, 0.1).at(3, 2, 10);
                        case 2 -> Distortion.parse(text);
                        case 3 -> Recipe.parse(text);
                        case 4 -> DataReader.row(text, TableFormat.UNKNOWN);
                        default -> RunSettings.DEFAULT.with(settings(text)).texts();
                    }
                });
    }

    /** Lines of names and values. */
    private static Map<String, String> settings(String text) {
        Map<String, String> settings = new HashMap<>();
        for (String line : text.split("\n")) {
            String[] parts = line.split("=", 2);
            if (parts.length == 2) {
                settings.put(parts[0], parts[1]);
            }
        }
        return settings;
    }

    private static DrawServer server;

    /** The page's address stands for TOKEN and PORT. The server lives on, and answers at last. */
    private static void http(byte[] data) throws IOException {
        if (server == null) {
            Model model = Model.input(28, 28).dense(10);
            Loss loss = Loss.CROSS_ENTROPY;
            float[] parameters = new float[(int) Plan.forInference(model).parameters().size()];
            SavedModel saved = new SavedModel(model, loss, parameters, List.of(), Map.of());
            Predictor predictor =
                    new Predictor(
                            model, loss, parameters, Usable.named("java"), Backend.Options.DEFAULT);
            server = new DrawServer(0, saved, predictor);
        }
        URI address = URI.create(server.address());
        String port = Integer.toString(address.getPort());
        String request =
                new String(data, StandardCharsets.ISO_8859_1)
                        .replace("PORT", port)
                        .replace("TOKEN", address.getPath());
        String answer = answer(address.getPort(), request);
        boolean isPage = answer.startsWith("HTTP/1.1 2");
        boolean isAsked = request.contains(address.getPath()) && request.contains(":" + port);
        boolean isRefusal = answer.isEmpty() || answer.matches("(?s)HTTP/1.1 (4\\d\\d|501) .*");
        must(isPage ? isAsked : isRefusal, "answers " + answer);
        String good = "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n";
        String page = answer(address.getPort(), good.formatted(address.getPath(), port));
        must(page.startsWith("HTTP/1.1 200 "), "answers no more: " + page);
    }

    private static String answer(int port, String request) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout((int) (MOST_NANOS / 1_000_000));
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            socket.shutdownOutput();
            InputStream in = socket.getInputStream();
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }
}
