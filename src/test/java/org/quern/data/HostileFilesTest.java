package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.QuernException;
import org.quern.train.Schedule;

/** Files and texts that somebody made to do harm. */
class HostileFilesTest {
    @TempDir Path folder;

    /** Any byte of the file's directory may be wrong: names, comments, offsets. */
    @Test
    void zipsWithWrongBytesAreRefusedOrRead() throws IOException {
        ByteArrayOutputStream zip = new ByteArrayOutputStream();
        try (ZipOutputStream out = new ZipOutputStream(zip)) {
            ZipEntry entry = new ZipEntry("x_tr\u00e4in.npy");
            entry.setComment("comm\u00e4nt");
            out.putNextEntry(entry);
            out.write(new byte[10]);
        }
        Path file = folder.resolve("a.npz");
        byte[] good = zip.toByteArray();
        for (int at = 0; at < good.length; at++) {
            for (int wrong : new int[] {0, 0x80, 0xff}) {
                byte[] bad = good.clone();
                bad[at] = (byte) wrong;
                Files.write(file, bad);
                assertThatThrownBy(() -> Npz.read(file))
                        .as("byte %d is %d", at, wrong)
                        .isInstanceOf(QuernException.class);
            }
        }
    }

    /** A claim without pixels, and 60 kB that really are so many. */
    @Test
    void aSmallFileIsNoLargeImage() throws IOException {
        ByteArrayOutputStream zeros = new ByteArrayOutputStream();
        try (OutputStream deflated = new DeflaterOutputStream(zeros)) {
            for (int i = 0; i < 62; i++) {
                deflated.write(new byte[1 << 20]);
            }
        }
        for (byte[] pixels : List.of(new byte[0], zeros.toByteArray())) {
            ByteArrayOutputStream png = new ByteArrayOutputStream();
            png.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
            byte[] header = {0, 0, 0x1f, 0x40, 0, 0, 0x1f, 0x40, 8, 0, 0, 0, 0};
            chunk(png, "IHDR", header);
            chunk(png, "IDAT", pixels);
            chunk(png, "IEND", new byte[0]);
            Path file = Files.write(folder.resolve("a.png"), png.toByteArray());
            ThreadMXBean thread = ManagementFactory.getPlatformMXBean(ThreadMXBean.class);
            long before = thread.getCurrentThreadAllocatedBytes();
            assertThatThrownBy(() -> ImageFile.read(file))
                    .isInstanceOf(QuernException.class)
                    .hasMessageContaining("has 64,000,000 pixels, ")
                    .hasMessageEndingWith(
                            pixels.length == 0
                                    ? "more than its 57 bytes can hold"
                                    : " MiB are the most: save it with fewer pixels");
            assertThat(thread.getCurrentThreadAllocatedBytes() - before).isLessThan(10 << 20);
        }
    }

    /** A header may say more than there is: here 520,093,696 bytes, of which 600,000 come. */
    @Test
    void roomIsMadeForWhatComesAlone() throws IOException {
        byte[] noise = new byte[600_000];
        new Random(1).nextBytes(noise);
        Path file = folder.resolve("a.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            out.write(new byte[] {0, 0, 8, 1, 0x1f, 0, 0, 0});
            out.write(noise);
        }
        ThreadMXBean thread = ManagementFactory.getPlatformMXBean(ThreadMXBean.class);
        long before = thread.getCurrentThreadAllocatedBytes();
        assertThatThrownBy(() -> Idx.read(file)).hasMessageContaining("is truncated");
        assertThat(thread.getCurrentThreadAllocatedBytes() - before).isLessThan(64 << 20);
    }

    /** A field in quotes may have any number of lines. */
    @Test
    void messagesAreOneShortLineWhateverAFileHolds() throws IOException {
        Path file = folder.resolve("a.csv");
        String field = "\"x\ny\u2028" + "z\r\n".repeat(20_000) + "\"";
        Files.writeString(file, "a,label\n1,u\n2,v\n" + field + ",u\n");
        assertThatThrownBy(() -> DataReader.read(file))
                .isInstanceOf(QuernException.class)
                .hasMessageMatching(".{50,3000}");
    }

    private static void chunk(ByteArrayOutputStream out, String type, byte[] data)
            throws IOException {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 sum = new CRC32();
        sum.update(name);
        sum.update(data);
        out.write(ByteBuffer.allocate(4).putInt(data.length).array());
        out.write(name);
        out.write(data);
        out.write(ByteBuffer.allocate(4).putInt((int) sum.getValue()).array());
    }

    @Test
    void manyNamesOfOneNumberAreOneClass() {
        int rows = 20_000;
        Dataset set = Dataset.ofValues("d", new int[] {1}, new float[2 * rows]);
        List<String> labels =
                IntStream.range(0, 2 * rows).mapToObj(i -> i / 2 + ".0".repeat(i % 2)).toList();
        assertThat(Classes.label(set, labels).classes()).hasSize(rows);
    }

    @Test
    void aRateIsPositiveHoweverLongItWarmsUp() {
        Schedule longest = Schedule.parse("warmup " + Long.MAX_VALUE + " constant", 0.1);
        assertThat(longest.at(0, 1, 1)).isGreaterThan(0).isLessThan(1e-18);
    }
}
