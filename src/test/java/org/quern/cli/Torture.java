package org.quern.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Attacks on the program, each try a process or two in a folder of its own: {@code Torture JAR
 * TOOLS SECONDS ATTACK...}. What it is and how long it takes: {@code ci/torture --help}. Prints
 * what went wrong and how many tries there were.
 */
public final class Torture {
    private static final AtomicInteger PROBLEMS = new AtomicInteger();

    private Torture() {}

    public static void main(String[] arguments) {
        try {
            System.exit(attack(arguments));
        } catch (AssertionError | Exception e) {
            e.printStackTrace();
            System.exit(2); // threads of servers go on
        }
    }

    private static int attack(String[] arguments) throws Exception {
        Path tools = Path.of(arguments[1]);
        List<String> attacks = List.of(arguments).subList(3, arguments.length);
        long seconds = Long.parseLong(arguments[2]) / attacks.size();
        Path scratch = Path.of(System.getenv("XDG_CACHE_HOME")).getParent().toRealPath();
        TortureJobs jobs = new TortureJobs(arguments[0], tools, scratch);
        FaultAttacks faults = new FaultAttacks(jobs, seconds);
        for (String attack : attacks) {
            long began = System.nanoTime();
            String done =
                    switch (attack) {
                        case "kills" -> faults.chains("kill");
                        case "faults" -> faults.faults();
                        case "power" -> faults.chains("power");
                        case "two" -> faults.two();
                        case "launcher" -> new LauncherAttack(scratch).attack();
                        case "connections" -> new PageAttack(jobs).attack();
                        case "native" ->
                                NetworksAttack.attack(arguments[0], tools, scratch, seconds);
                        default -> throw new IllegalArgumentException(attack);
                    };
            long took = (System.nanoTime() - began) / 1_000_000_000;
            System.out.printf("%s: %s, in %d s%n", attack, done, took);
        }
        System.out.printf("%d problems%n", PROBLEMS.get());
        return PROBLEMS.get() == 0 ? 0 : 1;
    }

    /** Tells of what is not as it must be; the attack goes on. */
    static void problem(String text, Object... arguments) {
        PROBLEMS.incrementAndGet();
        System.out.println("PROBLEM: " + text.formatted(arguments));
    }

    static void check(boolean isSo, String text, Object... arguments) {
        if (!isSo) {
            throw new AssertionError(text.formatted(arguments));
        }
    }
}
