package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.quern.backend.Backends;
import org.quern.io.ModelFile.SavedModel;
import org.quern.run.RunSettings;
import org.quern.run.Setting;
import org.quern.run.Setting.Group;
import org.quern.train.Predictor;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Options that are settings, made from their table. */
class SettingOptions {
    @Mixin final CommandSpec options = CommandSpec.create();

    /** With a text for each that may be a list of values, if they are lists. */
    SettingOptions(boolean lists, Group... groups) {
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

    /** Those that describe a model. */
    static final class Network extends SettingOptions {
        Network() {
            super(false, Group.NETWORK);
        }
    }

    /** Those that say what a CSV file does not. */
    static final class Table extends SettingOptions {
        Table() {
            super(false, Group.TABLE);
        }
    }

    /** Those that say what to run on. */
    static final class Running extends SettingOptions {
        Running() {
            super(false, Group.RUNNING);
        }

        /** A model loaded onto the backend that is asked for. */
        Predictor predictor(SavedModel model) {
            return predictor(model, settings().choose());
        }

        Predictor predictor(SavedModel of, Backends.Choice on) {
            return new Predictor(
                    of.model(), of.loss(), of.parameters(), on.backend(), settings().options());
        }
    }

    /** What was given of them, by the settings' names. */
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
