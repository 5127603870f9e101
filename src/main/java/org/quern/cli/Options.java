package org.quern.cli;

import static org.quern.QuernException.expect;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
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
import picocli.CommandLine.Help;
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

        /** The command as it was given, for a shell to repeat. */
        String words() {
            return command.commandLine().getParseResult().originalArgs().stream()
                    .map(word -> word.matches("[\\w@%+=:,./~-]+") ? word : quoted(word))
                    .collect(Collectors.joining(" ", "quern ", ""));
        }

        private static String quoted(String word) {
            return "'" + word.replace("'", "'\\''") + "'";
        }
    }

    /** What commands that train have besides. */
    static final class Trains {
        /** What the brief help shows: all else is under --help-all. */
        private static final Set<String> BRIEF =
                Set.of(
                        ("data label validation folds recipe model width dropout loss optimizer lr"
                                        + " batch epochs early-stopping seed seeds backend device out"
                                        + " resume save report watch gallery shard collect csv json quiet"
                                        + " help help-all")
                                .split(" "));

        @Option(
                names = {"-q", "--quiet"},
                description = "Print notes and results only.")
        boolean quiet;

        @Option(names = "--help-all", description = "Show all options.")
        boolean all;

        Console console(Common common) {
            return quiet ? common.console().quietly() : common.console();
        }

        /** The list of options of a command's help, in groups. */
        static String grouped(Help help) {
            List<OptionSpec> options = help.commandSpec().options();
            boolean all = help.commandSpec().findOption("--help-all").getValue();
            Map<String, List<OptionSpec>> groups = new LinkedHashMap<>();
            Setting.Group.headings().forEach(heading -> groups.put(heading, new ArrayList<>()));
            for (OptionSpec option : options) {
                String name = option.longestName().substring(2);
                Setting<?> setting = Setting.named(name);
                boolean about = name.startsWith("help") || name.equals("stacktrace");
                String other = name.equals("seeds") ? "Training" : about ? "Help" : "Output";
                if (all || BRIEF.contains(name)) {
                    String heading = setting == null ? other : setting.heading();
                    groups.computeIfAbsent(heading, any -> new ArrayList<>()).add(option);
                }
            }
            StringBuilder text = new StringBuilder();
            groups.forEach(
                    (heading, list) -> {
                        Help.Layout layout =
                                help.createDefaultLayout(options, List.of(), help.colorScheme());
                        layout.addOptions(list, help.parameterLabelRenderer());
                        text.append('\n').append(heading).append(":\n").append(layout);
                    });
            return text.toString();
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
                paramLabel = "HxW",
                hideParamSyntax = true,
                split = "x",
                description = "Shape of one example, for --model (28x28).")
        int[] input;

        Network() {
            super(false, Group.NETWORK);
        }

        boolean isGiven() {
            return input != null || !given().isEmpty();
        }

        /** As in training, only pixels are divided by 255 where nobody says how to scale. */
        TrainingConfig config() {
            int[] shape = input == null ? new int[] {28, 28} : input;
            boolean asIs = shape.length == 1 && !given().containsKey(Setting.SCALE.name());
            RunSettings scaled =
                    asIs ? settings().with(Map.of(Setting.SCALE.name(), "1")) : settings();
            return scaled.config(shape);
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

    /** What runs, sweeps and data sets keep in their folders. */
    private static final Pattern OWN =
            Pattern.compile(
                    "(history|train|test)\\.csv|.*\\.(safetensors|json|npz)|.*-ubyte(\\.gz)?");

    /** The same; also refuses to write over what the command reads, or over what is in it. */
    static void checkOutputs(Collection<Path> read, Path... files) {
        for (Path file : files) {
            if (file != null && Files.exists(file)) {
                Path real = real(file);
                boolean own = OWN.matcher(String.valueOf(file.getFileName())).matches();
                for (Path one : read) {
                    Path of = one == null || !Files.exists(one) ? null : real(one);
                    boolean over = real.equals(of) || own && real.getParent().equals(of);
                    expect(!over, "%s belongs to what this command reads: name another file", file);
                }
            }
        }
        checkWritable(files);
    }

    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException e) {
            throw QuernException.data(e, "%s: %s", path, AtomicFile.reason(e));
        }
    }

    /** A path that may be empty, which is none. */
    static Path path(String text) {
        return text.isEmpty() ? null : Path.of(text);
    }
}
