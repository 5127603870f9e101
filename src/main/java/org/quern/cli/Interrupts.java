package org.quern.cli;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Ends a process that is told to (Ctrl-C, SIGTERM, SIGHUP) without losing work: what runs and has
 * asked to be told comes to an end, and then the main class. Where nothing has, and when it is told
 * once more, the process ends at once. The exit code is what shells expect of one that a signal
 * ended: 128 and its number.
 */
final class Interrupts {
    private static final Map<String, Integer> SIGNALS = Map.of("INT", 2, "TERM", 15, "HUP", 1);

    private Runnable action;
    private int told; // the exit code; 0: nobody has

    /**
     * Hears signals from now on. By reflection: javac warns of each mention of {@code
     * sun.misc.Signal}, which has been all there is to hear a signal with since Java 1.
     */
    Interrupts install() {
        try {
            Class<?> signals = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Method handle = signals.getMethod("handle", signals, handler);
            Object ignored = handler.getField("SIG_IGN").get(null);
            for (Map.Entry<String, Integer> one : SIGNALS.entrySet()) {
                Object ours =
                        Proxy.newProxyInstance(
                                handler.getClassLoader(),
                                new Class<?>[] {handler},
                                (proxy, method, arguments) -> tell(128 + one.getValue()));
                Object name = signals.getConstructor(String.class).newInstance(one.getKey());
                Object before = handle.invoke(null, name, ours);
                if (before == ignored) { // as under nohup, and in a shell's background
                    handle.invoke(null, name, before);
                }
            }
        } catch (ReflectiveOperationException e) {
            return this; // signals are left to the system, as by -Xrs: they end the process at once
        }
        return this;
    }

    private Object tell(int code) {
        synchronized (this) {
            if (told != 0) {
                Runtime.getRuntime().halt(code);
            }
            told = code;
            if (action != null) {
                System.err.println("quern: stopping; once more stops at once");
                action.run();
                return null;
            }
        }
        System.exit(code);
        return null;
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
        return told == 0 ? code : told;
    }

    void await() {
        CompletableFuture<Void> told = new CompletableFuture<>();
        during(told::join, () -> told.complete(null));
    }
}
