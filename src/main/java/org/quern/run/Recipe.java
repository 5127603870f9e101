package org.quern.run;

import static org.quern.QuernException.usage;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.quern.model.ModelText;
import org.quern.model.Scaling;

/**
 * Settings that are known to do well together, for 28 × 28 pixels in ten classes: the two networks
 * of the tutorial that Quern starts from, and for each rung of test accuracy on MNIST the fastest
 * way there that was found (bench/results; {@code quern bench mnist} runs them).
 */
public enum Recipe {
    /** 784-40-10, linear, on raw pixels 0 to 255: 31,810 parameters. */
    FIRST("first", 0.85, "dense 40, dense 10", Scaling.NONE),
    /** 784-48-15-10 with ReLU and dropout, on pixels / 255: 38,575 parameters. */
    TUTORIAL("tutorial", 0.9597, ModelText.TUTORIAL, Scaling.UNIT),
    PERCENT_97("97", 0.97, "dense 96 relu, dense 10", 2, 0.005, "none"),
    PERCENT_98("98", 0.98, "dense 192 relu, dense 10", 4, 0.004, "none"),
    PERCENT_98_5(
            "98.5",
            0.985,
            "dense 192 relu, dense 96 relu, dense 10",
            5,
            0.004,
            "rotate 5, scale 0.05, shift 1, bend 1"),
    PERCENT_99(
            "99",
            0.99,
            "dense 512 relu, dense 256 relu, dense 10",
            12,
            0.002,
            "rotate 6, scale 0.07, shift 1, bend 1.2");

    private final String text;
    private final double accuracy;

    /** All that it settles, by the names of {@link Setting}s. */
    final Map<String, Object> settings = new HashMap<>();

    Recipe(String text, double accuracy, String model, Scaling scaling) {
        this.text = text;
        this.accuracy = accuracy;
        settings.put("model", model);
        settings.put("scale", scaling.scale());
        settings.put("shift", scaling.shift());
    }

    Recipe(String text, double accuracy, String model, int epochs, double rate, String distort) {
        this(text, accuracy, model, Scaling.UNIT);
        settings.put("batch", 64);
        settings.put("epochs", epochs);
        settings.put("lr", rate);
        settings.put("schedule", "cosine");
        settings.put("distort", distort);
    }

    /** The test accuracy on MNIST that it is for: for the tutorial's, what the tutorial got. */
    public double accuracy() {
        return accuracy;
    }

    public String text() {
        return text;
    }

    /** The recipe of that name; an unknown one is a usage error that lists all. */
    public static Recipe parse(String name) {
        for (Recipe recipe : values()) {
            if (recipe.text.equals(name)) {
                return recipe;
            }
        }
        throw usage(
                "unknown recipe \"%s\": use one of %s",
                name, Arrays.stream(values()).map(Recipe::text).collect(Collectors.joining(", ")));
    }
}
