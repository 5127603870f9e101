package org.quern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** No command writes over what it reads. */
class OverwriteTest {
    private static final String TRAIN = "--model=dense 2 --epochs=1 --backend=java --quiet";

    @TempDir static Path folder;

    private static Cli.Outcome run(String line) {
        String[] words = line.replace("dense 2", "dense_2").split(" ");
        for (int i = 0; i < words.length; i++) {
            words[i] = words[i].replace("@", folder + "/").replace("dense_2", "dense 2");
        }
        return new Cli(folder).run(words);
    }

    @BeforeAll
    static void make() throws IOException {
        StringBuilder table = new StringBuilder("a,b,label\n");
        for (int row = 0; row < 40; row++) {
            table.append(row).append(',').append(40 - row).append(',').append(row % 2).append('\n');
        }
        Files.writeString(folder.resolve("t.csv"), table);
        Files.createSymbolicLink(folder.resolve("link.csv"), folder.resolve("t.csv"));
        String train = "train --data=@t.csv --save=@m.safetensors --out=@run " + TRAIN;
        assertThat(run(train).err()).isEmpty();
        String sweep = "sweep --data=@t.csv --seeds=2 --out=@sweep " + TRAIN;
        assertThat(run(sweep).err()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "train --data=@t.csv --report @t.csv " + TRAIN,
                "train --data=@t.csv --save @link.csv " + TRAIN,
                "train --resume=@run --epochs=2 --save @run/last.safetensors",
                "sweep --data=@t.csv --seeds=2 " + TRAIN + " --csv @t.csv",
                "sweep --collect=@sweep --csv @sweep/sweep.json",
                "predict @m.safetensors @t.csv --out @t.csv",
                "predict @m.safetensors @t.csv --out @m.safetensors",
                "predict @run @t.csv --out @run/last.state.safetensors",
                "report @run --out @run/run.json",
                "report @run --data @t.csv --out @t.csv",
                "compare @run @sweep/0001 --out @run/run.json",
                "export @m.safetensors --onnx @m.safetensors"
            })
    void whatIsReadIsNotWrittenOver(String line) throws IOException {
        Path out =
                Path.of(
                        line.replaceAll(
                                ".*--(report|save|csv|out|onnx) @(\\S+).*", folder + "/$2"));
        byte[] before = Files.readAllBytes(out);
        Cli.Outcome outcome = run(line);
        assertThat(outcome.err())
                .isEqualTo(
                        "quern: %s belongs to what this command reads: name another file%n"
                                .formatted(out));
        assertThat(outcome.code()).isEqualTo(2);
        assertThat(out).hasBinaryContent(before);
    }
}
