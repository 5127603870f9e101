package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.io.SafeTensors.shown;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import io.jhdf.api.Attribute;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.api.WritableGroup;
import io.jhdf.object.message.DataLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.quern.QuernException;

/**
 * An HDF5 file in memory, read and written by jHDF, the only class that knows it. Nothing is
 * believed of a file that it has not the bytes for: neither how large an array is, nor how deep its
 * groups go.
 */
final class Hdf5 implements AutoCloseable {
    private static final int DEEPEST = 8;

    /** An array of floats. */
    record Array(int[] shape, float[] values) {
        /** As jHDF takes it: an array for each dimension. */
        private Object nested() {
            if (shape.length == 1) {
                return values;
            }
            float[][] rows = new float[shape[0]][];
            for (int i = 0; i < rows.length; i++) {
                rows[i] = Arrays.copyOfRange(values, i * shape[1], (i + 1) * shape[1]);
            }
            return rows;
        }
    }

    private final Path file;
    private final HdfFile hdf;
    private long budget;

    /**
     * Opens the bytes of a file.
     *
     * @param file for messages
     */
    Hdf5(Path file, byte[] bytes) {
        this.file = file;
        budget = bytes.length;
        hdf = guarded("its start", () -> HdfFile.fromBytes(bytes));
    }

    /** The bytes of a file with these arrays, of one or two dimensions, by their paths. */
    static byte[] bytes(Map<String, Array> arrays) throws IOException {
        Path part = Files.createTempFile("quern", ".h5"); // jHDF writes files only
        try {
            try (WritableHdfFile hdf = HdfFile.write(part)) {
                Map<String, WritableGroup> groups = new HashMap<>(Map.of("", hdf));
                arrays.forEach(
                        (path, array) -> {
                            int name = path.lastIndexOf('/');
                            group(groups, path.substring(0, name))
                                    .putDataset(path.substring(name + 1), array.nested());
                        });
            }
            return Files.readAllBytes(part);
        } finally {
            Files.delete(part);
        }
    }

    private static WritableGroup group(Map<String, WritableGroup> groups, String path) {
        WritableGroup found = groups.get(path);
        if (found == null) {
            int name = path.lastIndexOf('/');
            WritableGroup outer = group(groups, path.substring(0, Math.max(0, name)));
            found = outer.putGroup(path.substring(name + 1));
            groups.put(path, found);
        }
        return found;
    }

    /** What jHDF says of a damaged file is many things, among them that its own code fails. */
    private <T> T guarded(String what, Supplier<T> reading) {
        try {
            return reading.get();
        } catch (QuernException e) {
            throw e;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            String why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
            throw data(e, "%s: %s cannot be read as HDF5 (%s)", file, shown(what), shown(why));
        }
    }

    /** The text of an attribute of the file; null if there is none. */
    String text(String attribute) {
        return guarded(
                attribute,
                () -> {
                    Attribute found = hdf.getAttribute(attribute);
                    return found != null && found.getData() instanceof String text ? text : null;
                });
    }

    /** The arrays of a group and those in it, by their last names; none if there is no group. */
    Map<String, Dataset> arrays(String group) {
        return guarded(
                group,
                () -> {
                    Map<String, Dataset> found = new TreeMap<>();
                    Node at = hdf;
                    for (String name : group.split("/")) {
                        at = at instanceof Group one ? one.getChild(name) : null;
                    }
                    if (at instanceof Group one) {
                        collect(one, found, 0);
                    }
                    return found;
                });
    }

    private void collect(Group group, Map<String, Dataset> found, int depth) {
        require(depth < DEEPEST, "%s: its groups are more than %d deep", file, DEEPEST);
        for (Node node : group) {
            if (node instanceof Dataset array) {
                String twice = "%s has two arrays %s in %s";
                boolean isNew = found.put(array.getName(), array) == null;
                require(isNew, twice, file, shown(array.getName()), shown(group.getPath()));
            } else if (node instanceof Group inner) {
                collect(inner, found, depth + 1);
            }
        }
    }

    /** The numbers of an array. */
    Array read(Dataset array) {
        String name = array.getPath();
        return guarded(
                name,
                () -> {
                    DataLayout layout = array.getDataLayout();
                    boolean plain = layout == DataLayout.CONTIGUOUS || layout == DataLayout.COMPACT;
                    String packed =
                            "%s: %s is compressed or in chunks, as Keras writes none: save the model by"
                                    + " Keras again";
                    require(plain, packed, file, shown(name));
                    long bytes = Float.BYTES;
                    for (long extent : array.getDimensionsAsLong()) {
                        boolean fits = extent >= 0 && (extent == 0 || bytes <= budget / extent);
                        String many = "%s: %s claims more numbers than the file has";
                        require(fits, many, file, shown(name));
                        bytes *= extent;
                    }
                    budget -= bytes;
                    Object data = array.getDataFlat();
                    int[] shape = array.getDimensions();
                    if (data instanceof float[] floats) {
                        return new Array(shape, floats);
                    }
                    if (data instanceof double[] doubles) {
                        float[] rounded = new float[doubles.length];
                        for (int i = 0; i < rounded.length; i++) {
                            rounded[i] = (float) doubles[i];
                        }
                        return new Array(shape, rounded);
                    }
                    String type = array.getDataType().getClass().getSimpleName();
                    String other = "%s: %s holds %s, only floats are read: save it as float32";
                    throw data(other, file, shown(name), type);
                });
    }

    @Override
    public void close() {
        hdf.close();
    }
}
