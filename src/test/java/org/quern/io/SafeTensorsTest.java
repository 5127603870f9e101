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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.QuernException;

@Tag("jdk")
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
                "{'a':{'dtype':'I64','shape':[1],'data_offsets':[0,8]}} | 8 | `: tensor a is I64; only F32, F64, F16 and BF16 are read: convert it`",
                "{'a':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}} | 4 | `: its header is not what safetensors allows: a shape or offset is not a whole number of at most 18 digits`",
                "{'a':{'dtype':'F32','shape':[65536,65536],'data_offsets':[0,17179869184]}} | 4 | `: tensor a has shape [65536, 65536], more than 2,147,483,639 values`",
                "{'a':{'dtype':'F32','shape':[1]}} | 4 | `: tensor a lacks dtype, shape or data_offsets`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'x':1}} | 4 | `: tensor a has an unknown or repeated field x`",
                "{'__metadata__':{'k':1}} | 0 | `: metadata k is not text`",
                "{'__metadata__':{'k':'1','k':'2'}} | 0 | ` has metadata k twice`",
                "{'a':{'dtype':'F32','shape':[1.0],'data_offsets':[0,4]}} | 4 | `: its header is not what safetensors allows: a shape or offset is not a whole number of at most 18 digits`",
                "{'a':{'dtype':'F32','shape':['1'],'data_offsets':[0,4]}} | 4 | `: its header is not what safetensors allows: a shape or offset is not a whole number of at most 18 digits`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,18446744073709551620]}} | 4 | `: its header is not what safetensors allows: a shape or offset is not a whole number of at most 18 digits`",
                "{'a':{'dtype':'F32','shape':[999999999999999999,999999999999999999],'data_offsets':[0,4]}} | 4 | `: tensor a has shape [999999999999999999, 999999999999999999], more than 2,147,483,639 values`",
                "{'a':{'dtype':'F32','shape':[1,1,1,1,1,1,1,1,1],'data_offsets':[0,4]}} | 4 | `: its header is not what safetensors allows: a shape has more than 8 dimensions`",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4,8]}} | 4 | `: tensor a lacks dtype, shape or data_offsets`",
                "{'a':{'dtype':'F32','dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 4 | `: tensor a has an unknown or repeated field dtype`",
                "{'a\\nb':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}} | 4 | `: tensor a?b has 2 values, but its offsets are 0 to 4`",
                "{'__metadata__':{},'__metadata__':{}} | 0 | ` has tensor __metadata__ twice`",
                "{} {} | 0 | `: its header is not what safetensors allows: malformed JSON at line 1 column 5 path $`",
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

    @Test
    void otherFloatTypesAreTurnedIntoFloat32() throws IOException {
        Path path = folder.resolve("t.safetensors");
        byte[] bytes =
                file(
                        "{\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
                                + "\"h\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[16,32]},"
                                + "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[32,38]}}",
                        38);
        ByteBuffer data =
                ByteBuffer.wrap(bytes, bytes.length - 38, 38).order(ByteOrder.LITTLE_ENDIAN);
        data.putDouble(0.1).putDouble(-1e300);
        // binary16's landmarks: 1, -2, largest, least normal, least, -0, infinity, NaN
        for (int half : new int[] {0x3c00, 0xc000, 0x7bff, 0x0400, 1, 0x8000, 0x7c00, 0x7e00}) {
            data.putShort((short) half);
        }
        for (int brain : new int[] {0x3f80, 0xc040, 0x7f80}) {
            data.putShort((short) brain);
        }
        Files.write(path, bytes);
        SafeTensors read = SafeTensors.read(path);
        assertThat(read.tensor("d").values()).containsExactly(0.1f, Float.NEGATIVE_INFINITY);
        assertThat(read.tensor("h").values())
                .containsExactly(
                        1, -2, 65504, 0x1p-14f, 0x1p-24f, -0f, Float.POSITIVE_INFINITY, Float.NaN);
        assertThat(read.tensor("b").values()).containsExactly(1, -3, Float.POSITIVE_INFINITY);
    }

    @Test
    void bytesAreThoseOfTheFormat() throws IOException {
        Path path = folder.resolve("t.safetensors");
        new SafeTensors(
                        Map.of("k", "v"),
                        List.of(new SafeTensors.Tensor("a", new int[] {1, 2}, new float[] {1, -2})))
                .write(path);
        String header =
                "{\"__metadata__\":{\"k\":\"v\"},"
                        + "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
        byte[] expected = file(header + " ".repeat((8 - header.length() % 8) % 8), 8);
        ByteBuffer.wrap(expected, expected.length - 8, 8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(1)
                .putFloat(-2);
        assertThat(Files.readAllBytes(path)).isEqualTo(expected);
    }

    @Test
    void whatIsNoFileIsRefused() {
        assertThatThrownBy(() -> SafeTensors.read(folder)).hasMessage(folder + " is not a file");
    }

    @Test
    void tensorsOfOneNameAreNotWritten() {
        SafeTensors.Tensor a = new SafeTensors.Tensor("a", new int[] {0}, new float[0]);
        assertThatThrownBy(() -> new SafeTensors(Map.of(), List.of(a, a)))
                .hasMessage("two tensors are called a");
    }
}
