package org.quern.model;

import static org.quern.QuernException.given;
import static org.quern.QuernException.usage;

import java.util.Locale;
import java.util.function.Function;

/**
 * The text form of a model's layers, separated by commas:
 *
 * <pre>dense UNITS [ACTIVATION] [glorot|he] | dropout RATE</pre>
 */
public final class ModelText {
    /** The network of the tutorial that Quern starts from: 784-48-15-10 of 28 × 28 pixels. */
    public static final String TUTORIAL =
            "dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10";

    private ModelText() {}

    /**
     * Adds the layers of a {@link Model#text()} to {@code input}.
     *
     * @throws org.quern.QuernException if a layer is not understood; the message names it
     */
    public static Model parse(Model input, String text) {
        Model model = input;
        for (String part : given(text, "text").split(",", -1)) {
            model = model.with(layer(part.trim()));
        }
        model.output();
        return model;
    }

    private static Layer layer(String part) {
        String[] words = part.toLowerCase(Locale.ROOT).split("\\s+");
        if (words[0].equals("dropout") && words.length == 2) {
            return new Layer.Dropout(number(part, words[1], Float::valueOf, "a rate"));
        }
        if (words[0].equals("dense") && words.length >= 2) {
            Activation activation = Activation.LINEAR;
            Init init = Init.GLOROT;
            for (int i = 2; i < words.length; i++) {
                switch (words[i]) {
                    case "glorot" -> init = Init.GLOROT;
                    case "he" -> init = Init.HE;
                    case "softmax" ->
                            throw usage(
                                    "model layer \"%s\": leave softmax out, cross-entropy has it in"
                                            + " it: write \"dense %s\"",
                                    part, words[1]);
                    default -> activation = Activation.parse(words[i]);
                }
            }
            int units = number(part, words[1], Integer::valueOf, "a number of units");
            return new Layer.Dense(units, activation, init);
        }
        throw usage(
                "model layer \"%s\" is not understood: write \"dense 48 relu\" or \"dropout 0.3\","
                        + " separated by commas",
                part);
    }

    private static <T> T number(String part, String word, Function<String, T> parser, String what) {
        try {
            return parser.apply(word);
        } catch (NumberFormatException e) {
            throw usage("model layer \"%s\": \"%s\" is not %s", part, word, what);
        }
    }
}
