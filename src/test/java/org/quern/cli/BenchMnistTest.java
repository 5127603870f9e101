package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.RealMnist;

@Tag("slow")
class BenchMnistTest {
    /** Other instruction sets round otherwise; all seeds that were tried lie above the rung. */
    private static final double ROOM = 0.001;

    @TempDir Path folder;

    @Test
    @Tag("slow")
    void everyRecipeReachesItsRung() throws IOException {
        Path json = folder.resolve("mnist.json");
        Cli.Outcome outcome =
                new Cli(folder)
                        .run(
                                "bench",
                                "mnist",
                                "--data",
                                RealMnist.folder().toString(),
                                "--seeds",
                                "1",
                                "--json",
                                json.toString());
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(outcome.lines()).hasSize(8);
        JsonObject all = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
        List<String> recipes = new ArrayList<>();
        for (JsonElement each : all.getAsJsonArray("runs")) {
            JsonObject run = each.getAsJsonObject();
            String recipe = run.get("recipe").getAsString();
            recipes.add(recipe);
            assertThat(run.get("accuracy").getAsDouble())
                    .as("accuracy of recipe %s", recipe)
                    .isGreaterThanOrEqualTo(Double.parseDouble(recipe) / 100 - ROOM);
        }
        assertThat(recipes).containsExactly("97", "98", "98.5", "99");
    }

    @Test
    void saysWhatIsWrong() {
        for (String[] wrong :
                new String[][] {
                    {"--seeds", "0", "seeds 0: give 1 or more"},
                    {
                        "--rung",
                        "96",
                        "unknown recipe \"96\": use one of first, tutorial, 97, 98, 98.5, 99"
                    }
                }) {
            Cli.Outcome outcome = new Cli(folder).run("bench", "mnist", wrong[0], wrong[1]);
            assertThat(outcome.err()).isEqualTo("quern: " + wrong[2] + System.lineSeparator());
            assertThat(outcome.code()).isEqualTo(2);
        }
    }
}
