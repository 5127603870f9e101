package org.quern.cli;

import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.quern.QuernException;
import org.quern.backend.Backends;
import org.quern.files.AtomicFile;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Setting.Group;
import org.quern.train.Predictor;
import org.quern.train.TrainingConfig;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

final class Options {
    private Options() {}

    /** What every command has: the option that shows its help, and the world outside. */
    static final class Common {
        @Spec(Target.MIXEE)
        CommandSpec command;

        @Option(
                names = {"-h", "--help"},
                usageHelp = true,
                description = "Show this help.")
        boolean help;

        Quern quern() {
            return (Quern) command.root().userObject();
        }

        Console console() {
            return quern().console;
        }
    }

    /** Those that are settings, made from their table. */
    static class Settings {
        @Mixin final CommandSpec options = CommandSpec.create();

        /** With a text for each that may be a list of values, if they are lists. */
        Settings(boolean lists, Group... groups) {
            for (Setting<?> setting : Setting.of(groups)) {
                boolean flag = setting.type() == Boolean.class;
                options.addOption(
                        OptionSpec.builder("--" + setting.name())
                                .type(lists && !flag ? String.class : setting.type())
                                .paramLabel(setting.label())
                                .description(setting.help())
                                .build());
            }
        }

        Map<String, Object> given() {
            Map<String, Object> given = new LinkedHashMap<>();
            for (OptionSpec option : options.options()) {
                if (option.getValue() != null) {
                    given.put(option.longestName().substring(2), option.getValue());
                }
            }
            return given;
        }

        /** A run's settings as they say, all else as if nobody said otherwise. */
        RunSettings settings() {
            return RunSettings.DEFAULT.with(given());
        }
    }

    /** A network's, with the shape of its input. */
    static final class Network extends Settings {
        @Option(
                names = "--input",
                paramLabel = "EXTENTS",
                split = "x",
                description = "Shape of one example, for --model (28x28).")
        int[] input;

        Network() {
            super(false, Group.NETWORK);
        }

        boolean isGiven() {
            return input != null || !given().isEmpty();
        }

        TrainingConfig config() {
            return settings().config(input == null ? new int[] {28, 28} : input);
        }
    }

    static final class Running extends Settings {
        Running() {
            super(false, Group.RUNNING);
        }

        Predictor predictor(SavedModel model) {
            return predictor(model, settings().choose());
        }

        Predictor predictor(SavedModel of, Backends.Choice on) {
            return new Predictor(
                    of.model(), of.loss(), of.parameters(), on.backend(), settings().options());
        }
    }

    /** Shows the help to somebody who has not said which of the commands is meant. */
    static int usage(CommandSpec of) {
        of.commandLine().usage(of.commandLine().getOut());
        return QuernException.Kind.USAGE.exitCode();
    }

    /** Refuses files that cannot be written, before anything is done; null is a file not wanted. */
    static void checkWritable(Path... files) {
        Stream.of(files).filter(Objects::nonNull).forEach(AtomicFile::check);
    }

    /**
     * What somebody probably meant to type: the word with the least edit distance (Levenshtein, a
     * swap of neighbours counting as one), if that is at most a third of its length, but 2 at
     * least; as a question, or else {@code otherwise}.
     */
    static String nearest(String typed, Collection<String> words, String otherwise) {
        return words.stream()
                .filter(word -> distance(typed, word) <= Math.max(2, typed.length() / 3))
                .min(Comparator.comparingInt(word -> distance(typed, word)))
                .map("did you mean \"%s\"?"::formatted)
                .orElse(otherwise);
    }

    private static int distance(String a, String b) {
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                d[i][j] =
                        Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + change);
                if (i > 1
                        && j > 1
                        && a.charAt(i - 1) == b.charAt(j - 2)
                        && a.charAt(i - 2) == b.charAt(j - 1)) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
