package org.quern.io;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.Tries;
import org.quern.model.Activation;
import org.quern.model.Model;
import org.quern.plan.Loss;
import org.quern.plan.Plan;

/** Whatever is done to a model file, it is read, or refused in one line, in little memory. */
class DamagedFileTest {
    private static final int VALUES = 3 * 2 + 2 + 2 * 1 + 1;
    private static final long MOST_BYTES = 16 << 20;

    @TempDir Path folder;

    /** What a damaged header might say. */
    private static final List<String> TOKENS =
            List.of(
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    ":",
                    "\"",
                    "\\",
                    "\\n",
                    "\\u0000",
                    "\\ud800",
                    "null",
                    "true",
                    "-1",
                    "0",
                    "1",
                    "4",
                    "1e9",
                    "1.5",
                    "2147483647",
                    "9223372036854775807",
                    "18446744073709551616",
                    "\"F16\"",
                    "\"F64\"",
                    "\"BF16\"",
                    "\"I8\"",
                    "\n",
                    " ",
                    "\0",
                    "NaN",
                    "dense 2000000000, ",
                    "dense 30000, ",
                    "dropout 0.5, ",
                    "__metadata__");

    /** Replaces bytes [at, at + removed) of a file, taken modulo its length. */
    record Edit(int at, int removed, byte[] inserted) {
        byte[] applied(byte[] file) {
            int from = file.length == 0 ? 0 : Math.floorMod(at, file.length);
            int to = Math.min(file.length, from + removed);
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            out.write(file, 0, from);
            out.writeBytes(inserted);
            out.write(file, to, file.length - to);
            return out.toByteArray();
        }
    }

    /** Mostly within the header, often where its JSON turns; now and then a long cut. */
    private static Edit edit(Tries.Draw draw, List<Integer> turns) {
        int at =
                switch (draw.from(0, 3)) {
                    case 0 -> draw.of(turns);
                    case 1 -> draw.from(8, 700);
                    case 2 -> draw.from(0, 8);
                    default -> draw.from(0, 1_000_000);
                };
        int removed = draw.from(0, draw.from(1, 10) < 10 ? 4 : 900);
        if (draw.of(List.of(true, false))) {
            return new Edit(at, removed, draw.of(TOKENS).getBytes(StandardCharsets.UTF_8));
        }
        byte[] noise = new byte[draw.from(0, 3)];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = (byte) draw.from(Byte.MIN_VALUE, Byte.MAX_VALUE);
        }
        return new Edit(at, removed, noise);
    }

    /** Where a name, a text or a number of the header begins or ends. */
    private static List<Integer> turns(byte[] file) {
        return IntStream.range(9, file.length - 4 * VALUES)
                .filter(i -> "\"[],".indexOf(file[i]) >= 0 || "\"[],".indexOf(file[i - 1]) >= 0)
                .boxed()
                .toList();
    }

    @Test
    void anyDamageIsReadOrRefusedInOneLine() throws IOException {
        byte[] intact = intact();
        List<Integer> turns = turns(intact);
        Path file = folder.resolve("damaged.safetensors");
        Tries.of(
                3000,
                draw -> {
                    byte[] bytes = intact.clone();
                    for (int left = draw.from(1, 4); left > 0; left--) {
                        Edit edit = edit(draw, turns);
                        bytes = edit.applied(bytes);
                        // the length is set right again, or nothing but it would ever be looked at
                        if (edit.at >= 8 && bytes.length >= 16) {
                            int end = bytes.length - 4 * VALUES;
                            bytes[0] = (byte) (end - 8);
                            bytes[1] = (byte) (end - 8 >> 8);
                        }
                    }
                    Files.write(file, bytes);
                    isReadOrRefusedInOneLine(file);
                });
    }

    private static void isReadOrRefusedInOneLine(Path file) {
        long before = allocated();
        try {
            for (float value : ModelFile.read(file, null).parameters()) {
                assertThat(value).isFinite();
            }
        } catch (QuernException e) {
            assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA);
            assertThat(e.getMessage()).startsWith(file.toString()).hasSizeLessThan(600);
            assertThat(e.getMessage()).doesNotContainPattern("[\\p{Cc}\\p{Zl}\\p{Zp}]");
        }
        assertThat(allocated() - before).isLessThan(MOST_BYTES);
    }

    private byte[] intact() throws IOException {
        Path file = folder.resolve("intact.safetensors");
        Model model = Model.input(3).dense(2, Activation.RELU).dropout(0.5f).dense(1);
        float[] parameters = new float[(int) Plan.forInference(model).parameters().size()];
        ModelFile.write(
                file,
                new ModelFile.SavedModel(
                        model, Loss.CROSS_ENTROPY, parameters, List.of("a"), Map.of()));
        // also loads the classes, which is not to be counted
        assertThat(ModelFile.read(file, null).model()).isEqualTo(model);
        return Files.readAllBytes(file);
    }

    private static long allocated() {
        return ManagementFactory.getPlatformMXBean(ThreadMXBean.class)
                .getCurrentThreadAllocatedBytes();
    }
}
