package org.quern.data;

import static org.quern.QuernException.expect;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.quern.random.Philox;
import org.quern.random.Streams;

/**
 * Generated digits, for where MNIST cannot be had: 28 × 28 grey images in MNIST's manner, as many
 * as asked.
 *
 * <p>Digit i of a seed is a pure function of (seed, i): Philox draws its class, one of four ways to
 * write it, and all that follows. The points of its strokes are shifted at random and joined by
 * lines or Catmull-Rom curves; the whole is bent by two waves, stretched, sheared and rotated,
 * fitted into a box of 20 pixels, and moved so that its centre of mass is the image's centre, as
 * MNIST's makers did. A pixel is as bright as it is near the stroke, whose width and softness vary.
 */
public final class Digits {
    /** First index of test digits; training digits count from 0. */
    public static final long TEST = 1L << 40;

    private static final int SIDE = 28;
    private static final String FILE = "glyphs.txt";

    /** The strokes [digit][variant][stroke] of {@value #FILE}. */
    private static final List<List<List<Stroke>>> GLYPHS = glyphs();

    private Digits() {}

    /**
     * Generates digits.
     *
     * @param rows how many, at least 1
     * @param first index of the first one: 0 for training, {@link #TEST} for test digits
     * @param seed other digits for each
     * @return labelled pixels of shape {28, 28}
     */
    public static Dataset generate(String name, int rows, long first, long seed) {
        boolean fits = rows >= 1 && rows <= Integer.MAX_VALUE / (SIDE * SIDE);
        expect(fits, "%d generated digits: ask for 1 to 2,739,000", rows);
        byte[] pixels = new byte[rows * SIDE * SIDE];
        int[] labels = new int[rows];
        IntStream paint = IntStream.range(0, rows).parallel();
        paint.forEach(row -> labels[row] = new Painter(seed, first + row).paint(pixels, row));
        return Dataset.ofPixels(name, new int[] {SIDE, SIDE}, pixels)
                .withLabels(labels, Mnist.DIGITS);
    }

    /** Training and test digits of seed 1. */
    public static Splits splits(int train, int test) {
        return new Splits(
                generate("generated digits train", train, 0, 1),
                generate("generated digits test", test, TEST, 1),
                "generated digits, not MNIST");
    }

    /** A smooth curve through points, or lines with corners at them; x and y in turn. */
    private record Stroke(boolean smooth, float[] points) {
        static Stroke parse(String text) {
            String[] numbers = text.substring(2).split("[ ,]");
            float[] points = new float[numbers.length];
            for (int i = 0; i < points.length; i++) {
                points[i] = Float.parseFloat(numbers[i]);
            }
            return new Stroke(text.startsWith("~"), points);
        }
    }

    private static List<List<List<Stroke>>> glyphs() {
        List<List<List<Stroke>>> glyphs = new ArrayList<>();
        Mnist.DIGITS.forEach(digit -> glyphs.add(new ArrayList<>()));
        try (InputStream in = Digits.class.getResourceAsStream(FILE)) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            for (String line : text.lines().filter(way -> !way.startsWith("#")).toList()) {
                String[] strokes = line.substring(2).split(" \\| ");
                glyphs.get(line.charAt(0) - '0')
                        .add(Stream.of(strokes).map(Stroke::parse).toList());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return glyphs;
    }

    /** Paints one digit, only by operations that Java rounds the same everywhere. */
    private static final class Painter {
        private static final int PIECES = 5;
        private static final int MOST_POINTS = 256;
        private static final float BOX = 20;

        private final float[] x = new float[MOST_POINTS];
        private final float[] y = new float[MOST_POINTS];

        /** Whether point i begins a stroke. */
        private final boolean[] begins = new boolean[MOST_POINTS];

        private final float[] nearest = new float[SIDE * SIDE];
        private final int[] words = new int[4];
        private final long seed;
        private final long index;
        private int count;
        private int drawn;

        Painter(long seed, long index) {
            this.seed = seed;
            this.index = index;
        }

        /** Paints the digit into a row of images, and returns its class. */
        int paint(byte[] pixels, int row) {
            int label = pick(GLYPHS.size());
            List<List<Stroke>> variants = GLYPHS.get(label);
            List<Stroke> strokes = variants.get(pick(variants.size()));
            float unsteady = 0.035f + 0.036f * uniform();
            strokes.forEach(stroke -> trace(stroke, unsteady));
            deform();
            place();
            ink(pixels, row * SIDE * SIDE);
            return label;
        }

        private int nextWord() {
            if (drawn % 4 == 0) {
                Philox.block(seed, Streams.DIGITS.of(0), index, drawn / 4, words, 0);
            }
            return words[drawn++ % 4];
        }

        private int pick(int choices) {
            return (int) ((nextWord() & 0xffffffffL) * choices >>> 32);
        }

        private float uniform() {
            return Philox.unit(nextWord());
        }

        /** About normal, mean 0 and deviation 1: the sum of three uniforms, within ±3. */
        private float normal() {
            return 2 * (uniform() + uniform() + uniform()) - 3;
        }

        /** Appends a stroke's points, each shifted a little, with a curve's points in between. */
        private void trace(Stroke stroke, float unsteady) {
            int n = stroke.points().length / 2;
            float[] px = new float[n];
            float[] py = new float[n];
            for (int i = 0; i < n; i++) {
                px[i] = stroke.points()[2 * i] + unsteady * normal();
                py[i] = stroke.points()[2 * i + 1] + unsteady * normal();
            }
            begins[count] = true;
            for (int i = 0; i + 1 < n; i++) {
                for (int piece = 0; piece < PIECES; piece++) {
                    float t = (float) piece / PIECES;
                    x[count] = between(stroke.smooth(), px, i, t);
                    y[count++] = between(stroke.smooth(), py, i, t);
                }
            }
            x[count] = px[n - 1];
            y[count++] = py[n - 1];
        }

        /** On the line between point i and the next, or on Catmull and Rom's spline. */
        private static float between(boolean smooth, float[] points, int i, float t) {
            float b = points[i];
            float c = points[i + 1];
            if (!smooth) {
                return b + t * (c - b);
            }
            float a = points[Math.max(i - 1, 0)];
            float d = points[Math.min(i + 2, points.length - 1)];
            float p = 2 * b;
            float q = c - a;
            float r = 2 * a - 5 * b + 4 * c - d;
            float s = 3 * b - a - 3 * c + d;
            return 0.5f * (p + t * (q + t * (r + t * s)));
        }

        /** Bends by a wave along each axis, stretches, shears and rotates. */
        private void deform() {
            float waveX = 0.07f * normal();
            float waveY = 0.06f * normal();
            float phaseX = uniform();
            float phaseY = uniform();
            float pace = 0.6f + 0.6f * uniform();
            float width = 0.72f + 0.15f * normal();
            float shear = 0.10f + 0.24f * normal();
            float angle = 0.14f * normal();
            float cos = (float) StrictMath.cos(angle);
            float sin = (float) StrictMath.sin(angle);
            for (int i = 0; i < count; i++) {
                float bentX = x[i] + waveX * wave(pace * y[i] + phaseX);
                float bentY = y[i] + waveY * wave(pace * x[i] + phaseY);
                float wide = (bentX - 0.5f) * width - shear * (bentY - 0.5f);
                float high = bentY - 0.5f;
                x[i] = cos * wide - sin * high;
                y[i] = sin * wide + cos * high;
            }
        }

        /** A wave of period 1 and height 1, of two parabolas. */
        private static float wave(float t) {
            float u = t - (float) Math.floor(t);
            return u < 0.5f ? 16 * u * (0.5f - u) : -16 * (u - 0.5f) * (1 - u);
        }

        /** Fits into the box, and puts the strokes' centre of mass into the image's centre. */
        private void place() {
            float scale = (BOX - 2 - 4f * uniform()) / Math.max(extent(x), extent(y));
            float massX = 0;
            float massY = 0;
            float mass = 0;
            for (int i = 1; i < count; i++) {
                if (!begins[i]) {
                    float dx = x[i] - x[i - 1];
                    float dy = y[i] - y[i - 1];
                    float length = (float) Math.sqrt(dx * dx + dy * dy);
                    massX += length * (x[i] + x[i - 1]) / 2;
                    massY += length * (y[i] + y[i - 1]) / 2;
                    mass += length;
                }
            }
            for (int i = 0; i < count; i++) {
                x[i] = (x[i] - massX / mass) * scale + SIDE / 2f;
                y[i] = (y[i] - massY / mass) * scale + SIDE / 2f;
            }
        }

        private float extent(float[] values) {
            float least = Float.MAX_VALUE;
            float largest = -Float.MAX_VALUE;
            for (int i = 0; i < count; i++) {
                least = Math.min(least, values[i]);
                largest = Math.max(largest, values[i]);
            }
            return largest - least;
        }

        /** Darkness of each pixel by its distance to the nearest stroke. */
        private void ink(byte[] pixels, int at) {
            float half = Math.max(0.35f, 0.85f + 0.30f * normal());
            float soft = 0.9f + 0.7f * uniform();
            float strength = 255 * (1.12f - 0.30f * uniform() * uniform());
            float reach = half + soft;
            Arrays.fill(nearest, reach * reach);
            for (int i = 1; i < count; i++) {
                if (!begins[i]) {
                    approach(x[i - 1], y[i - 1], x[i], y[i], reach);
                }
            }
            for (int p = 0; p < nearest.length; p++) {
                if (nearest[p] < reach * reach) {
                    float distance = (float) Math.sqrt(nearest[p]);
                    float value = strength * (reach - distance) / soft;
                    pixels[at + p] = (byte) (int) Math.min(255, value);
                }
            }
        }

        /** Lowers the squared distances of the pixels near a line. */
        private void approach(float x0, float y0, float x1, float y1, float reach) {
            int left = Math.max(0, (int) Math.ceil(Math.min(x0, x1) - reach - 0.5f));
            int right = Math.min(SIDE - 1, (int) Math.floor(Math.max(x0, x1) + reach - 0.5f));
            int top = Math.max(0, (int) Math.ceil(Math.min(y0, y1) - reach - 0.5f));
            int bottom = Math.min(SIDE - 1, (int) Math.floor(Math.max(y0, y1) + reach - 0.5f));
            float dx = x1 - x0;
            float dy = y1 - y0;
            float square = dx * dx + dy * dy;
            float inverse = square > 0 ? 1 / square : 0;
            for (int row = top; row <= bottom; row++) {
                float py = row + 0.5f - y0;
                for (int column = left; column <= right; column++) {
                    float px = column + 0.5f - x0;
                    float t = Math.max(0, Math.min(1, (px * dx + py * dy) * inverse));
                    float ex = px - t * dx;
                    float ey = py - t * dy;
                    int p = row * SIDE + column;
                    nearest[p] = Math.min(nearest[p], ex * ex + ey * ey);
                }
            }
        }
    }
}
