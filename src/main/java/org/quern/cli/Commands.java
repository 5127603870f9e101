package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiFunction;
import picocli.CommandLine;

/**
 * The commands by name. Reading a command's annotations takes picocli some hundredths of a second,
 * so only the one that is asked for is added, or all of them for help and for an unknown name.
 */
final class Commands {
    private static final Map<String, BiFunction<Console, Interrupts, Object>> BY_NAME =
            new LinkedHashMap<>();

    static {
        BY_NAME.put("explore", (console, interrupts) -> new ExploreCommand(console));
        BY_NAME.put("train", TrainCommand::new);
        BY_NAME.put("sweep", SweepCommand::of);
        BY_NAME.put("evaluate", (console, interrupts) -> new EvaluateCommand(console));
        BY_NAME.put("predict", (console, interrupts) -> new PredictCommand(console));
        BY_NAME.put("export", (console, interrupts) -> new ExportCommand(console));
        BY_NAME.put("draw", DrawCommand::new);
        BY_NAME.put("report", (console, interrupts) -> new ReportCommand(console));
        BY_NAME.put("compare", (console, interrupts) -> new CompareCommand(console));
        BY_NAME.put("bench", (console, interrupts) -> bench(console));
        BY_NAME.put("summary", (console, interrupts) -> new SummaryCommand(console));
        BY_NAME.put("gradcheck", (console, interrupts) -> new GradcheckCommand(console));
        BY_NAME.put("doctor", (console, interrupts) -> new DoctorCommand(console));
        BY_NAME.put("data", Commands::data);
    }

    private Commands() {}

    private static CommandLine data(Console console, Interrupts interrupts) {
        return new CommandLine(new DataCommand())
                .addSubcommand(new DataFetchCommand(console))
                .addSubcommand(new DataInfoCommand(console));
    }

    private static CommandLine bench(Console console) {
        return new CommandLine(new BenchCommand(console))
                .addSubcommand(new BenchKernelsCommand(console))
                .addSubcommand(new BenchStepsCommand(console))
                .addSubcommand(new BenchMnistCommand(console));
    }

    static void add(
            CommandLine line,
            Console console,
            Interrupts interrupts,
            EagerLoad begun,
            String... arguments) {
        String asked = arguments.length == 0 ? "" : arguments[0];
        BY_NAME.forEach(
                (name, command) -> {
                    if (name.equals(asked) || !BY_NAME.containsKey(asked)) {
                        Object made = command.apply(console, interrupts);
                        if (made instanceof TrainCommand train) {
                            train.begun = begun;
                        }
                        line.addSubcommand(name, made);
                    }
                });
    }
}
