package org.quern;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * The one exception that Quern throws on purpose. Its message is a single line that says what is
 * wrong, where, and how to mend it; its {@link Kind} decides the exit code of the command line.
 */
public final class QuernException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What went wrong, as a caller tells cases apart; each with the command line's exit code. */
    public enum Kind {
        /** A target accuracy was missed, or training diverged (NaN or infinity). */
        TARGET(1),
        /** A wrong argument, option or model description. */
        USAGE(2),
        /** A data, model or run file that is missing, damaged or does not fit. */
        DATA(3),
        /** A backend that cannot run here. */
        BACKEND(4),
        /** A backend whose device, or the driver of it, is not on this machine at all. */
        ABSENT(4),
        /** A device that failed and can be used again, for instance out of memory. */
        DEVICE(5),
        /**
         * A device that is lost to this process: whatever is asked of it from now on fails alike.
         */
        LOST(5),
        /** The user interrupted the run. */
        INTERRUPTED(130);

        private final int exitCode;

        Kind(int exitCode) {
            this.exitCode = exitCode;
        }

        /** The exit code of a process that ends because of this. */
        public int exitCode() {
            return exitCode;
        }
    }

    private static final Pattern LINE_ENDS = Pattern.compile("\\R+");

    private final Kind kind;

    /** More characters of a text, which may be out of a file, are not shown. */
    private static final int LONGEST = 500;

    /** An error of the given kind with a one-line message. */
    public QuernException(Kind kind, String message) {
        this(kind, message, null);
    }

    /**
     * An error of the given kind and what caused it. The message becomes one line, whatever texts
     * out of files are in it.
     */
    public QuernException(Kind kind, String message, Throwable cause) {
        super(LINE_ENDS.matcher(given(message, "message")).replaceAll(" "), cause);
        this.kind = given(kind, "kind");
    }

    /** What went wrong. */
    public Kind kind() {
        return kind;
    }

    /**
     * Whether a failure, or what caused it, is a device that is {@linkplain Kind#LOST lost}: who
     * goes on to the next piece of work would only read the same fault once more.
     */
    public static boolean isDeviceLost(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof QuernException known && known.kind == Kind.LOST) {
                return true;
            }
        }
        return false;
    }

    private static String filled(String message, Object... arguments) {
        Object[] shown = given(arguments, "arguments").clone();
        for (int i = 0; i < shown.length; i++) {
            if (shown[i] instanceof String text && text.length() > LONGEST) {
                shown[i] = text.substring(0, LONGEST) + "...";
            }
        }
        return String.format(Locale.ROOT, given(message, "message"), shown);
    }

    /** A wrong argument: {@code message} filled in as by {@link String#formatted}. */
    public static QuernException usage(String message, Object... arguments) {
        return new QuernException(Kind.USAGE, filled(message, arguments));
    }

    /** A bad file or data set: {@code message} filled in as by {@link String#formatted}. */
    public static QuernException data(String message, Object... arguments) {
        return new QuernException(Kind.DATA, filled(message, arguments));
    }

    /** The same, with what caused it. */
    public static QuernException data(Throwable cause, String message, Object... arguments) {
        return new QuernException(Kind.DATA, filled(message, arguments), cause);
    }

    /** Throws {@link #data(String, Object...)} unless a file or data set is as it must be. */
    public static void require(boolean isSo, String message, Object... arguments) {
        if (!isSo) {
            throw data(message, arguments);
        }
    }

    /** Throws {@link #usage} unless an argument or option is as it must be. */
    public static void expect(boolean isSo, String message, Object... arguments) {
        if (!isSo) {
            throw usage(message, arguments);
        }
    }

    /** An argument that must be there: itself, or a usage error that names it. */
    public static <T> T given(T argument, String name) {
        if (argument == null) {
            throw usage("%s must not be null", name);
        }
        return argument;
    }

    /** A copy of a list that must be there, as must all that is in it. */
    public static <T> List<T> copied(List<T> list, String name) {
        for (T one : given(list, name)) {
            if (one == null) {
                throw usage("%s must not hold null", name);
            }
        }
        return List.copyOf(list);
    }

    /** A device that failed: {@code message} filled in as by {@link String#formatted}. */
    public static QuernException device(String message, Object... arguments) {
        return new QuernException(Kind.DEVICE, filled(message, arguments));
    }

    /** A backend that cannot run: {@code message} filled in as by {@link String#formatted}. */
    public static QuernException backend(String message, Object... arguments) {
        return new QuernException(Kind.BACKEND, filled(message, arguments));
    }

    /** A backend without a device: {@code message} filled in as by {@link String#formatted}. */
    public static QuernException absent(String message, Object... arguments) {
        return new QuernException(Kind.ABSENT, filled(message, arguments));
    }

    /**
     * The one of several that a user calls {@code name}, in any case.
     *
     * @param what they are, for the message
     * @param text the name of each
     * @param elsewhere what others call them, as keys in lower case
     * @throws QuernException if there is none (usage); the message names the one that was meant, or
     *     lists all
     * @hidden
     */
    public static <T> T choice(
            String what,
            String name,
            T[] all,
            Function<T, String> text,
            Map<String, String> elsewhere) {
        given(name, what);
        for (T one : all) {
            if (text.apply(one).equalsIgnoreCase(name)) {
                return one;
            }
        }
        List<String> names = Arrays.stream(all).map(text).toList();
        String here = elsewhere.get(name.toLowerCase(Locale.ROOT));
        String cure = here == null ? nearest(name, names, "") : "here it is called " + here;
        throw usage(
                "unknown %s \"%s\": %s",
                what, name, cure.isEmpty() ? "use " + either(names) : cure);
    }

    /**
     * What a future gives, or what its work threw, as it was thrown; waits.
     *
     * @hidden
     */
    public static <T> T join(CompletableFuture<T> future) {
        try {
            return future.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) e.getCause(); // a supplier throws no other
        }
    }

    /**
     * Names as a choice: {@code one, another or a third}.
     *
     * @hidden
     */
    public static String either(List<String> names) {
        int last = names.size() - 1;
        return last == 0
                ? names.get(0)
                : String.join(", ", names.subList(0, last)) + " or " + names.get(last);
    }

    /**
     * What somebody probably meant to type: the word with the least edit distance (Levenshtein, a
     * swap of neighbours counting as one), if that is at most a third of its length, but 2 at
     * least; as a question, or else {@code otherwise}.
     *
     * @hidden
     */
    public static String nearest(String typed, Collection<String> words, String otherwise) {
        return words.stream()
                .filter(word -> distance(typed, word) <= Math.max(2, typed.length() / 3))
                .min(Comparator.comparingInt(word -> distance(typed, word)))
                .map("did you mean \"%s\"?"::formatted)
                .orElse(otherwise);
    }

    private static int distance(String a, String b) {
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                d[i][j] =
                        Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + change);
                if (i > 1
                        && j > 1
                        && a.charAt(i - 1) == b.charAt(j - 2)
                        && a.charAt(i - 2) == b.charAt(j - 1)) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
