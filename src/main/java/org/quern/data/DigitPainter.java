package org.quern.data;

import java.util.Arrays;
import java.util.List;
import org.quern.random.Philox;
import org.quern.random.Streams;

/**
 * Paints single digits; see {@link Digits}. Only operations that Java rounds the same everywhere
 * are used ({@code StrictMath} for sine and cosine). Holds scratch memory; not thread-safe.
 */
final class DigitPainter {
    private static final int SIDE = Digits.SIDE;
    private static final int PIECES = 5;
    private static final int MOST_POINTS = 256;
    private static final float BOX = 20;

    private final float[] x = new float[MOST_POINTS];
    private final float[] y = new float[MOST_POINTS];

    /** Whether point i begins a stroke. */
    private final boolean[] begins = new boolean[MOST_POINTS];

    private final float[] nearest = new float[SIDE * SIDE];
    private final int[] words = new int[4];
    private int count;
    private long seed;
    private long index;
    private int drawn;

    /** Paints digit {@code digit} into {@code pixels[at …]}. @return its class */
    int paint(long newSeed, long digit, byte[] pixels, int at) {
        seed = newSeed;
        index = digit;
        drawn = 0;
        count = 0;
        int label = (int) ((nextWord() & 0xffffffffL) * 10 >>> 32);
        List<Glyphs.Glyph> variants = Glyphs.ALL.get(label);
        int variant = (int) ((nextWord() & 0xffffffffL) * variants.size() >>> 32);
        float unsteady = 0.035f + 0.036f * uniform();
        for (Glyphs.Stroke stroke : variants.get(variant).strokes()) {
            trace(stroke, unsteady);
        }
        deform();
        place();
        ink(pixels, at);
        return label;
    }

    private int nextWord() {
        if (drawn % 4 == 0) {
            Philox.block(seed, Streams.digits(0), index, drawn / 4, words, 0);
        }
        return words[drawn++ % 4];
    }

    private float uniform() {
        return Philox.unit(nextWord());
    }

    /** About normal, mean 0 and deviation 1: the sum of three uniforms, within ±3. */
    private float normal() {
        return 2 * (uniform() + uniform() + uniform()) - 3;
    }

    /** Appends a stroke's points, each shifted a little, with a curve's points in between. */
    private void trace(Glyphs.Stroke stroke, float unsteady) {
        int n = stroke.points().length / 2;
        float[] px = new float[n];
        float[] py = new float[n];
        for (int i = 0; i < n; i++) {
            px[i] = stroke.points()[2 * i] + unsteady * normal();
            py[i] = stroke.points()[2 * i + 1] + unsteady * normal();
        }
        begins[count] = true;
        for (int i = 0; i + 1 < n; i++) {
            int before = Math.max(i - 1, 0);
            int after = Math.min(i + 2, n - 1);
            for (int piece = 0; piece < PIECES; piece++) {
                float t = (float) piece / PIECES;
                if (stroke.smooth()) {
                    add(
                            spline(px[before], px[i], px[i + 1], px[after], t),
                            spline(py[before], py[i], py[i + 1], py[after], t));
                } else {
                    add(px[i] + t * (px[i + 1] - px[i]), py[i] + t * (py[i + 1] - py[i]));
                }
            }
        }
        add(px[n - 1], py[n - 1]);
    }

    /** Catmull and Rom's spline between b and c. */
    private static float spline(float a, float b, float c, float d, float t) {
        float p = 2 * b;
        float q = c - a;
        float r = 2 * a - 5 * b + 4 * c - d;
        float s = 3 * b - a - 3 * c + d;
        return 0.5f * (p + t * (q + t * (r + t * s)));
    }

    private void add(float px, float py) {
        x[count] = px;
        y[count] = py;
        count++;
        if (count < MOST_POINTS) {
            begins[count] = false;
        }
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
        float left = Float.MAX_VALUE;
        float right = -Float.MAX_VALUE;
        float top = Float.MAX_VALUE;
        float bottom = -Float.MAX_VALUE;
        for (int i = 0; i < count; i++) {
            left = Math.min(left, x[i]);
            right = Math.max(right, x[i]);
            top = Math.min(top, y[i]);
            bottom = Math.max(bottom, y[i]);
        }
        float scale = (BOX - 2 - 4f * uniform()) / Math.max(right - left, bottom - top);
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

    /** Darkness of each pixel by its distance to the nearest stroke. */
    private void ink(byte[] pixels, int at) {
        float half = 0.85f + 0.30f * normal();
        half = Math.max(half, 0.35f);
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
