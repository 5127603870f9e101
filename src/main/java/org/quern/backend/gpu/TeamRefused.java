package org.quern.backend.gpu;

/** A device that cannot have a team of blocks, though another one may do; the message says why. */
public final class TeamRefused extends Exception {
    private static final long serialVersionUID = 1L;

    /** With the reason, to follow the team's name and a colon. */
    public TeamRefused(String reason) {
        super(reason);
    }
}
