package org.quern.io;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;
import static org.quern.io.SafeTensors.shown;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.io.SafeTensors.Tensor;
import org.quern.plan.Plan;
import org.quern.plan.Slice;

/**
 * Which tensors of a file of PyTorch's are those of which layer. The weights of a model's dense
 * layers have names that differ in one number alone, which goes up from layer to layer: {@code
 * 0.weight} and {@code 2.weight}, {@code module.net.1.weight} and {@code module.net.4.weight},
 * {@code fc1.weight} and {@code fc2.weight}. A layer may be without a bias. Other tensors may be
 * beside them, unless their names are of the same kind: those are other layers.
 */
final class TensorNames {
    private static final String WEIGHT = ".weight";
    private static final String BIAS = ".bias";

    /** What PyTorch's wrappers put before each name, and the rest of a name around a number. */
    private static final Pattern NUMBERED = Pattern.compile("(.*?)(\\d{1,9})(\\D*\\.[^.]*)");

    private final Path file;
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private final Set<String> unused = new LinkedHashSet<>();
    private final List<Plan.DenseSlices> layers;
    private final List<String> remarks;

    /**
     * Names of a file.
     *
     * @param others names of its tensors that do not hold floats
     * @param remarks takes a line for what is not used, and for what is not there
     */
    TensorNames(
            Path file,
            SafeTensors tensors,
            List<String> others,
            List<Plan.DenseSlices> layers,
            List<String> remarks) {
        this.file = file;
        tensors.tensors().forEach(tensor -> this.tensors.put(tensor.name(), tensor));
        unused.addAll(this.tensors.keySet());
        unused.addAll(others);
        this.layers = layers;
        this.remarks = remarks;
    }

    /** By the name of a parameter, the tensor of it; without those of layers without a bias. */
    Map<String, Tensor> found() {
        Map<String, Tensor> found = new HashMap<>();
        List<String> modules = modules();
        List<String> without = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            Plan.DenseSlices layer = layers.get(i);
            String module = modules.get(i);
            found.put(layer.weights().name(), take(module + WEIGHT));
            if (tensors.containsKey(module + BIAS)) {
                found.put(layer.bias().name(), take(module + BIAS));
            } else {
                without.add(module);
            }
        }
        String family = family(modules.get(0) + WEIGHT);
        for (String name : unused) {
            boolean isLayer = layers.size() > 1 && family.equals(family(asWeight(name)));
            String other =
                    "%s has a tensor %s beside those of the %d layers of --model: it is of another model";
            require(!isLayer, other, file, shown(name), layers.size());
        }
        if (!without.isEmpty()) {
            String names = shown(String.join(", ", without));
            remarks.add("%s: no bias, taken as 0: %s".formatted(file.getFileName(), names));
        }
        if (!unused.isEmpty()) {
            String names = shown(String.join(", ", unused));
            remarks.add("%s: not used: %s".formatted(file.getFileName(), names));
        }
        return found;
    }

    private Tensor take(String name) {
        unused.remove(name);
        return tensors.get(name);
    }

    private static String asWeight(String name) {
        int dot = name.lastIndexOf('.');
        return (dot < 0 ? name : name.substring(0, dot)) + WEIGHT;
    }

    /** A name with # for its last number; itself if it has none. */
    private static String family(String name) {
        Matcher numbered = NUMBERED.matcher(name);
        return numbered.matches() ? numbered.group(1) + "#" + numbered.group(3) : name;
    }

    private static int number(String name) {
        Matcher numbered = NUMBERED.matcher(name);
        return numbered.matches() ? Integer.parseInt(numbered.group(2)) : 0;
    }

    /** The names of the layers' modules: of those that are as many as there are layers. */
    private List<String> modules() {
        Map<String, List<String>> families = new TreeMap<>();
        for (Tensor tensor : tensors.values()) {
            if (tensor.name().endsWith(WEIGHT) && tensor.shape().length == 2) {
                String family = family(tensor.name());
                families.computeIfAbsent(family, any -> new ArrayList<>()).add(tensor.name());
            }
        }
        List<List<String>> fitting = new ArrayList<>();
        for (List<String> names : families.values()) {
            if (names.size() == layers.size()) {
                names.sort(Comparator.comparingInt(TensorNames::number));
                fitting.add(names);
            }
        }
        if (fitting.size() > 1) {
            fitting.removeIf(names -> !hasShapes(names));
        }
        if (fitting.size() != 1) {
            String text =
                    "%s: no telling which of its tensors are the weights of the %d layers of --model (it has"
                            + " %s): name them as those of an nn.Sequential, 0.weight, 2.weight and so on";
            String names = shown(String.join(", ", unused));
            throw data(text, file, layers.size(), names);
        }
        return fitting.get(0).stream()
                .map(name -> name.substring(0, name.length() - WEIGHT.length()))
                .toList();
    }

    private boolean hasShapes(List<String> names) {
        for (int i = 0; i < names.size(); i++) {
            int[] shape = tensors.get(names.get(i)).shape();
            Slice weights = layers.get(i).weights();
            if (shape[0] != weights.columns() || shape[1] != weights.rows()) {
                return false;
            }
        }
        return true;
    }
}
