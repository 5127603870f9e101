package org.quern.data;

import static java.net.http.HttpClient.Redirect.NORMAL;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.quern.QuernException.Kind.INTERRUPTED;
import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.quern.QuernException;
import org.quern.files.AtomicFile;

/**
 * Fetches MNIST into a folder: each file from the first mirror that has it whole, resumed where an
 * earlier try broke off, checked by the SHA-256 of its contents and put in place by a rename. The
 * only code in Quern that uses the network, and only when it is asked to.
 *
 * @hidden
 */
public final class MnistFetch {
    /** Where MNIST is known to be, best first. */
    public static final List<URI> MIRRORS =
            List.of(
                    URI.create("https://ossci-datasets.s3.amazonaws.com/mnist/"),
                    URI.create("https://storage.googleapis.com/cvdf-datasets/mnist/"),
                    URI.create("https://yann.lecun.com/exdb/mnist/"));

    private static final Duration CONNECT = Duration.ofSeconds(3);

    /** The largest of the files has 9.9 MB. */
    private static final long MOST_BYTES = 20_000_000;

    private final HttpClient client =
            HttpClient.newBuilder().connectTimeout(CONNECT).followRedirects(NORMAL).build();
    private final List<URI> mirrors;
    private final Duration stall;

    /** Hears how far a download is. */
    @FunctionalInterface
    public interface Meter {
        /** Of {@code total} bytes, −1 if the mirror did not say, {@code done} are there. */
        void progress(String file, long done, long total);
    }

    /** From the known {@link #MIRRORS}. */
    public MnistFetch() {
        this(MIRRORS, Duration.ofSeconds(20));
    }

    /** From folders, each with a slash at the end, that may keep silent for so long. */
    MnistFetch(List<URI> mirrors, Duration stall) {
        this.mirrors = List.copyOf(mirrors);
        this.stall = stall;
    }

    /**
     * Fetches what is not there yet.
     *
     * @param folder is created if need be; a second process that fetches into it waits for the
     *     first
     * @throws org.quern.QuernException if no mirror gave a whole file; what arrived is kept for the
     *     next try
     */
    public void into(Path folder, Meter meter) {
        try {
            AtomicFile.createFolder(folder);
            try (FileChannel channel = FileChannel.open(folder.resolve(".lock"), CREATE, WRITE)) {
                channel.lock(); // until the channel is closed
                for (Mnist.File file : Mnist.File.values()) {
                    if (file.in(folder).isEmpty()) {
                        fetch(file, folder, meter);
                    }
                }
            }
        } catch (IOException e) {
            throw data(e, "%s cannot be written: %s", folder, e);
        }
    }

    private void fetch(Mnist.File file, Path folder, Meter meter) throws IOException {
        Path part = folder.resolve(file.gzipped() + ".part");
        Set<String> reasons = new LinkedHashSet<>();
        for (URI mirror : mirrors) {
            try {
                download(mirror, file.gzipped(), part, meter);
                require(file.isWhole(part), "its contents are not MNIST's (SHA-256 differs)");
                Files.move(part, folder.resolve(file.gzipped()), StandardCopyOption.ATOMIC_MOVE);
                AtomicFile.sync(folder);
                return;
            } catch (QuernException e) {
                Files.deleteIfExists(part); // whole, but wrong
                reasons.add(mirror.getHost() + ": " + e.getMessage());
            } catch (IOException e) {
                reasons.add(reason(mirror, e));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new QuernException(INTERRUPTED, "interrupted while fetching MNIST", e);
            }
        }
        String text = "MNIST cannot be fetched (%s); give the folder of its four files with --data";
        throw data(text, String.join("; ", reasons));
    }

    private void download(URI mirror, String name, Path part, Meter meter)
            throws IOException, InterruptedException {
        long have = Files.exists(part) ? Files.size(part) : 0;
        HttpRequest.Builder request = HttpRequest.newBuilder(mirror.resolve(name)).timeout(stall);
        if (have > 0) {
            request.header("Range", "bytes=" + have + "-");
        }
        HttpResponse<InputStream> response =
                client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        try (InputStream body = response.body()) {
            int status = response.statusCode();
            if (status == 416) { // it was whole already, or is of another size
                return;
            }
            if (status != 200 && status != 206) {
                throw new IOException("HTTP status " + status);
            }
            StandardOpenOption from = status == 206 ? APPEND : TRUNCATE_EXISTING;
            try (FileChannel out = FileChannel.open(part, CREATE, WRITE, from)) {
                long done = out.size();
                long length = response.headers().firstValueAsLong("Content-Length").orElse(-1);
                long total = length < 0 ? -1 : done + length;
                byte[] buffer = new byte[1 << 16];
                for (int n = read(body, buffer); n >= 0; n = read(body, buffer)) {
                    out.write(ByteBuffer.wrap(buffer, 0, n));
                    done += n;
                    require(done <= MOST_BYTES, "it sends more than %,d bytes", MOST_BYTES);
                    meter.progress(name, done, total);
                }
                if (total >= 0 && done < total) {
                    throw new IOException("the connection broke off");
                }
                out.force(true);
            }
        }
    }

    /** Reads in another thread, so that a sender who falls silent is noticed. */
    private int read(InputStream body, byte[] buffer) throws IOException, InterruptedException {
        FutureTask<Integer> read = new FutureTask<>(() -> body.read(buffer));
        Thread thread = new Thread(read, "download");
        thread.setDaemon(true);
        thread.start();
        try {
            return read.get(stall.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new IOException("silent for " + stall.toSeconds() + " s");
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
        }
    }

    /** What a mirror did; without the mirror's name where none can be reached. */
    private static String reason(URI mirror, IOException e) {
        Throwable cause = e;
        while (cause.getCause() != null && cause.getMessage() == null) {
            cause = cause.getCause();
        }
        String message = cause.getMessage();
        if (cause instanceof UnresolvedAddressException) {
            return "no network";
        } else if (e instanceof HttpTimeoutException) {
            message = "no answer in time";
        } else if (e instanceof ConnectException && e.getMessage() == null) {
            message = "no connection";
        } else if (message == null) {
            message = cause.getClass().getSimpleName();
        }
        return mirror.getHost() + ": " + message;
    }
}
