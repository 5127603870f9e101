package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.RealMnist;

/**
 * Fetching from mirrors on this machine; the files are the real ones, since their hashes are
 * checked.
 */
class MnistFetchTest {
    @TempDir Path folder;
    private final List<HttpServer> servers = new ArrayList<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<String> ranges = new ArrayList<>();
    private final CountDownLatch over = new CountDownLatch(1);

    @AfterEach
    void stop() {
        over.countDown();
        servers.forEach(server -> server.stop(0));
        threads.shutdown();
    }

    private URI mirror(HttpHandler handler) throws IOException {
        HttpServer server =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/mnist/", handler);
        server.setExecutor(threads);
        server.start();
        servers.add(server);
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/mnist/");
    }

    private byte[] content(HttpExchange exchange) throws IOException {
        String name = Path.of(exchange.getRequestURI().getPath()).getFileName().toString();
        return Files.readAllBytes(RealMnist.folder().resolve(name));
    }

    private void good(HttpExchange exchange) throws IOException {
        byte[] all = content(exchange);
        String range = exchange.getRequestHeaders().getFirst("Range");
        int from = 0;
        if (range != null) {
            synchronized (ranges) {
                ranges.add(range);
            }
            from = Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
        }
        exchange.sendResponseHeaders(range == null ? 200 : 206, all.length - from);
        exchange.getResponseBody().write(all, from, all.length - from);
        exchange.close();
    }

    /** Sends half of what it promised, and breaks off. */
    private void broken(HttpExchange exchange) throws IOException {
        byte[] all = content(exchange);
        exchange.sendResponseHeaders(200, all.length);
        exchange.getResponseBody().write(all, 0, all.length / 2);
        exchange.getResponseBody().flush();
        exchange.close();
    }

    private static void status(HttpExchange exchange, int status) throws IOException {
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
    }

    private void fetch(Duration stall, URI... mirrors) {
        new MnistFetch(Arrays.asList(mirrors), stall).into(folder, (file, done, total) -> {});
    }

    @Test
    void aGoodMirrorGivesAllFour() throws IOException {
        List<Long> progress = new ArrayList<>();
        new MnistFetch(List.of(mirror(this::good)), Duration.ofSeconds(5))
                .into(
                        folder,
                        (file, done, total) -> {
                            if (file.equals("train-images-idx3-ubyte.gz")) {
                                progress.add(done);
                                assertThat(done).isLessThanOrEqualTo(total);
                            }
                        });
        assertThat(Mnist.isIn(folder)).isTrue();
        assertThat(Mnist.differing(folder)).isEmpty();
        assertThat(progress).isSorted().endsWith(9_719_438L);
        try (var files = Files.list(folder)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .allMatch(name -> name.endsWith(".gz") || name.equals(".lock"));
        }
    }

    @Test
    void aBrokenDownloadIsResumedAtTheNextMirror() throws IOException {
        fetch(Duration.ofSeconds(5), mirror(this::broken), mirror(this::good));
        assertThat(Mnist.differing(folder)).isEmpty();
        // what arrived last before the break may be lost; the rest is not fetched again
        assertThat(ranges).hasSize(4).noneMatch(range -> range.equals("bytes=0-"));
    }

    @Test
    void aMirrorThatIgnoresRangesStartsAnew() throws IOException {
        Files.write(folder.resolve("t10k-labels-idx1-ubyte.gz.part"), new byte[100]);
        fetch(
                Duration.ofSeconds(5),
                mirror(
                        exchange -> {
                            byte[] all = content(exchange);
                            exchange.sendResponseHeaders(200, all.length);
                            exchange.getResponseBody().write(all);
                            exchange.close();
                        }));
        assertThat(Mnist.differing(folder)).isEmpty();
    }

    @Test
    void wrongContentsAndErrorsLeadToTheNextMirror() throws IOException {
        URI wrong =
                mirror(
                        exchange -> {
                            byte[] bytes = IdxTest.gzip(IdxTest.idx(2, 2, 2));
                            exchange.sendResponseHeaders(200, bytes.length);
                            exchange.getResponseBody().write(bytes);
                            exchange.close();
                        });
        fetch(
                Duration.ofSeconds(5),
                wrong,
                mirror(exchange -> status(exchange, 404)),
                mirror(this::good));
        assertThat(Mnist.differing(folder)).isEmpty();
    }

    @Test
    void aSilentMirrorIsGivenUp() throws IOException {
        URI silent =
                mirror(
                        exchange -> {
                            byte[] all = content(exchange);
                            exchange.sendResponseHeaders(200, all.length);
                            exchange.getResponseBody().write(all, 0, 1000);
                            exchange.getResponseBody().flush();
                            await();
                        });
        fetch(Duration.ofSeconds(1), silent, mirror(this::good));
        assertThat(Mnist.differing(folder)).isEmpty();
    }

    private void await() {
        try {
            over.await(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void withoutAnyMirrorOneLineSaysWhatToDo() throws IOException {
        int closed;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = socket.getLocalPort();
        }
        URI refuses = URI.create("http://127.0.0.1:" + closed + "/mnist/");
        URI missing = mirror(exchange -> status(exchange, 403));
        assertThatThrownBy(() -> fetch(Duration.ofSeconds(2), refuses, missing))
                .hasMessage(
                        "MNIST cannot be fetched (127.0.0.1: no connection; 127.0.0.1: HTTP status"
                                + " 403); give the folder of its four files with --data");
        assertThat(Mnist.isIn(folder)).isFalse();
    }
}
