package org.quern.cli;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Ends a process that is told to (Ctrl-C, SIGTERM, SIGHUP) without losing work: the JVM's shutdown
 * waits, but only while something runs that has asked to be told, and until the main class has said
 * its last line. Otherwise, and when it is told a second time, the process ends at once. The exit
 * code is the JVM's, 128 and the signal's number: 130 for Ctrl-C.
 */
final class Interrupts {
    private static final Map<String, Integer> SIGNALS = Map.of("INT", 2, "TERM", 15, "HUP", 1);

    private final CompletableFuture<Void> finished = new CompletableFuture<>();
    private Runnable action;

    Interrupts install() {
        Runtime.getRuntime().addShutdownHook(new Thread(this::interrupt, "interrupt"));
        return this;
    }

    /** Runs work; if told to end meanwhile, calls {@code end} and waits for {@link #finished}. */
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

    void finished() {
        finished.complete(null);
    }

    private void interrupt() {
        synchronized (this) {
            if (action == null) {
                return;
            }
            action.run();
        }
        if (haltAtTheNext()) {
            System.err.println("quern: stopping; a second signal ends the process at once");
        }
        finished.join();
    }

    /**
     * Once the JVM shuts down it is deaf to signals. By reflection, since javac warns of each
     * mention of {@code sun.misc.Signal}, and there is nothing else; only now, since it takes
     * hundredths of a second.
     */
    private static boolean haltAtTheNext() {
        boolean hears = false;
        for (Map.Entry<String, Integer> one : SIGNALS.entrySet()) {
            try {
                Class<?> signal = Class.forName("sun.misc.Signal");
                Class<?> handler = Class.forName("sun.misc.SignalHandler");
                InvocationHandler halt =
                        (proxy, method, arguments) -> {
                            Runtime.getRuntime().halt(128 + one.getValue());
                            return null;
                        };
                Object name = signal.getConstructor(String.class).newInstance(one.getKey());
                Object told =
                        Proxy.newProxyInstance(
                                handler.getClassLoader(), new Class<?>[] {handler}, halt);
                signal.getMethod("handle", signal, handler).invoke(null, name, told);
                hears = true;
            } catch (ReflectiveOperationException e) {
                continue; // HUP on Windows, all with -Xrs: left to the system
            }
        }
        return hears;
    }

    void await() {
        CompletableFuture<Void> told = new CompletableFuture<>();
        during(told::join, () -> told.complete(null));
    }
}
