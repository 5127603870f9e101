package org.quern.run;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.quern.QuernException.data;

import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.quern.QuernException;
import org.quern.files.AtomicFile;

/**
 * Keeps a run's folder to one writer. The lock is the operating system's, on a file in the folder
 * that says who holds it, and goes with its process however that ends. The file stays: to remove it
 * would let in both one who has opened it before and one who makes it anew.
 */
final class RunLock implements AutoCloseable {
    static final String FILE = "run.lock";

    /** One byte far behind the text, which others may read so even where locks are mandatory. */
    private static final long AT = 1 << 30;

    /**
     * Who holds what in this process. POSIX' locks do not keep a process out of its own files, and
     * all of a file's go when the process closes any channel to it: none is opened twice.
     */
    private static final Map<Path, String> HELD = new ConcurrentHashMap<>();

    private final Path folder;
    private final FileChannel channel;

    /** What is to be said of it, where the file system has no locks; else null. */
    final String notice;

    interface Locker {
        FileLock lock(FileChannel channel) throws IOException;
    }

    private RunLock(Path folder, FileChannel channel, String notice) {
        this.folder = folder;
        this.channel = channel;
        this.notice = notice;
    }

    /** Locks a folder that exists; if it is held, the message says by whom, and since when. */
    static RunLock of(Path folder) {
        return of(folder, channel -> channel.tryLock(AT, 1, false));
    }

    static RunLock of(Path folder, Locker locker) {
        Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
        String me = "process %d since %s".formatted(ProcessHandle.current().pid(), now);
        try {
            Path real = folder.toRealPath();
            String other = HELD.putIfAbsent(real, me);
            if (other != null) {
                throw held(folder, other);
            }
            try {
                return AtomicFile.uninterrupted(() -> lock(folder, real, me, locker));
            } catch (IOException | RuntimeException e) {
                HELD.remove(real);
                throw e;
            }
        } catch (IOException e) {
            String why = AtomicFile.reason(e);
            throw data(e, "%s cannot be locked (%s): give another folder", folder, why);
        }
    }

    private static RunLock lock(Path folder, Path real, String me, Locker locker)
            throws IOException {
        FileChannel channel =
                FileChannel.open(
                        RunFolder.refuseLink(real.resolve(FILE)),
                        CREATE,
                        READ,
                        WRITE,
                        NOFOLLOW_LINKS);
        try {
            String notice = null;
            FileLock taken = null;
            try {
                taken = locker.lock(channel);
            } catch (IOException e) { // some network file systems
                String how = "%s cannot be locked (%s): keep other runs out of it yourself";
                notice = how.formatted(folder, e.getMessage());
            }
            if (taken == null && notice == null) {
                throw held(folder, holder(channel));
            }
            channel.truncate(0).write(UTF_8.encode(me + "\n"));
            return new RunLock(real, channel, notice);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** What the holder says of itself, which it does right after it has locked the file. */
    private static String holder(FileChannel channel) throws IOException {
        String holder = "";
        for (int tries = 0; tries < 50 && holder.isEmpty(); tries++) {
            LockSupport.parkNanos(tries == 0 ? 0 : 10_000_000);
            byte[] text = Channels.newInputStream(channel.position(0)).readAllBytes();
            holder = new String(text, UTF_8).strip();
        }
        return holder;
    }

    private static QuernException held(Path folder, String holder) {
        return data(
                "%s is in use by %s: wait until that run has ended, or use another folder",
                folder, holder.isEmpty() ? "another process" : holder);
    }

    @Override
    public void close() {
        if (!channel.isOpen()) {
            return;
        }
        try (channel) {
            AtomicFile.uninterrupted(() -> channel.truncate(0)); // nobody holds it
        } catch (IOException e) {
            throw data(e, "%s cannot be unlocked: %s", folder, AtomicFile.reason(e));
        } finally {
            HELD.remove(folder);
        }
    }
}
