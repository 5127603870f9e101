package org.quern.run;

import static org.quern.QuernException.usage;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.model.Layer;
import org.quern.model.Model;
import org.quern.model.ModelText;

/**
 * Settings with some changed: any of {@link RunSettings}, and two that change the model's text.
 * {@code dropout} gives all its dropouts another rate, {@code width} its first hidden layer other
 * units.
 */
final class SweepOverrides {
    static final String DROPOUT = "dropout";
    static final String WIDTH = "width";

    private SweepOverrides() {}

    static RunSettings of(RunSettings base, Map<String, String> changed) {
        Map<String, String> settings = new LinkedHashMap<>(changed);
        String dropout = settings.remove(DROPOUT);
        String width = settings.remove(WIDTH);
        RunSettings with = base.with(settings);
        if (dropout == null && width == null) {
            return with;
        }
        Model model = ModelText.parse(Model.input(1), with.text("model"));
        List<Layer> layers = new ArrayList<>(model.layers());
        if (dropout != null) {
            layers.replaceAll(
                    layer ->
                            layer instanceof Layer.Dropout
                                    ? new Layer.Dropout(number(DROPOUT, dropout, Float::valueOf))
                                    : layer);
            if (layers.equals(model.layers())
                    && layers.stream().noneMatch(Layer.Dropout.class::isInstance)) {
                throw usage("dropout %s: the model has no dropout to change", dropout);
            }
        }
        if (width != null) {
            int first = firstHidden(layers);
            Layer.Dense hidden = (Layer.Dense) layers.get(first);
            int units = number(WIDTH, width, Integer::valueOf);
            layers.set(first, new Layer.Dense(units, hidden.activation(), hidden.init()));
        }
        String text = String.join(", ", layers.stream().map(Layer::text).toList());
        return with.with(Map.of("model", text));
    }

    private static int firstHidden(List<Layer> layers) {
        for (int i = 0; i < layers.size() - 1; i++) {
            if (layers.get(i) instanceof Layer.Dense) {
                return i;
            }
        }
        throw usage("width: the model has no hidden layer to change");
    }

    private static <T> T number(
            String name, String text, java.util.function.Function<String, T> reader) {
        try {
            return reader.apply(text);
        } catch (NumberFormatException e) {
            throw usage("%s \"%s\" is not a number", name, text);
        }
    }
}
