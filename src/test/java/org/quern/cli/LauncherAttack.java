package org.quern.cli;

import static org.quern.cli.Torture.check;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;

/** The launcher, which builds what it starts. */
final class LauncherAttack {
    private final Path scratch;

    LauncherAttack(Path scratch) {
        this.scratch = scratch;
    }

    /**
     * In a fresh clone: killed while it builds, then started twice at once, then with a source that
     * changes while it builds.
     */
    String attack() throws Exception {
        Path clone = scratch.resolve("clone");
        String here = System.getProperty("user.dir");
        Process git =
                new ProcessBuilder("git", "clone", "-q", here, clone.toString())
                        .inheritIO()
                        .start();
        check(git.waitFor() == 0, "git clone: exit code %d", git.exitValue());
        Process killed = launch(clone, "killed");
        killed.waitFor(15, TimeUnit.SECONDS);
        killed.descendants().forEach(ProcessHandle::destroyForcibly);
        killed.destroyForcibly().waitFor();
        Process one = launch(clone, "one");
        Process other = launch(clone, "other");
        int built = launched(one, "one") + launched(other, "other");
        checkBuilt(built == 1, "of two first builds at once, " + built + " were done");
        Path source = clone.resolve("src/main/java/org/quern/QuernException.java");
        change(source);
        Process changed = launch(clone, "changed");
        changed.waitFor(10, TimeUnit.SECONDS);
        change(source);
        checkBuilt(launched(changed, "changed") == 1, "a changed source is not built");
        int again = launched(launch(clone, "again"), "again");
        checkBuilt(again == 1, "what changed during a build is not built");
        int last = launched(launch(clone, "last"), "last");
        checkBuilt(last == 0, "what is built is built again");
        return "a build killed, two first ones at once, one whose source changed meanwhile";
    }

    private static void change(Path source) throws IOException {
        Files.writeString(source, "// changed\n", StandardOpenOption.APPEND);
    }

    private static void checkBuilt(boolean isSo, String otherwise) {
        if (!isSo) {
            Torture.problem("launcher: %s", otherwise);
        }
    }

    private Process launch(Path clone, String name) throws IOException {
        return new ProcessBuilder(clone.resolve("quern").toString(), "--version")
                .redirectErrorStream(true)
                .redirectOutput(scratch.resolve(name + ".out").toFile())
                .start();
    }

    /** Waits for its end; whether it built: 1 or 0. */
    private int launched(Process launcher, String name) throws Exception {
        check(launcher.waitFor(20, TimeUnit.MINUTES), "%s did not end", name);
        String out = Files.readString(scratch.resolve(name + ".out"));
        boolean isRight = launcher.exitValue() == 0 && out.matches("(?s)(.*\n)?quern \\d.*");
        checkBuilt(isRight, name + ": exit code " + launcher.exitValue() + ": " + out);
        return out.contains("building Quern") ? 1 : 0;
    }
}
