package org.quern.cli;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Ends a process that is told to (Ctrl-C, SIGTERM, SIGHUP) without losing work: what runs and has
 * asked to be told comes to an end, and then the main class. Where nothing has, and when it is told
 * once more, the process ends at once. The exit code is what shells expect of one that a signal
 * ended: 128 and its number.
 */
final class Interrupts {
    private static final Map<String, Integer> SIGNALS = Map.of("INT", 2, "TERM", 15, "HUP", 1);

    private Runnable action;
    private int signal; // that told it; 0: none yet

    Interrupts install() {
        SIGNALS.keySet().forEach(this::install);
        return this;
    }

    private void install(String name) {
        try {
            Signal one = new Signal(name);
            SignalHandler before = Signal.handle(one, told -> tell(told.getNumber()));
            if (before.equals(SignalHandler.SIG_IGN)) {
                Signal.handle(one, before); // as under nohup, and in a shell's background
            }
        } catch (IllegalArgumentException e) {
            return; // not a signal of this system, or left to it by -Xrs: it ends the process
        }
    }

    private void tell(int number) {
        synchronized (this) {
            if (signal != 0) {
                Runtime.getRuntime().halt(128 + number);
            }
            signal = number;
            if (action != null) {
                System.err.println("quern: stopping; once more stops at once");
                action.run();
                return;
            }
        }
        System.exit(128 + number);
    }

    /** Runs work; if told to end meanwhile, calls {@code end} and goes on. */
    <T> T during(Supplier<T> work, Runnable end) {
        set(end);
        try {
            return work.get();
        } finally {
            set(null);
        }
    }

    private synchronized void set(Runnable newAction) {
        action = newAction;
    }

    /** The exit code of a process that was to end with {@code code}. */
    synchronized int exitCode(int code) {
        return signal == 0 ? code : 128 + signal;
    }

    void await() {
        CompletableFuture<Void> told = new CompletableFuture<>();
        during(told::join, () -> told.complete(null));
    }
}
