package org.quern.train;

import static org.quern.QuernException.usage;

import java.util.Locale;
import org.quern.model.Scaling;

/** The two networks of the tutorial that Quern starts from, for 28 × 28 pixels in ten classes. */
public enum Recipe {
    /** 784-40-10, linear, on raw pixels 0 to 255: 31,810 parameters. */
    FIRST("dense 40, dense 10", Scaling.NONE),
    /** 784-48-15-10 with ReLU and dropout, on pixels / 255: 38,575 parameters. */
    TUTORIAL("dense 48 relu, dropout 0.3, dense 15, dropout 0.3, dense 10", Scaling.UNIT);

    private final String model;
    private final Scaling scaling;

    Recipe(String model, Scaling scaling) {
        this.model = model;
        this.scaling = scaling;
    }

    /** The layers, as {@link org.quern.model.ModelText} reads them. */
    public String model() {
        return model;
    }

    /** How it scales pixels. */
    public Scaling scaling() {
        return scaling;
    }

    /** The name on the command line: lower case. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The recipe of that name; an unknown one is a usage error that lists all. */
    public static Recipe parse(String name) {
        for (Recipe recipe : values()) {
            if (recipe.text().equals(name)) {
                return recipe;
            }
        }
        throw usage("unknown recipe \"%s\": use first or tutorial", name);
    }
}
