package org.quern.train;

import java.io.PrintStream;

/**
 * Prints a line after each epoch, marked with an asterisk if it is the best so far.
 *
 * @param to such as {@code System.out}
 */
public record ConsoleListener(PrintStream to) implements Listener {
    @Override
    public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        to.println(best ? result + " *" : result);
        return Verdict.GO_ON;
    }
}
