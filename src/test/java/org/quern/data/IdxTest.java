package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.QuernException;

@Tag("jdk")
class IdxTest {
    @TempDir Path folder;

    /** An IDX file of the given extents whose values count up. */
    static byte[] idx(int... extents) {
        int size = Arrays.stream(extents).reduce(1, (a, b) -> a * b);
        ByteBuffer buffer = ByteBuffer.allocate(4 + 4 * extents.length + size);
        buffer.put(new byte[] {0, 0, 8, (byte) extents.length});
        for (int extent : extents) {
            buffer.putInt(extent);
        }
        for (int i = 0; i < size; i++) {
            buffer.put((byte) i);
        }
        return buffer.array();
    }

    static byte[] gzip(byte[] bytes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream zip = new GZIPOutputStream(out)) {
            zip.write(bytes);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return out.toByteArray();
    }

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("images"), bytes);
    }

    private AbstractThrowableAssert<?, ?> refused(byte[] bytes) throws IOException {
        Path file = file(bytes);
        return assertThatThrownBy(() -> Idx.images(file))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA));
    }

    @Test
    void rawAndZippedImagesAreTheSame() throws IOException {
        byte[] bytes = idx(3, 4, 5);
        CRC32 crc = new CRC32();
        crc.update(bytes);
        for (byte[] form : new byte[][] {bytes, gzip(bytes)}) {
            assertThat(Idx.read(file(form)).crc()).isEqualTo(crc.getValue());
            Dataset images = Idx.images(file(form)).array().rows("images", true);
            assertThat(images.isPixels()).isTrue();
            assertThat(images.rows()).isEqualTo(3);
            assertThat(images.shape()).containsExactly(4, 5);
            assertThat(images.value(2, 19)).isEqualTo(59);
        }
    }

    @Test
    void labelsAreNumbersFromTheFile() throws IOException {
        TypedArray labels = Idx.labels(file(idx(4))).array();
        assertThat(IntStream.range(0, 4).mapToDouble(labels.numbers()))
                .containsExactly(0., 1., 2., 3.);
    }

    @Test
    void swappedFilesAreNamed() throws IOException {
        Path file = file(idx(4));
        refused(idx(4))
                .hasMessage(
                        file
                                + " holds labels (1 dimension), not images: were the two files swapped?");
        Path images = file(idx(2, 2, 2));
        assertThatThrownBy(() -> Idx.labels(images))
                .hasMessage(
                        images
                                + " holds images (3 dimensions), not labels: were the two files"
                                + " swapped?");
    }

    @Test
    void missingAndEmptyFiles() throws IOException {
        Path missing = folder.resolve("nothing");
        assertThatThrownBy(() -> Idx.read(missing)).hasMessage(missing + " does not exist");
        refused(new byte[0]).hasMessage(folder.resolve("images") + " is empty: fetch it again");
    }

    /** An IDX file of a type that holds some numbers. */
    static byte[] typed(int type, int[] extents, double... numbers) {
        ByteBuffer buffer = ByteBuffer.allocate(4 + 4 * extents.length + 8 * numbers.length);
        buffer.put(new byte[] {0, 0, (byte) type, (byte) extents.length});
        for (int extent : extents) {
            buffer.putInt(extent);
        }
        for (double number : numbers) {
            switch (type) {
                case 8, 9 -> buffer.put((byte) number);
                case 0xb -> buffer.putShort((short) number);
                case 0xc -> buffer.putInt((int) number);
                case 0xd -> buffer.putFloat((float) number);
                default -> buffer.putDouble(number);
            }
        }
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 0xb, 0xc, 0xd, 0xe})
    void pixelsOfEveryTypeAreTheSame(int type) throws IOException {
        int[] extents = {2, 1, 3};
        Dataset images =
                Idx.images(file(typed(type, extents, 0, 1, 2, 3, 200, 255)))
                        .array()
                        .rows("images", true);
        assertThat(images.pixels()).containsExactly(0, 1, 2, 3, 200, 255);
        assertThat(images.shape()).containsExactly(1, 3);
    }

    @Test
    void valuesKeepTheirSign() throws IOException {
        int[] extents = {1, 1, 2};
        for (int type : new int[] {9, 0xb, 0xc, 0xd, 0xe}) {
            TypedArray array = Idx.images(file(typed(type, extents, -128, 127))).array();
            assertThat(array.rows("images", true).values()).containsExactly(-128f, 127f);
        }
        TypedArray halves = Idx.images(file(typed(0xd, extents, 0.5, -1.5))).array();
        assertThat(halves.rows("images", true).values()).containsExactly(0.5f, -1.5f);
    }

    @Test
    void wrongMagicAndType() throws IOException {
        refused("PNG and so on".getBytes())
                .hasMessage(
                        folder.resolve("images")
                                + " is not an IDX file: it starts with 50 4e 47 20, not with 00 00");
        byte[] floats = idx(2, 2);
        floats[2] = 0x0a;
        refused(floats)
                .hasMessage(
                        folder.resolve("images")
                                + " holds values of IDX type 10, which is none: fetch it again");
    }

    @Test
    void truncatedAndTrailing() throws IOException {
        byte[] bytes = idx(3, 4, 5);
        Path file = folder.resolve("images");
        refused(Arrays.copyOf(bytes, bytes.length - 1))
                .hasMessage(
                        file
                                + " has 75 bytes, but its header says 3 x 4 x 5 values, which makes"
                                + " 76: fetch it again");
        refused(Arrays.copyOf(bytes, 9)).hasMessage(file + " is truncated: fetch it again");
        refused(Arrays.copyOf(bytes, 80))
                .hasMessage(
                        file
                                + " has 80 bytes, but its header says 3 x 4 x 5 values, which makes"
                                + " 76: fetch it again");
        byte[] zipped = gzip(bytes);
        refused(Arrays.copyOf(zipped, zipped.length / 2))
                .hasMessage(file + " is truncated: fetch it again");
        refused(gzip(Arrays.copyOf(bytes, 80)))
                .hasMessage(
                        file
                                + " goes on behind the 3 x 4 x 5 values that its header says: fetch it"
                                + " again");
    }

    @Test
    void brokenGzip() throws IOException {
        byte[] noise = new byte[20_000];
        new Random(1).nextBytes(noise);
        byte[] content = idx(20, 1000);
        System.arraycopy(noise, 0, content, 12, 20_000);
        byte[] zipped = gzip(content);
        zipped[zipped.length - 6] ^= 1; // the checksum
        refused(zipped)
                .hasMessage(
                        folder.resolve("images")
                                + " is damaged (Corrupt GZIP trailer): fetch it again");
    }

    @Test
    void absurdExtentsAllocateNothing() throws IOException {
        ByteBuffer header = ByteBuffer.allocate(16);
        header.put(new byte[] {0, 0, 8, 3}).putInt(0x80000000).putInt(28).putInt(28);
        Path file = folder.resolve("images");
        String message =
                file
                        + ": its header says 2147483648 x 28 x 28 values, more than the file can"
                        + " hold: fetch it again";
        refused(header.array()).hasMessage(message);
        refused(gzip(header.array())).hasMessage(message);
        ByteBuffer large = ByteBuffer.allocate(16);
        large.put(new byte[] {0, 0, 8, 3}).putInt(2_000_000).putInt(28).putInt(28);
        refused(gzip(large.array()))
                .hasMessage(
                        file
                                + ": its header says 2000000 x 28 x 28 values, more than the file can"
                                + " hold: fetch it again");
        refused(idx(0, 28, 28)).hasMessage(file + " holds no values: its header says 0 x 28 x 28");
    }

    @Test
    void aGzipBombIsNotUnpacked() throws IOException {
        byte[] bomb = new byte[64 << 20];
        System.arraycopy(idx(2, 2, 2), 0, bomb, 0, 24);
        refused(gzip(bomb))
                .hasMessage(
                        folder.resolve("images")
                                + " goes on behind the 2 x 2 x 2 values that its header says: fetch"
                                + " it again");
    }
}
