package org.quern.data;

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
import java.net.HttpURLConnection;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
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

    private static final int CONNECT_MILLIS = 3000;

    /** The largest of the files has 9.9 MB. */
    private static final long MOST_BYTES = 20_000_000;

    private final List<URI> mirrors;
    private final Duration stall;
    private final Proxies proxies;

    /** Hears how far a download is. */
    @FunctionalInterface
    public interface Meter {
        /** Of {@code total} bytes, −1 if the mirror did not say, {@code done} are there. */
        void progress(String file, long done, long total);
    }

    /**
     * From the known {@link #MIRRORS}, through the proxy that {@code https_proxy} in the
     * environment names, if it does; not so for hosts in {@code no_proxy}.
     */
    public MnistFetch(Map<String, String> environment) {
        this(MIRRORS, Duration.ofSeconds(20), environment);
    }

    /** From folders, each with a slash at the end, that may keep silent for so long. */
    MnistFetch(List<URI> mirrors, Duration stall, Map<String, String> environment) {
        this.mirrors = List.copyOf(mirrors);
        this.stall = stall;
        proxies = new Proxies(environment);
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
            throw data(e, "%s cannot be written: %s", folder, AtomicFile.reason(e));
        }
    }

    private void fetch(Mnist.File file, Path folder, Meter meter) throws IOException {
        Path part = folder.resolve(file.gzipped() + ".part");
        Set<String> reasons = new LinkedHashSet<>();
        for (URI mirror : mirrors) {
            URI proxy = proxies.of(mirror);
            try {
                download(mirror, file.gzipped(), part, meter);
                require(file.isWhole(part), "its contents are not MNIST's (SHA-256 differs)");
                Files.move(part, folder.resolve(file.gzipped()), StandardCopyOption.ATOMIC_MOVE);
                AtomicFile.sync(folder);
                return;
            } catch (QuernException e) {
                if (e.kind() == INTERRUPTED) {
                    throw e;
                }
                Files.deleteIfExists(part); // whole, but wrong
                reasons.add(mirror.getHost() + ": " + e.getMessage());
            } catch (ProtocolException e) { // which the mirror says, by whatever way
                reasons.add(mirror.getHost() + ": " + e.getMessage());
            } catch (IOException e) {
                boolean direct = proxy == null;
                reasons.add(reason(direct ? mirror.getHost() : "the proxy " + proxy.getHost(), e));
            }
        }
        String text = "MNIST cannot be fetched (%s); give the folder of its four files with --data";
        throw data(text, String.join("; ", reasons));
    }

    private void download(URI mirror, String name, Path part, Meter meter) throws IOException {
        long have = Files.exists(part) ? Files.size(part) : 0;
        HttpURLConnection connection = proxies.open(mirror.resolve(name));
        connection.setConnectTimeout(CONNECT_MILLIS);
        connection.setReadTimeout(Math.toIntExact(stall.toMillis()));
        if (have > 0) {
            connection.setRequestProperty("Range", "bytes=" + have + "-");
        }
        int status = connection.getResponseCode();
        if (status != 200 && status != 206) {
            connection.disconnect();
        }
        if (status == 416) { // it was whole already, or is of another size
            return;
        }
        if (status == HttpURLConnection.HTTP_PROXY_AUTH) {
            throw new IOException(
                    "it asks for a login: write its address as http://NAME:PASSWORD@HOST:PORT");
        }
        if (status != 200 && status != 206) {
            throw new ProtocolException("HTTP status " + status);
        }
        StandardOpenOption from = status == 206 ? APPEND : TRUNCATE_EXISTING;
        try (InputStream body = connection.getInputStream();
                FileChannel out = FileChannel.open(part, CREATE, WRITE, from)) {
            long done = out.size();
            long length = connection.getContentLengthLong();
            long total = length < 0 ? -1 : done + length;
            byte[] buffer = new byte[1 << 16];
            for (int n = body.read(buffer); n >= 0; n = body.read(buffer)) {
                if (Thread.currentThread().isInterrupted()) {
                    throw new QuernException(INTERRUPTED, "interrupted while fetching MNIST");
                }
                out.write(ByteBuffer.wrap(buffer, 0, n));
                done += n;
                require(done <= MOST_BYTES, "it sends more than %,d bytes", MOST_BYTES);
                meter.progress(name, done, total);
            }
            if (total >= 0 && done < total) {
                throw new IOException("the connection broke off");
            }
            out.force(true);
        } catch (SocketTimeoutException e) {
            throw new IOException("silent for " + stall.toSeconds() + " s", e);
        }
    }

    /** What a host did; without its name where none can be reached. */
    private static String reason(String host, IOException e) {
        String message = e.getMessage();
        if (e instanceof UnknownHostException) {
            return host.contains(" ") ? host + ": not found" : "no network";
        } else if (e instanceof SocketTimeoutException) {
            message = "no answer in time";
        } else if (e instanceof ConnectException) {
            message = "no connection";
        } else if (message == null) {
            message = e.getClass().getSimpleName();
        }
        return host + ": " + message;
    }
}
