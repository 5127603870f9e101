package org.quern.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.quern.data.Mnist;
import org.quern.data.Splits;
import org.quern.report.DataText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code quern data info}. */
@Command(
        name = "info",
        description = "Tells what is in a data set.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  quern data info",
            "  quern data info digits.csv --label digit",
            "  quern data info generated:1000,100"
        })
final class DataInfoCommand implements Callable<Integer> {
    private final Console console;

    @Mixin DataPath path;

    @Mixin HelpOption help;

    DataInfoCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        DataSource source = new DataSource(console);
        String located = path.locate(source);
        Splits splits = path.read(source, located);
        console.about("data", splits.description() + DataText.reading(splits));
        console.about("train", DataText.of(splits.train()));
        RunHeader.manyClasses(console, splits.train());
        if (splits.test() != null) {
            console.about("test", DataText.of(splits.test()));
        }
        if (source.isMnist(located)) {
            console.about("sha256", DataText.differing(Mnist.differing(Path.of(located))));
        }
        return 0;
    }
}
