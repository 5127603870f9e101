package org.quern.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine;

/**
 * The commands by name. Reading a command's annotations takes picocli some hundredths of a second,
 * so only the one that is asked for is added, or all of them for help and for an unknown name.
 */
final class Commands {
    private static final Map<String, Maker> BY_NAME = new LinkedHashMap<>();

    static {
        BY_NAME.put("explore", (console, interrupts, arguments) -> new ExploreCommand(console));
        BY_NAME.put(
                "train",
                (console, interrupts, arguments) ->
                        new TrainCommand(console, interrupts, EagerLoad.of(console, arguments)));
        BY_NAME.put(
                "sweep", (console, interrupts, arguments) -> new SweepCommand(console, interrupts));
        BY_NAME.put("evaluate", (console, interrupts, arguments) -> new EvaluateCommand(console));
        BY_NAME.put("predict", (console, interrupts, arguments) -> new PredictCommand(console));
        BY_NAME.put("export", (console, interrupts, arguments) -> new ExportCommand(console));
        BY_NAME.put(
                "draw", (console, interrupts, arguments) -> new DrawCommand(console, interrupts));
        BY_NAME.put("report", (console, interrupts, arguments) -> new ReportCommand(console));
        BY_NAME.put("compare", (console, interrupts, arguments) -> new CompareCommand(console));
        BY_NAME.put("bench", (console, interrupts, arguments) -> bench(console));
        BY_NAME.put("summary", (console, interrupts, arguments) -> new SummaryCommand(console));
        BY_NAME.put("gradcheck", (console, interrupts, arguments) -> new GradcheckCommand(console));
        BY_NAME.put("doctor", (console, interrupts, arguments) -> new DoctorCommand(console));
        BY_NAME.put("data", (console, interrupts, arguments) -> data(console));
    }

    private Commands() {}

    /** What makes a command; it may begin what the arguments leave no doubt of. */
    @FunctionalInterface
    private interface Maker {
        Object make(Console console, Interrupts interrupts, String... arguments);
    }

    private static CommandLine data(Console console) {
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

    /** The command that the arguments begin with, or else all, by name. */
    static Map<String, Object> make(Console console, Interrupts interrupts, String... arguments) {
        String asked = arguments.length == 0 ? "" : arguments[0];
        Map<String, Object> made = new LinkedHashMap<>();
        BY_NAME.forEach(
                (name, maker) -> {
                    if (name.equals(asked) || !BY_NAME.containsKey(asked)) {
                        made.put(name, maker.make(console, interrupts, arguments));
                    }
                });
        return made;
    }
}
