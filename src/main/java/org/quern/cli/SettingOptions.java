package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.quern.backend.Backends;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.train.Predictor;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Options that are settings, made from their table; a command has them as a mixin. */
final class SettingOptions {
    private SettingOptions() {}

    /** The settings of some groups as options. */
    static CommandSpec of(Setting.Group... groups) {
        CommandSpec options = CommandSpec.create();
        for (Setting<?> setting : Setting.of(groups)) {
            options.addOption(option(setting, setting.type()));
        }
        return options;
    }

    /** The same, each for a text that may be a list of values. */
    static CommandSpec lists(Setting.Group... groups) {
        CommandSpec options = CommandSpec.create();
        for (Setting<?> setting : Setting.of(groups)) {
            boolean flag = setting.type() == Boolean.class;
            options.addOption(option(setting, flag ? Boolean.class : String.class));
        }
        return options;
    }

    private static OptionSpec option(Setting<?> setting, Class<?> type) {
        return OptionSpec.builder("--" + setting.name())
                .type(type)
                .paramLabel(setting.label())
                .description(setting.help())
                .build();
    }

    /** What was given of some options, by the settings' names. */
    static Map<String, Object> given(CommandSpec options) {
        Map<String, Object> given = new LinkedHashMap<>();
        for (OptionSpec option : options.options()) {
            if (option.getValue() != null) {
                given.put(option.longestName().substring(2), option.getValue());
            }
        }
        return given;
    }

    /** A run's settings as some options say, all else as nobody said otherwise. */
    static RunSettings settings(CommandSpec options) {
        return RunSettings.DEFAULT.with(given(options));
    }

    /** A model loaded onto the backend that was chosen. */
    static Predictor predictor(SavedModel model, RunSettings settings, Backends.Choice choice) {
        return new Predictor(
                model.model(),
                model.loss(),
                model.parameters(),
                choice.backend(),
                settings.options());
    }
}
