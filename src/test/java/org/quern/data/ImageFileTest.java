package org.quern.data;

import static java.awt.image.BufferedImage.TYPE_3BYTE_BGR;
import static java.awt.image.BufferedImage.TYPE_BYTE_BINARY;
import static java.awt.image.BufferedImage.TYPE_BYTE_GRAY;
import static java.awt.image.BufferedImage.TYPE_INT_ARGB;
import static java.awt.image.BufferedImage.TYPE_INT_RGB;
import static java.awt.image.BufferedImage.TYPE_USHORT_GRAY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One picture in every kind of file: its grey levels are those of the file. */
class ImageFileTest {
    private static final int WIDTH = 13;
    private static final int HEIGHT = 7;

    /** Levels that are multiples of 17, so that four bits hold them; 0 and 255 are among them. */
    private static final int[] LEVELS =
            IntStream.range(0, WIDTH * HEIGHT).map(i -> i * i % 16 * 17).toArray();

    @TempDir Path folder;

    private static byte[] bytes(int... levels) {
        byte[] bytes = new byte[levels.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) levels[i];
        }
        return bytes;
    }

    /** An image with samples {@code times × level} in its first bands, {@code last} in the last. */
    private static BufferedImage image(ColorModel model, int times, int[] last) {
        var raster = model.createCompatibleWritableRaster(WIDTH, HEIGHT);
        int bands = raster.getNumBands();
        for (int i = 0; i < LEVELS.length; i++) {
            for (int band = 0; band < bands; band++) {
                boolean isLast = last != null && band == bands - 1;
                int sample = isLast ? last[i] : LEVELS[i];
                raster.setSample(i % WIDTH, i / WIDTH, band, sample * times);
            }
        }
        return new BufferedImage(model, raster, false, null);
    }

    private static BufferedImage image(int type, int times) {
        return image(new BufferedImage(1, 1, type).getColorModel(), times, null);
    }

    private static ColorModel model(int space, boolean alpha, int data) {
        ColorSpace of = ColorSpace.getInstance(space);
        int transparency = alpha ? ColorModel.TRANSLUCENT : ColorModel.OPAQUE;
        return new ComponentColorModel(of, alpha, false, transparency, data);
    }

    private Path write(BufferedImage image, String kind) throws IOException {
        Path file = folder.resolve("image." + kind);
        assertThat(ImageIO.write(image, kind, file.toFile())).isTrue();
        return file;
    }

    private ImageFile read(BufferedImage image) throws IOException {
        return ImageFile.read(write(image, "png"));
    }

    private static void assertGrey(ImageFile image) {
        assertThat(image.width()).isEqualTo(WIDTH);
        assertThat(image.height()).isEqualTo(HEIGHT);
        assertThat(image.pixels()).containsExactly(bytes(LEVELS));
        assertThat(image.coloured()).isFalse();
        assertThat(image.byOpacity()).isFalse();
    }

    private static final int[] OPAQUE = IntStream.generate(() -> 255).limit(91).toArray();

    @Test
    void greyOfEveryKindOfPngIsTheSame() throws IOException {
        assertGrey(read(image(TYPE_BYTE_GRAY, 1)));
        assertGrey(read(image(TYPE_USHORT_GRAY, 257)));
        assertGrey(read(image(TYPE_INT_RGB, 1)));
        assertGrey(
                read(image(model(ColorSpace.CS_sRGB, false, DataBuffer.TYPE_USHORT), 257, null)));
        for (int data : new int[] {DataBuffer.TYPE_BYTE, DataBuffer.TYPE_USHORT}) {
            int times = data == DataBuffer.TYPE_BYTE ? 1 : 257;
            assertGrey(read(image(model(ColorSpace.CS_GRAY, true, data), times, OPAQUE)));
            assertGrey(read(image(model(ColorSpace.CS_sRGB, true, data), times, OPAQUE)));
        }
    }

    @Test
    void palettes() throws IOException {
        byte[] ramp = bytes(IntStream.range(0, 16).map(i -> i * 17).toArray());
        for (int bits : new int[] {4, 8}) {
            IndexColorModel palette = new IndexColorModel(bits, 16, ramp, ramp, ramp);
            BufferedImage image =
                    new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_BYTE_INDEXED, palette);
            for (int i = 0; i < LEVELS.length; i++) {
                image.getRaster().setSample(i % WIDTH, i / WIDTH, 0, LEVELS[i] / 17);
            }
            assertGrey(read(image));
            assertGrey(ImageFile.read(write(image, "gif")));
        }
        BufferedImage twoLevels = new BufferedImage(2, 1, TYPE_BYTE_BINARY);
        twoLevels.getRaster().setSample(1, 0, 0, 1);
        assertThat(read(twoLevels).pixels()).containsExactly(0, -1);
    }

    @Test
    void interlaced() throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
        ImageWriteParam how = writer.getDefaultWriteParam();
        how.setProgressiveMode(ImageWriteParam.MODE_DEFAULT);
        Path file = folder.resolve("interlaced.png");
        try (var out = ImageIO.createImageOutputStream(file.toFile())) {
            writer.setOutput(out);
            writer.write(null, new IIOImage(image(TYPE_BYTE_GRAY, 1), null, null), how);
        }
        assertThat(Files.readAllBytes(file)[28]).isEqualTo((byte) 1); // Adam7
        assertGrey(ImageFile.read(file));
    }

    /** A level that tRNS makes transparent is laid over black: 0 stays 0, all others stay. */
    @Test
    void transparentLevel() throws IOException {
        byte[] png = Files.readAllBytes(write(image(TYPE_BYTE_GRAY, 1), "png"));
        byte[] chunk = {'t', 'R', 'N', 'S', 0, 0};
        CRC32 crc = new CRC32();
        crc.update(chunk);
        ByteBuffer with = ByteBuffer.allocate(png.length + 14);
        with.put(png, 0, 33).putInt(2).put(chunk).putInt((int) crc.getValue());
        with.put(png, 33, png.length - 33);
        assertGrey(ImageFile.read(Files.write(folder.resolve("trns.png"), with.array())));
    }

    @Test
    void otherFormats() throws IOException {
        assertGrey(ImageFile.read(write(image(TYPE_3BYTE_BGR, 1), "bmp")));
        assertGrey(ImageFile.read(write(image(TYPE_BYTE_GRAY, 1), "bmp")));
        BufferedImage flat = new BufferedImage(16, 8, TYPE_BYTE_GRAY);
        for (int i = 0; i < 128; i++) {
            flat.getRaster().setSample(i % 16, i / 16, 0, i % 16 < 8 ? 40 : 200);
        }
        ImageFile lossy = ImageFile.read(write(flat, "jpg"));
        for (int i = 0; i < 128; i++) {
            assertThat(lossy.pixels()[i] & 0xff)
                    .isBetween(i % 16 < 8 ? 38 : 198, i % 16 < 8 ? 42 : 202);
        }
    }

    @Test
    void coloursBecomeGrey() throws IOException {
        BufferedImage image = new BufferedImage(3, 1, TYPE_INT_RGB);
        image.setRGB(0, 0, 0xff0000);
        image.setRGB(1, 0, 0x00ff00);
        image.setRGB(2, 0, 0x0000ff);
        ImageFile read = read(image);
        assertThat(read.pixels()).containsExactly(bytes(76, 150, 29)); // Rec. 601
        assertThat(read.coloured()).isTrue();
    }

    /** Ink of one colour: its opacity is the level, whatever the colour. */
    @ParameterizedTest
    @ValueSource(ints = {0x000000, 0xffffff, 0x808080, 0xc00020})
    void opacityIsInk(int colour) throws IOException {
        BufferedImage image = new BufferedImage(WIDTH, HEIGHT, TYPE_INT_ARGB);
        for (int i = 0; i < LEVELS.length; i++) {
            // programs keep no colour where nothing is to be seen, and little where it is faint
            int faint = LEVELS[i] == 0 ? 0x123456 : LEVELS[i] == 17 ? colour ^ 0x030303 : colour;
            image.setRGB(i % WIDTH, i / WIDTH, LEVELS[i] << 24 | faint);
        }
        ImageFile read = read(image);
        assertThat(read.pixels()).containsExactly(bytes(LEVELS));
        assertThat(read.byOpacity()).isTrue();
        assertThat(read.coloured()).isFalse();
    }

    @Test
    void otherTransparentImagesAreLaidOverBlack() throws IOException {
        BufferedImage image = new BufferedImage(4, 1, TYPE_INT_ARGB);
        image.setRGB(0, 0, 0xffffffff);
        image.setRGB(1, 0, 0xff646464);
        image.setRGB(2, 0, 0x80ffffff);
        image.setRGB(3, 0, 0x00ffffff);
        ImageFile read = read(image);
        assertThat(read.pixels()).containsExactly(bytes(255, 100, 128, 0));
        assertThat(read.byOpacity()).isFalse();
        BufferedImage nothing = new BufferedImage(4, 1, TYPE_INT_ARGB);
        assertThat(read(nothing).pixels()).containsOnly(0);
        assertThat(read(nothing).byOpacity()).isFalse();
    }

    @Test
    void cutOffFilesAreRefused() throws IOException {
        Path file = write(image(TYPE_BYTE_GRAY, 1), "png");
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length / 2));
        assertThatThrownBy(() -> ImageFile.read(file))
                .hasMessageStartingWith(file + " is not an image that can be read (");
    }

    /** Its first three bands are no red, green and blue. */
    @Test
    void coloursForPrintAreRefused() throws IOException {
        Path file = folder.resolve("print.jpg");
        WritableRaster inks = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 8, 8, 4, null);
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        try (ImageOutputStream out = ImageIO.createImageOutputStream(file.toFile())) {
            writer.setOutput(out);
            writer.write(null, new IIOImage(inks, null, null), null);
        } finally {
            writer.dispose();
        }
        assertThatThrownBy(() -> ImageFile.read(file))
                .hasMessage(file + " has colours for print (CMYK): save it in RGB or grey");
    }
}
