package org.quern.train;

import java.io.PrintStream;

/** Prints a line after each epoch, marked with an asterisk if it is the best so far. */
public final class ConsoleListener implements Listener {
    private final PrintStream to;

    /** Prints to standard output. */
    public ConsoleListener() {
        this(System.out);
    }

    public ConsoleListener(PrintStream to) {
        this.to = to;
    }

    @Override
    public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        to.println(best ? result + " *" : result);
        return Verdict.GO_ON;
    }
}
