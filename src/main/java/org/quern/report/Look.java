package org.quern.report;

import java.util.regex.Pattern;

/**
 * How text may look where it is shown.
 *
 * @param width characters of a line
 * @param colour whether it is a terminal that knows xterm's 256 colours
 * @hidden
 */
public record Look(int width, boolean colour) {
    /** A file, a pipe or a log. */
    public static final Look PLAIN = new Look(100, false);

    /** Control characters but for new lines and tabs, and what reverses the direction of text. */
    private static final Pattern COMMANDS =
            Pattern.compile("[\\p{Cc}\\x{202a}-\\x{202e}\\x{2066}-\\x{2069}&&[^\n\t]]");

    /** What {@link #sgr} writes around text, which takes no room. */
    private static final Pattern SGR = Pattern.compile("\u001b\\[[\\d;]*m");

    private static final int WHITE = 231;

    /** Text that may be out of a file: it commands no terminal, nor turns the line around. */
    public static String clean(String text) {
        return COMMANDS.matcher(text).replaceAll("?");
    }

    public String bold(String text) {
        return sgr("1", text);
    }

    public String dim(String text) {
        return sgr("2", text);
    }

    String white(int background, String text) {
        return sgr("38;5;" + WHITE + ";48;5;" + background, text);
    }

    private String sgr(String codes, String text) {
        return colour ? "\u001b[" + codes + "m" + clean(text) + "\u001b[0m" : clean(text);
    }

    /**
     * Lines no longer than the width, broken at blanks; what goes on is indented. A word that is
     * longer stays whole.
     */
    public String wrapped(String text, int indent) {
        StringBuilder out = new StringBuilder();
        for (String line : text.split("\n", -1)) {
            out.append(out.isEmpty() ? "" : "\n");
            String rest = line;
            while (SGR.matcher(rest).replaceAll("").length() > width) {
                int at = breakOf(rest, out.length() > 0 && rest != line ? indent : 1);
                if (at < 0) {
                    break;
                }
                out.append(rest.substring(0, at).stripTrailing()).append('\n');
                rest = " ".repeat(indent) + rest.substring(at).stripLeading();
            }
            out.append(rest);
        }
        return out.toString();
    }

    /**
     * The last blank within the width, or else the first behind it, after {@code least} columns.
     */
    private int breakOf(String line, int least) {
        int found = -1;
        int column = 0;
        for (int i = 0; i < line.length(); i++) {
            if (line.charAt(i) == '\u001b') {
                i = line.indexOf('m', i);
                continue;
            }
            if (line.charAt(i) == ' ' && column >= least && !line.substring(0, i).isBlank()) {
                if (column > width) {
                    return found < 0 ? i : found;
                }
                found = i;
            }
            column++;
        }
        return found;
    }
}
