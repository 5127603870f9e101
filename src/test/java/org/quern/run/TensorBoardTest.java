package org.quern.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.data.Dataset;
import org.quern.data.Digits;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.train.EpochResult;
import org.quern.train.History;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/**
 * Event files, read with a reader that shares nothing with the writer; TensorBoard read them, too.
 */
class TensorBoardTest {
    @TempDir Path folder;

    /** An event: START where a training goes on, else scalars by tag. */
    private record Event(
            double time, long step, String version, boolean start, Map<String, Float> scalars) {}

    /** CRC-32C (Castagnoli), bit by bit. */
    private static int crc(byte[] bytes, int from, int to) {
        int crc = -1;
        for (int i = from; i < to; i++) {
            crc ^= bytes[i] & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) == 1 ? crc >>> 1 ^ 0x82F63B78 : crc >>> 1;
            }
        }
        return ~crc;
    }

    private static int masked(byte[] bytes, int from, int to) {
        int crc = crc(bytes, from, to);
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    @Test
    void theChecksumIsTheKnownOne() {
        byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
        assertThat(crc(digits, 0, 9)).isEqualTo(0xE3069283); // of the RFC 3720's polynomial
        assertThat(TensorBoard.masked(digits, 0, 9)).isEqualTo(masked(digits, 0, 9));
    }

    /** The fields of a message: number, then a Long, Double, Float or byte[]. */
    private static Map<Integer, List<Object>> fields(byte[] message) {
        Map<Integer, List<Object>> fields = new LinkedHashMap<>();
        ByteBuffer in = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining()) {
            long key = varint(in);
            Object value =
                    switch ((int) key & 7) {
                        case 0 -> varint(in);
                        case 1 -> in.getDouble();
                        case 2 -> {
                            byte[] bytes = new byte[(int) varint(in)];
                            in.get(bytes);
                            yield bytes;
                        }
                        case 5 -> in.getFloat();
                        default -> throw new AssertionError("wire type of key " + key);
                    };
            fields.computeIfAbsent((int) (key >> 3), any -> new ArrayList<>()).add(value);
        }
        return fields;
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = in.get();
            value |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
    }

    private static List<Event> events(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        List<Event> events = new ArrayList<>();
        while (in.hasRemaining()) {
            int from = in.position();
            int length = (int) in.getLong();
            assertThat(in.getInt()).isEqualTo(masked(bytes, from, from + 8));
            byte[] message = new byte[length];
            in.get(message);
            assertThat(in.getInt()).isEqualTo(masked(bytes, from + 12, from + 12 + length));
            Map<Integer, List<Object>> event = fields(message);
            Map<String, Float> scalars = new LinkedHashMap<>();
            for (Object summary : event.getOrDefault(5, List.of())) {
                for (Object value : fields((byte[]) summary).get(1)) {
                    Map<Integer, List<Object>> parts = fields((byte[]) value);
                    scalars.put(text(parts.get(1).get(0)), (Float) parts.get(2).get(0));
                }
            }
            boolean start = event.containsKey(7);
            assertThat(
                            start
                                    && !fields((byte[]) event.get(7).get(0))
                                            .equals(Map.of(1, List.of(1L))))
                    .isFalse();
            String version = event.containsKey(3) ? text(event.get(3).get(0)) : null;
            events.add(
                    new Event(
                            (Double) event.get(1).get(0),
                            (Long) event.get(2).get(0),
                            version,
                            start,
                            scalars));
        }
        return events;
    }

    private static String text(Object bytes) {
        return new String((byte[]) bytes, StandardCharsets.UTF_8);
    }

    private List<Path> files(String part) throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve("events").resolve(part))) {
            return files.sorted().toList();
        }
    }

    private static Map<Long, Float> of(String tag, List<Event> events) {
        Map<Long, Float> values = new LinkedHashMap<>();
        events.stream()
                .filter(e -> e.scalars().containsKey(tag))
                .forEach(e -> values.put(e.step(), e.scalars().get(tag)));
        return values;
    }

    @Test
    void aTrainingThatIsGoneOnWith() throws IOException {
        Dataset digits = Digits.generate("digits", 500, 0, 1);
        TrainingConfig config = TrainingConfig.of(Model.input(28, 28).dense(10));
        JsonObject json;
        History whole;
        List<Curve.Point> before;
        List<Curve.Point> after;
        try (Trainer first = Trainer.open(config);
                Trainer second = Trainer.open(config)) {
            RunReport report =
                    new RunReport(first, "any", "digits", 3).with("command", "quern train");
            try (TensorBoard events = new TensorBoard(folder.resolve("events"), true, text -> {})) {
                first.listen(events);
                report.epochs(first.fit(digits, digits, 2).epochs());
            }
            json = JsonParser.parseString(report.json()).getAsJsonObject();
            before = report.curve().points();
            second.restore(first.checkpoint());
            RunReport resumed =
                    new RunReport(second, "any", "digits", 3)
                            .with("command", "quern train --resume a");
            resumed.resumed(json, 2);
            try (TensorBoard events = new TensorBoard(folder.resolve("events"), true, text -> {})) {
                second.listen(events);
                whole = second.fitUntil(digits, digits, 3);
            }
            after = resumed.curve().points();
            assertThat(resumed.values())
                    .containsEntry("command", "quern train; quern train --resume a");
        }
        assertThat(after)
                .startsWith(before.toArray(Curve.Point[]::new))
                .hasSizeGreaterThan(before.size());
        assertThat(after.stream().map(Curve.Point::epoch))
                .isSorted()
                .doesNotHaveDuplicates()
                .last()
                .isEqualTo(3.0);
        assertThat(after.stream().mapToInt(Curve.Point::steps).sum()).isEqualTo(3 * 16);

        List<Event> train = new ArrayList<>();
        for (Path file : files("train")) {
            train.addAll(events(file));
        }
        assertThat(train.stream().map(Event::version)).containsOnly("brain.Event:2", null);
        assertThat(train.stream().filter(Event::start).map(Event::step)).containsExactly(32L);
        assertThat(train.get(0).time()).isBetween(1.7e9, 1e10);
        assertThat(of("batch_loss", train).keySet())
                .isSubsetOf(Stream.iterate(1L, i -> i + 1).limit(48).toList())
                .contains(1L, 16L, 32L, 48L);
        assertThat(of("epoch_loss", train).values())
                .containsExactlyElementsOf(
                        whole.epochs().stream().map(e -> (float) e.loss()).toList());
        assertThat(of("epoch_accuracy", train).keySet()).containsExactly(0L, 1L, 2L);
        assertThat(train.get(train.size() - 1).scalars())
                .containsOnlyKeys(
                        "epoch_loss",
                        "epoch_accuracy",
                        "epoch_learning_rate",
                        "epoch_weight_norm",
                        "epoch_gradient_norm");
        List<Event> validation = new ArrayList<>();
        for (Path file : files("validation")) {
            validation.addAll(events(file));
        }
        assertThat(of("epoch_loss", validation).values())
                .containsExactlyElementsOf(
                        whole.epochs().stream()
                                .map(EpochResult::validationLoss)
                                .map(Double::floatValue)
                                .toList());
    }

    @Test
    void stepsThatAreDamaged() {
        try (Trainer trainer =
                Trainer.open(
                        TrainingConfig.of(Model.input(2).dense(1))
                                .withLoss(Loss.MEAN_SQUARED_ERROR))) {
            RunReport report = new RunReport(trainer, "any", "none", 1);
            String damaged = "{\"started\": \"x\", \"steps\": [3]}";
            assertThatThrownBy(
                            () ->
                                    report.resumed(
                                            JsonParser.parseString(damaged).getAsJsonObject(), 1))
                    .isInstanceOf(QuernException.class)
                    .hasMessageStartingWith("the steps in run.json are damaged");
            // a regression has no accuracy
            String step =
                    "{\"epoch\": 1, \"steps\": 3, \"loss\": 0.5, \"accuracy\": null,"
                            + " \"learningRate\": 0.1}";
            String sound = "{\"started\": \"x\", \"steps\": [%s]}".formatted(step);
            report.resumed(JsonParser.parseString(sound).getAsJsonObject(), 1);
            assertThat(report.epochs(List.of()).json())
                    .contains("\"loss\": 0.5", "\"accuracy\": null", "\"learningRate\": 0.1");
        }
    }

    @Test
    void aFolderThatIsAFile() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        assertThatThrownBy(() -> new TensorBoard(file, true, text -> {}))
                .isInstanceOf(QuernException.class)
                .hasMessage(
                        file
                                + " cannot be written (there is a file of that name): give --tensorboard another folder");
    }

    /** What cannot be written is said once, and the training goes on. */
    @Test
    void aFolderThatGoesAway() throws IOException {
        Path events = folder.resolve("events");
        List<String> told = new ArrayList<>();
        try (Trainer trainer = Trainer.open(TrainingConfig.of(Model.input(28, 28).dense(10)));
                TensorBoard board = new TensorBoard(events, true, told::add)) {
            Files.delete(events);
            Files.writeString(events, "");
            trainer.listen(board);
            assertThat(trainer.fit(Digits.generate("digits", 64, 0, 1), 2).epochs()).hasSize(2);
        }
        assertThat(told).singleElement().asString().endsWith("no more events for TensorBoard");
    }
}
