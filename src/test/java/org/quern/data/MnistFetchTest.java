package org.quern.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.Jvm;
import org.quern.QuernException;
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
    private final Map<String, String> environment = new HashMap<>();
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
        new MnistFetch(Arrays.asList(mirrors), stall, environment)
                .into(folder, (file, done, total) -> {});
    }

    /** The mirror has no address that anybody could find: the proxy knows it. */
    @Test
    void theProxyOfTheEnvironmentIsAsked() throws IOException {
        URI proxy = mirror(this::good);
        environment.put("http_proxy", "http://127.0.0.1:" + proxy.getPort());
        URI mirror = URI.create("http://mirror.invalid/mnist/");
        fetch(Duration.ofSeconds(5), mirror);
        assertThat(Mnist.isIn(folder)).isTrue();

        environment.put("NO_PROXY", "example.org, .invalid");
        Files.delete(folder.resolve("t10k-labels-idx1-ubyte.gz"));
        assertThatThrownBy(() -> fetch(Duration.ofSeconds(5), mirror))
                .hasMessage(
                        "MNIST cannot be fetched (no network); give the folder of its four files"
                                + " with --data");
        environment.put("http_proxy", "socks5://me:secret@127.0.0.1");
        environment.remove("NO_PROXY");
        assertThatThrownBy(() -> fetch(Duration.ofSeconds(5), mirror))
                .hasMessage(
                        "http_proxy is not the address of a proxy that speaks HTTP: write"
                                + " http://HOST:PORT");
    }

    /** A proxy that lets HTTPS through for those alone who give their name and password. */
    @Test
    void aProxyIsGivenItsPassword() throws Exception {
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        try (ServerSocket socket = new ServerSocket(0, 0, InetAddress.getLoopbackAddress())) {
            threads.execute(() -> answer(socket, heard));
            String at = "127.0.0.1:" + socket.getLocalPort();
            // of a process of its own: Java asks once what a proxy may want
            Jvm jvm = new Jvm(folder).with("HTTPS_PROXY", "me:se%40cret@" + at);
            assertThat(fetch(jvm).err())
                    .isEqualTo(
                            "quern: MNIST cannot be fetched (the proxy 127.0.0.1: Unable to tunnel"
                                    + " through proxy. Proxy returns \"HTTP/1.1 502 Bad"
                                    + " Gateway\"); give the folder of its four files with"
                                    + " --data\n");
            String login = Base64.getEncoder().encodeToString("me:se@cret".getBytes(UTF_8));
            assertThat(heard)
                    .contains("CONNECT ossci-datasets.s3.amazonaws.com:443 HTTP/1.1")
                    .contains("Proxy-authorization: Basic " + login);
            assertThat(fetch(jvm.with("HTTPS_PROXY", at)).err())
                    .startsWith(
                            "quern: MNIST cannot be fetched (the proxy 127.0.0.1: it asks"
                                    + " for a login: write its address as"
                                    + " http://NAME:PASSWORD@HOST:PORT); give ");
        }
    }

    private static Jvm.Outcome fetch(Jvm jvm) throws IOException {
        return jvm.with("https_proxy", null).with("no_proxy", null).run(Fetch.class);
    }

    /** Fetches as the command does, which is of a package above. */
    static final class Fetch {
        public static void main(String[] arguments) {
            try {
                new MnistFetch(System.getenv())
                        .into(Path.of(System.getenv("XDG_CACHE_HOME")), (file, done, total) -> {});
            } catch (QuernException e) {
                System.err.println("quern: " + e.getMessage());
            }
        }
    }

    /** Asks whom it does not know for a password, and has no way to what the others want. */
    private void answer(ServerSocket socket, List<String> heard) {
        try {
            while (true) {
                Socket one = socket.accept();
                threads.execute(() -> answer(one, heard));
            }
        } catch (IOException e) {
            return; // it was closed
        }
    }

    private static void answer(Socket socket, List<String> heard) {
        try (socket;
                BufferedReader in =
                        new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8))) {
            boolean known = false;
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                heard.add(line);
                known |= line.startsWith("Proxy-authorization");
                if (line.isEmpty()) {
                    String ask = "407 Who\r\nProxy-Authenticate: Basic realm=\"us\"";
                    String answer = known ? "502 Bad Gateway" : ask;
                    String all = "HTTP/1.1 " + answer + "\r\nContent-Length: 0\r\n\r\n";
                    socket.getOutputStream().write(all.getBytes(UTF_8));
                    known = false;
                }
            }
        } catch (IOException e) {
            return; // it went away
        }
    }

    @Test
    void aGoodMirrorGivesAllFour() throws IOException {
        List<Long> progress = new ArrayList<>();
        new MnistFetch(List.of(mirror(this::good)), Duration.ofSeconds(5), Map.of())
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
