package org.quern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.Jvm;
import org.quern.Rounds;
import org.quern.backend.Usable;

/** A program's mistake ends in an exception with a sentence, and never ends the process. */
class MisuseTest {
    private static final Pattern SENTENCE = Pattern.compile(".+: QuernException: \\S+( \\S+){3,}");

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "opencl", "cuda", "java"})
    void everyMistakeIsAnExceptionWithASentence(String backend) throws IOException {
        Usable.named(backend);
        for (Rounds rounds = new Rounds("misuse of " + backend, 1); rounds.goOn(); ) {
            Jvm.Outcome outcome =
                    new Jvm(folder)
                            .with("XDG_CACHE_HOME", System.getenv("XDG_CACHE_HOME"))
                            .run(Misuse.class, backend, Integer.toString(rounds.round()));
            List<String> lines = outcome.out().lines().toList();
            String all = outcome.out() + outcome.err();
            assertThat(outcome.code()).as(all).isZero();
            assertThat(lines).as(all).hasSizeGreaterThan(60).endsWith("alive");
            assertThat(lines.subList(0, lines.size() - 1))
                    .allMatch(line -> SENTENCE.matcher(line).matches());
            assertThat(outcome.err()).isEmpty();
        }
    }
}
