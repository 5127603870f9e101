package org.quern.cli;

import java.io.IOException;
import java.util.List;
import java.util.Locale;

/** The user's browser, by the system's own means; java.awt.Desktop would bring a window system. */
final class Browser {
    private Browser() {}

    /** Opens a page; where that is impossible, says so in a line. */
    static void open(Console console, String address) {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        boolean desktop = set(console, "DISPLAY") || set(console, "WAYLAND_DISPLAY");
        List<String> command = List.of("xdg-open", address);
        if (system.startsWith("windows")) {
            command = List.of("rundll32", "url.dll,FileProtocolHandler", address);
        } else if (system.startsWith("mac")) {
            command = List.of("open", address);
        } else if (!desktop) {
            console.about("note", "no display here: open the page in a browser yourself");
            return;
        }
        try {
            new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            String missing = command.get(0) + " was not found";
            console.about("note", missing + ": open the page in a browser yourself");
        }
    }

    private static boolean set(Console console, String variable) {
        return !console.environment().getOrDefault(variable, "").isEmpty();
    }
}
