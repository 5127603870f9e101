package org.quern.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    private static JsonObject run(String text) {
        return JsonParser.parseString(text).getAsJsonObject();
    }

    @Test
    void twoRuns() {
        JsonObject first =
                run(
                        "{quern: 1, batch: 32, seed: 1, epochsAsked: 2, parameters: 7850,"
                                + " epochs: [{loss: 0.5, stepMicros: 10}, {loss: 0.25, stepMicros:"
                                + " 11}], bestEpoch: 2, seconds: {total: 1.5}, test: {loss: 0.3,"
                                + " accuracy: 0.9, wrongPerClass: [3, 1500]}}");
        JsonObject second =
                run("{quern: 1, batch: 64, seed: 1, epochsAsked: 2, parameters: 7850, epochs: []}");
        assertThat(Comparison.of(List.of("first", "b"), List.of(first, second)).text() + "\n")
                .isEqualTo(
                        """
                                        first       b
                        test accuracy  0.9000       -
                        wrong           1,503       -
                        test loss      0.3000       -
                        best epoch          2       -
                        epochs         2 of 2  0 of 2
                        last loss      0.2500       -
                        us a step        11.0       -
                        seconds          1.50       -
                        parameters      7,850   7,850

                        settings that differ
                        batch              32      64
                        """);
    }
}
