package org.quern.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.QuernException;

class SafeTensorsTest {
    @TempDir Path folder;

    private static final SafeTensors SAMPLE =
            new SafeTensors(
                    Map.of("who", "\"quern\" <&>"),
                    List.of(
                            new SafeTensors.Tensor(
                                    "a", new int[] {2, 3}, new float[] {1, 2, 3, 4, 5, 6}),
                            new SafeTensors.Tensor("b", new int[] {}, new float[] {-0f}),
                            new SafeTensors.Tensor("none", new int[] {0, 7}, new float[0])));

    private static byte[] file(String header, int dataBytes) {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + text.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length)
                .put(text)
                .array();
    }

    @Test
    void whatIsWrittenIsReadBack() throws IOException {
        Path path = folder.resolve("t.safetensors");
        SAMPLE.write(path);
        SafeTensors read = SafeTensors.read(path);
        assertThat(read.metadata()).isEqualTo(SAMPLE.metadata());
        assertThat(read.tensor("a").values()).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(read.tensor("a").shape()).containsExactly(2, 3);
        assertThat(read.tensor("b").shape()).isEmpty();
        assertThat(Float.floatToRawIntBits(read.tensor("b").values()[0])).isEqualTo(0x80000000);
        assertThat(read.tensor("none").values()).isEmpty();
        assertThat(read.tensor("c")).isNull();
        byte[] bytes = Files.readAllBytes(path);
        long header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        assertThat(header % 8).isZero();
        assertThat(bytes[8]).isEqualTo((byte) '{');
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[2,6]}} | 6 | `: tensor b overlaps the one before it`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[8,12]}} | 12 | `: 4 bytes before tensor b belong to none`",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 4 | `: tensor a ends at byte 8 of 4: the file is truncated`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 9 | `: 5 bytes at its end belong to no tensor`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 8 | ` has tensor a twice`",
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}} | 4 | `: tensor a has 2 values, but its offsets are 0 to 4`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}} | 4 | `: tensor a has 1 values, but its offsets are 4 to 0`",
                "{'a':{'dtype':'F16','shape':[2],'data_offsets':[0,4]}} | 4 | `: tensor a is F16; only F32 is read: convert it`",
                "{'a':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}} | 4 | `: tensor a has an extent of -1`",
                "{'a':{'dtype':'F32','shape':[65536,65536],'data_offsets':[0,17179869184]}} | 4 | `: tensor a has an extent of 65536`",
                "{'a':{'dtype':'F32','shape':[1]}} | 4 | `: tensor a lacks dtype, shape or data_offsets`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'x':1}} | 4 | `: tensor a has an unknown or repeated field x`",
                "{'__metadata__':{'k':1}} | 0 | `: metadata k is not text`",
                "{'__metadata__':{'k':'1','k':'2'}} | 0 | ` has metadata k twice`",
                "[] | 0 | `: its header does not start with {`",
            })
    void damagedHeaders(String header, int data, String message) throws IOException {
        Path path = folder.resolve("t.safetensors");
        Files.write(path, file(header.replace('\'', '"'), data));
        assertThatThrownBy(() -> SafeTensors.read(path))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA))
                .hasMessage(path + message);
    }

    @Test
    void badJsonAndLengths() throws IOException {
        Path path = folder.resolve("t.safetensors");
        Files.write(path, file("{\"a\":", 0));
        assertThatThrownBy(() -> SafeTensors.read(path))
                .hasMessageStartingWith(path + ": its header is not what safetensors allows: ")
                .hasMessageNotContaining("\n");
        Files.write(path, new byte[] {1, 2, 3});
        assertThatThrownBy(() -> SafeTensors.read(path))
                .hasMessage(path + " has 3 bytes, too few for a safetensors file");
        Files.write(path, ByteBuffer.allocate(20).putLong(-1).array());
        assertThatThrownBy(() -> SafeTensors.read(path))
                .hasMessage(
                        path
                                + " is not a safetensors file, or is truncated: its header would have"
                                + " 18446744073709551615 bytes of 12");
        Path missing = folder.resolve("none");
        assertThatThrownBy(() -> SafeTensors.read(missing)).hasMessage(missing + " does not exist");
        byte[] utf = file("{\"a\":1}", 0);
        utf[10] = (byte) 0xff;
        Files.write(path, utf);
        assertThatThrownBy(() -> SafeTensors.read(path))
                .hasMessage(path + ": its header is not UTF-8 text");
    }

    @Property(tries = 300)
    void anyDamageIsReadOrRefused(@ForAll int where, @ForAll byte what) throws IOException {
        Path path = Files.createTempFile("fuzz", ".safetensors");
        try {
            SAMPLE.write(path);
            byte[] bytes = Files.readAllBytes(path);
            bytes[Math.floorMod(where, bytes.length)] = what;
            Files.write(path, bytes);
            try {
                assertThat(SafeTensors.read(path).tensors()).hasSizeBetween(0, 3);
            } catch (QuernException e) {
                assertThat(e.kind()).isEqualTo(QuernException.Kind.DATA);
                assertThat(e.getMessage().lines()).hasSize(1);
            }
        } finally {
            Files.delete(path);
        }
    }
}
