package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/** The options that describe a model. */
final class ModelOptions {
    @Option(
            names = "--recipe",
            paramLabel = "NAME",
            description =
                    "first: 784-40-10, linear, raw pixels; tutorial: 784-48-15-10 with ReLU and"
                            + " dropout, pixels / 255; 97, 98, 98.5, 99: the fastest known way to"
                            + " that accuracy on MNIST, in percent (tutorial).")
    String recipe;

    @Option(
            names = "--model",
            paramLabel = "LAYERS",
            description = "Such as \"dense 48 relu, dropout 0.3, dense 10\".")
    String model;

    @Option(
            names = "--scale",
            paramLabel = "X",
            description = "What raw input is multiplied by (pixels 0 to 255: 1/255; else 1).")
    Float scale;

    @Option(names = "--shift", paramLabel = "X", description = "What is then added (0).")
    Float shift;

    /** The options that were given, as settings by name. */
    Map<String, String> given() {
        Map<String, String> given = new LinkedHashMap<>();
        put(given, "recipe", recipe);
        put(given, "model", model);
        put(given, "scale", scale);
        put(given, "shift", shift);
        return given;
    }

    private static void put(Map<String, String> given, String name, Object value) {
        if (value != null) {
            given.put(name, value.toString());
        }
    }
}
