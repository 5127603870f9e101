package org.quern;

/**
 * How long an attack goes on: a few rounds in {@code mvn verify}; as long as {@code ci/torture}
 * says, which also wants to know how many rounds it was. A suite with the tag {@code torture} has
 * one test that goes through rounds:
 *
 * <pre>{@code
 * for (Rounds rounds = new Rounds("kills", 3); rounds.goOn(); ) {
 *     killAndResume(new Random(rounds.round()));
 * }
 * }</pre>
 */
public final class Rounds {
    private static final long SECONDS = Long.getLong("quern.torture.seconds", 0);

    private final String attack;
    private final int least;
    private final long started = System.nanoTime();
    private int rounds;

    /** An attack, which in its short form has so many rounds. */
    public Rounds(String attack, int least) {
        this.attack = attack;
        this.least = least;
    }

    /** Whether another round is to be done; counts it. */
    public boolean goOn() {
        boolean isTime = System.nanoTime() - started < SECONDS * 1_000_000_000L;
        if (rounds < least || isTime) {
            rounds++;
            return true;
        }
        if (SECONDS > 0) {
            System.out.println(attack + ": " + rounds + " rounds");
        }
        return false;
    }

    /**
     * The round that is done, from 1: what random numbers start from, so that it can be repeated.
     */
    public int round() {
        return rounds;
    }
}
