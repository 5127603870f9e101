package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.usage;

import java.util.List;
import java.util.stream.Collectors;

/** Examples that somebody brings to have them classified. */
public final class Input {
    private static final int MID_GREY = 128;

    private Input() {}

    /** One row of a data set. */
    public static Dataset row(Dataset set, int index) {
        if (index < 0 || index >= set.rows()) {
            throw usage(
                    "index %d: %s has %,d rows, 0 to %,d",
                    index, set.name(), set.rows(), set.rows() - 1);
        }
        return set.select(new int[] {index}).named(set.name() + " " + index);
    }

    /** One row as text: finite numbers separated by commas. */
    public static Dataset parse(String text) {
        String[] fields = text.split(",", -1);
        float[] values = new float[fields.length];
        for (int i = 0; i < fields.length; i++) {
            values[i] = (float) Decimal.parse(fields[i].trim());
            if (!Float.isFinite(values[i])) {
                throw usage("CSV row: value %d is \"%s\", not a number", i, fields[i].trim());
            }
        }
        return Dataset.ofValues("the CSV row", new int[] {fields.length}, values);
    }

    /** The negative of images: 255 minus each pixel. */
    public static Dataset inverted(Dataset images) {
        if (!images.isPixels()) {
            throw usage("%s is not an image: only pixels can be inverted", images.name());
        }
        byte[] pixels = new byte[images.pixels().length];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) ~images.pixels()[i];
        }
        return images.withPixels(pixels);
    }

    /** Whether an image is mostly light, unlike MNIST's digits, which are light on dark. */
    public static boolean isDarkOnLight(Dataset image) {
        return image.isPixels() && Statistics.of(image).mean() >= MID_GREY;
    }

    /** Refuses rows that a model whose input is of {@code shape} cannot take. */
    public static void check(Dataset rows, List<Integer> shape) {
        int[] given = rows.shape();
        if (given.length == 2 && shape.size() == 2) {
            if (given[0] != shape.get(0) || given[1] != shape.get(1)) {
                throw data(
                        "%s is %d x %d pixels, but the model takes %d x %d: scale the image to that"
                                + " size",
                        rows.name(), given[1], given[0], shape.get(1), shape.get(0));
            }
        } else if (rows.features() != shape.stream().reduce(1, (a, b) -> a * b)) {
            throw data(
                    "%s has %d values, but the model takes %s",
                    rows.name(),
                    rows.features(),
                    shape.stream().map(String::valueOf).collect(Collectors.joining(" x ")));
        }
    }
}
