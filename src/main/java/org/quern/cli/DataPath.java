package org.quern.cli;

import org.quern.data.Splits;
import org.quern.run.Setting;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;

/** The options that say which data is to be looked at. */
final class DataPath {
    @Parameters(
            arity = "0..1",
            paramLabel = "PATH",
            description = "As for train --data. Default: what train takes.")
    String path = "";

    @Mixin final CommandSpec table = SettingOptions.of(Setting.Group.TABLE);

    /** Where the data is: see {@link DataSource#locate}. */
    String locate(DataSource source) {
        return source.locate(path);
    }

    /** Reads what was located. */
    Splits read(DataSource source, String located) {
        return source.read(SettingOptions.settings(table), located);
    }
}
