package org.quern.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.io.SafeTensors;

/** The examples run, each as a program of its own, and do what they say. */
@Tag("jdk")
class ExamplesTest {
    @TempDir Path folder;

    private String run(Class<?> example, Object... arguments) throws IOException {
        String[] texts = new String[arguments.length];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = arguments[i].toString();
        }
        Jvm.Outcome outcome = new Jvm(folder).run(example, texts);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        return outcome.out();
    }

    private static double number(String label, String text) {
        Matcher matcher = Pattern.compile(label + " ([0-9.]+)").matcher(text);
        assertThat(matcher.find()).as(text).isTrue();
        return Double.parseDouble(matcher.group(1));
    }

    @Test
    void trainThenServe() throws IOException {
        Path model = folder.resolve("digits.safetensors");
        String trained = run(Train.class, model);
        assertThat(trained.lines()).hasSize(6);
        assertThat(number("test accuracy", trained)).isBetween(0.85, 1.0);
        assertThat(Files.size(model)).isGreaterThan(4 * 38_575);
        assertThat(number("right", run(Serve.class, model, 3))).isBetween(0.85, 1.0);
    }

    @Test
    void withoutAFileTheySayWhatTheyNeed() throws IOException {
        Jvm.Outcome train = new Jvm(folder).run(Train.class);
        assertThat(train.err().strip()).isEqualTo("Train MODEL [FOLDER]: say which file to write");
        assertThat(train.code()).isEqualTo(2);
        Jvm.Outcome records = new Jvm(folder).run(Records.class);
        assertThat(records.err().strip()).isEqualTo("Records MODEL: say which file to write");
        assertThat(records.code()).isEqualTo(2);
        Jvm.Outcome serve = new Jvm(folder).run(Serve.class);
        assertThat(serve.err()).startsWith("Serve MODEL [THREADS]: ").hasLineCount(1);
        assertThat(serve.code()).isEqualTo(2);
    }

    @Test
    void records() throws IOException {
        Path model = folder.resolve("prices.safetensors");
        String told = run(Records.class, model);
        assertThat(number("R2", told)).isBetween(0.97, 1.0);
        assertThat(number("a villa for", told)).isBetween(1_000_000.0, 1_200_000.0);
        assertThat(told)
                .contains("\nnote: area: 1 of 1 rows lie far outside ")
                .contains("\nnote: age: 1 of 1 rows lie far outside 0 to 79,")
                .hasLineCount(7);
        assertThat(SafeTensors.read(model).metadata()).containsEntry("note.label", "price");
    }

    @Test
    void jdbc() throws IOException {
        String told = run(Jdbc.class);
        assertThat(number("test accuracy", told)).isBetween(0.93, 1.0);
        assertThat(number("customers that will leave:", told)).isBetween(80.0, 160.0);
    }

    @Test
    void customData() throws IOException {
        assertThat(number("test accuracy", run(CustomData.class))).isBetween(0.97, 1.0);
    }
}
