package org.quern.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.quern.QuernException;
import org.quern.data.Digits;
import org.quern.run.RunSettings;
import org.quern.run.Training;

/** Random networks, with the C compiled for sanitizers: {@code NetworksAttack SECONDS MOST}. */
final class NetworksAttack {
    private NetworksAttack() {}

    /**
     * Random networks, with the C compiled for each sanitizer: {@code tools} has a folder of each.
     */
    static String attack(String jar, Path tools, Path scratch, long seconds) throws Exception {
        List<String> done = new ArrayList<>();
        Path suppressed = scratch.resolve("suppressed"); // the JVM is not compiled so
        Files.writeString(
                suppressed,
                "race:libjvm.so\nrace:libjimage.so\nrace:libjava.so\nrace:libzip.so\nrace:libnio.so\n");
        // ThreadSanitizer takes ten times as long, for what few networks show already
        Map<String, Integer> most = new TreeMap<>(Map.of("asan", 1000, "tsan", 100));
        for (String kind : most.keySet()) {
            Path out = scratch.resolve(kind + ".log");
            List<String> command = new ArrayList<>(List.of("setarch", "-R"));
            command.addAll(List.of(System.getProperty("java.home") + "/bin/java"));
            command.addAll(
                    List.of(
                            "-XX:+UseSerialGC",
                            "-XX:TieredStopAtLevel=1",
                            "-Xmx512m",
                            "-Xshare:off"));
            command.addAll(
                    List.of(
                            "-cp",
                            tools.resolve(kind)
                                    + ":"
                                    + jar
                                    + ":"
                                    + System.getProperty("java.class.path")));
            command.addAll(
                    List.of(
                            NetworksAttack.class.getName(),
                            Long.toString(seconds * (kind.equals("asan") ? 3 : 1) / 4),
                            most.get(kind).toString()));
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
            Map<String, String> environment = builder.environment();
            environment.put("XDG_CACHE_HOME", scratch.resolve(kind).toString());
            environment.put(
                    "LD_PRELOAD", Files.readString(tools.resolve(kind + "/preload")).strip());
            environment.put("ASAN_OPTIONS", "handle_segv=0:detect_leaks=0:exitcode=77");
            environment.put("UBSAN_OPTIONS", "halt_on_error=1:exitcode=77:print_stacktrace=1");
            environment.put(
                    "TSAN_OPTIONS",
                    "handle_segv=0:exitcode=77:report_signal_unsafe=0:suppressions=" + suppressed);
            Process process = builder.redirectOutput(out.toFile()).start();
            process.waitFor();
            String said = Files.readString(out);
            Matcher networks = Pattern.compile("(?m)^(\\d+) networks$").matcher(said);
            if (process.exitValue() != 0
                    || !networks.find()
                    || said.contains("Sanitizer")
                    || said.contains("runtime error")) {
                Torture.problem("%s: exit code %d%n%s", kind, process.exitValue(), said);
            } else {
                done.add(networks.group(1) + " networks with " + kind);
            }
        }
        return String.join(", ", done);
    }

    /** Trains networks that chance chooses, until time is up or there were enough. */
    public static void main(String[] arguments) {
        long end = System.nanoTime() + Long.parseLong(arguments[0]) * 1_000_000_000;
        int most = Integer.parseInt(arguments[1]);
        int networks = 0;
        for (; networks < most && System.nanoTime() < end; networks++) {
            Random random = new Random(networks);
            StringBuilder model = new StringBuilder();
            for (int layers = random.nextInt(4); layers > 0; layers--) {
                String[] activations = {"", " relu", " tanh", " sigmoid", " gelu", " silu"};
                model.append("dense ")
                        .append(1 + random.nextInt(random.nextInt(10) == 0 ? 300 : 40));
                model.append(activations[random.nextInt(activations.length)]).append(", ");
                model.append(
                        random.nextInt(3) == 0
                                ? "dropout 0.%d, ".formatted(1 + random.nextInt(8))
                                : "");
            }
            String[] optimizers = {"sgd", "adam", "lion"};
            Map<String, Object> settings = new LinkedHashMap<>();
            boolean numbers = random.nextInt(4) == 0; // to predict, not classes
            settings.put("model", model + (numbers ? "dense 1" : "dense 10"));
            settings.put("optimizer", optimizers[random.nextInt(optimizers.length)]);
            settings.put("weight-decay", random.nextBoolean() ? 0 : 0.01);
            settings.put(
                    "momentum",
                    settings.get("optimizer").equals("sgd") && random.nextBoolean() ? 0.9 : 0);
            settings.put("loss", numbers ? "mse" : "cross-entropy");
            settings.put("batch", 1 + random.nextInt(random.nextBoolean() ? 8 : 200));
            settings.put("epochs", 1 + random.nextInt(2));
            settings.put("seed", random.nextLong());
            settings.put("validation", random.nextBoolean() ? 0 : 0.2);
            settings.put(
                    "distort",
                    random.nextInt(5) == 0 ? "rotate 6, scale 0.07, shift 1, bend 1.2" : "none");
            settings.put("lr", random.nextInt(10) == 0 ? 1e6 : 1e-3); // NaN and infinity as well
            settings.put("threads", 1 + random.nextInt(4));
            settings.put("backend", "cpu");
            settings.values().removeIf(value -> value.equals(0));
            RunSettings all = RunSettings.DEFAULT.with(settings);
            try (Training training =
                    Training.open(
                            Digits.generate("digits", 20 + random.nextInt(300), 0, networks),
                            all)) {
                training.fit();
                training.test();
            } catch (QuernException e) {
                if (!e.getMessage().contains("diverged")) {
                    throw new AssertionError(settings + ": " + e.getMessage(), e);
                }
            }
        }
        System.out.println(networks + " networks");
    }
}
