package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.io.SafeTensors.shown;

import io.jhdf.HdfFile;
import io.jhdf.api.Attribute;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.object.message.DataLayout;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.quern.QuernException;

/**
 * An HDF5 file in memory, read by jHDF, the only class that knows it. Nothing is believed of a file
 * that it has not the bytes for: neither how large an array is, nor how deep its groups go.
 */
final class Hdf5 implements AutoCloseable {
    private static final int DEEPEST = 8;

    /** An array of floats. */
    record Array(int[] shape, float[] values) {}

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
