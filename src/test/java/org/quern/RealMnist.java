package org.quern;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.quern.data.DataReader;
import org.quern.data.Mnist;
import org.quern.data.Splits;

/** The real MNIST, for tests that need it. */
public final class RealMnist {
    private static final Path BESIDE = Path.of("..", "shared", "mnist");
    private static Splits loaded;

    private RealMnist() {}

    /**
     * The folder that holds MNIST: {@code QUERN_MNIST}, the user's cache, or {@code
     * ../shared/mnist}. Where there is none the calling test is skipped, or fails with {@code
     * -Dquern.mnist.required=true}, as in CI.
     */
    public static Path folder() {
        Map<String, String> environment = new HashMap<>(System.getenv());
        if (!environment.containsKey(Mnist.VARIABLE) && Mnist.isIn(BESIDE)) {
            return BESIDE;
        }
        return Mnist.find(environment)
                .orElseGet(
                        () -> {
                            String reason =
                                    "the real MNIST is not here: set QUERN_MNIST to its folder, or"
                                            + " run ./quern data fetch mnist";
                            if (Boolean.getBoolean("quern.mnist.required")) {
                                Assertions.fail(reason);
                            }
                            Assumptions.abort(reason);
                            throw new AssertionError("not reached");
                        });
    }

    /** The data, read once. */
    public static synchronized Splits splits() {
        if (loaded == null) {
            loaded = DataReader.read(folder());
        }
        return loaded;
    }
}
