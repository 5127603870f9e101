package org.quern.data;

import static org.quern.QuernException.expect;
import static org.quern.QuernException.given;
import static org.quern.QuernException.require;
import static org.quern.QuernException.usage;

import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.quern.random.Philox;
import org.quern.random.Streams;

/**
 * Images drawn anew for each epoch, so that a network never sees the same one twice: turned, scaled
 * and moved at random, and bent by a smooth random field (after Simard, Steinkraus, Platt, "Best
 * Practices for Convolutional Neural Networks Applied to Visual Document Analysis", ICDAR 2003; the
 * field here is given on a coarse grid and interpolated between its points). A pure function of
 * seed, epoch and row.
 *
 * @param rotate largest turn, in degrees
 * @param scale largest relative change of width and of height
 * @param shift largest move along each axis, in pixels
 * @param bend largest displacement of the field's points along each axis, in pixels
 */
public record Distortion(double rotate, double scale, double shift, double bend) {
    /** Images as they are. */
    public static final Distortion NONE = new Distortion(0, 0, 0, 0);

    /** Points of the field along each axis. */
    private static final int POINTS = 5;

    private static final int WORDS = 5 + 2 * POINTS * POINTS;

    public Distortion {
        check("rotate", rotate, 180);
        check("scale", scale, 0.9);
        check("shift", shift, 1000);
        check("bend", bend, 1000);
    }

    private static void check(String name, double value, double most) {
        boolean fits = value >= 0 && value <= most;
        expect(fits, "distortion: %s %s must be from 0 to %s", name, value, most);
    }

    /**
     * Reads a text such as {@code rotate 10, scale 0.1, shift 1, bend 2}; what is not named is 0;
     * {@code none} is {@link #NONE}.
     */
    public static Distortion parse(String text) {
        if (given(text, "text").strip().equals("none")) {
            return NONE;
        }
        double[] values = new double[4];
        List<String> names = List.of("rotate", "scale", "shift", "bend");
        for (String part : text.split(",", -1)) {
            String[] words = part.strip().split(" +", -1);
            try {
                int which = names.indexOf(words[0].toLowerCase(Locale.ROOT));
                values[words.length == 2 ? which : -1] = Double.parseDouble(words[1]);
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
                throw usage(
                        "distortion \"%s\" is not understood: write none, or such as \"rotate 10,"
                                + " scale 0.1, shift 1, bend 2\"",
                        part.strip());
            }
        }
        return new Distortion(values[0], values[1], values[2], values[3]);
    }

    /** Whether it changes nothing. Not by equals, whose first call of a record takes 70 ms. */
    public boolean isNone() {
        return rotate == 0 && scale == 0 && shift == 0 && bend == 0;
    }

    /** The text that {@link #parse} reads. */
    public String text() {
        return isNone()
                ? "none"
                : "rotate %s, scale %s, shift %s, bend %s".formatted(rotate, scale, shift, bend);
    }

    /**
     * Distorts each image of a data set; labels stay.
     *
     * @throws org.quern.QuernException if its rows are no images of bytes
     */
    public Dataset apply(Dataset set, long seed, long epoch) {
        given(set, "rows");
        if (isNone()) {
            return set;
        }
        int[] shape = set.shape();
        String text = "%s has no images of bytes: --distort is for these alone";
        require(set.isPixels() && shape.length == 2, text, set.name());
        byte[] from = set.pixels();
        byte[] to = new byte[from.length];
        Axis columns = Axis.of(shape[1]);
        Warp warp = new Warp(this, from, to, shape[1], shape[0], columns, Axis.of(shape[0]));
        IntStream.range(0, set.rows()).parallel().forEach(row -> warp.draw(row, seed, epoch));
        return set.withPixels(to);
    }

    /** Between which two of the field's points each pixel of an axis lies, and how far. */
    private record Axis(int[] point, float[] part) {
        static Axis of(int pixels) {
            Axis axis = new Axis(new int[pixels], new float[pixels]);
            for (int i = 0; i < pixels; i++) {
                float place = i * (POINTS - 1f) / Math.max(1, pixels - 1);
                axis.point[i] = Math.min(POINTS - 2, (int) place);
                float t = place - axis.point[i];
                axis.part[i] = t * t * (3 - 2 * t); // smooth where pieces meet
            }
            return axis;
        }
    }

    private record Warp(
            Distortion by,
            byte[] from,
            byte[] to,
            int width,
            int height,
            Axis columns,
            Axis lines) {
        /** For each pixel of the new image, the place of the old one that it shows. */
        void draw(int row, long seed, long epoch) {
            int[] words = new int[(WORDS + 3) / 4 * 4];
            for (int at = 0; at < words.length; at += 4) {
                Philox.block(seed, Streams.DISTORTION.of(at / 4), epoch, row, words, at);
            }
            float[] uniform = new float[WORDS];
            for (int i = 0; i < WORDS; i++) {
                uniform[i] = 2 * Philox.unit(words[i]) - 1;
            }
            double angle = Math.toRadians(by.rotate * uniform[0]);
            float sin = (float) StrictMath.sin(angle);
            float cos = (float) StrictMath.cos(angle);
            float wide = (float) (1 / (1 + by.scale * uniform[1]));
            float high = (float) (1 / (1 + by.scale * uniform[2]));
            float left = (width - 1) / 2f + (float) (by.shift * uniform[3]);
            float top = (height - 1) / 2f + (float) (by.shift * uniform[4]);
            int image = row * width * height;
            for (int y = 0; y < height; y++) {
                float v = y - (height - 1) / 2f;
                float[] fieldX = line(uniform, 0, y);
                float[] fieldY = line(uniform, 1, y);
                float lineX = sin * wide * v + left;
                float lineY = cos * high * v + top;
                for (int x = 0; x < width; x++) {
                    float u = x - (width - 1) / 2f;
                    int point = columns.point[x];
                    float part = columns.part[x];
                    float bendX = fieldX[point] + part * (fieldX[point + 1] - fieldX[point]);
                    float bendY = fieldY[point] + part * (fieldY[point + 1] - fieldY[point]);
                    float fromX = cos * wide * u + lineX + bendX;
                    float fromY = -sin * high * u + lineY + bendY;
                    to[image + y * width + x] = (byte) level(image, fromX, fromY);
                }
            }
        }

        /** The field along an axis on a line of the image, at its points' columns. */
        private float[] line(float[] uniform, int axis, int y) {
            float[] field = new float[POINTS];
            int upper = 5 + (axis * POINTS + lines.point[y]) * POINTS;
            int lower = upper + POINTS;
            for (int i = 0; i < POINTS; i++) {
                float from = uniform[upper + i];
                field[i] = (float) by.bend * (from + lines.part[y] * (uniform[lower + i] - from));
            }
            return field;
        }

        /** The level between four pixels; 0 outside. */
        private int level(int at, float x, float y) {
            if (!(x > -1 && y > -1 && x < width && y < height)) {
                return 0;
            }
            int left = (int) (x + 1) - 1; // rounds down, as x is above -1
            int top = (int) (y + 1) - 1;
            float fx = x - left;
            float fy = y - top;
            boolean inside = left >= 0 && top >= 0 && left < width - 1 && top < height - 1;
            int first = at + top * width + left;
            int a = inside ? from[first] & 0xff : pixel(at, left, top);
            int b = inside ? from[first + 1] & 0xff : pixel(at, left + 1, top);
            int c = inside ? from[first + width] & 0xff : pixel(at, left, top + 1);
            int d = inside ? from[first + width + 1] & 0xff : pixel(at, left + 1, top + 1);
            if ((a | b | c | d) == 0) {
                return 0; // most of a digit's image
            }
            float upper = a + (b - a) * fx;
            float lower = c + (d - c) * fx;
            return (int) (upper + (lower - upper) * fy + 0.5f);
        }

        private int pixel(int at, int x, int y) {
            boolean inside = x >= 0 && y >= 0 && x < width && y < height;
            return inside ? from[at + y * width + x] & 0xff : 0;
        }
    }
}
