package org.quern.web;

import static org.quern.QuernException.expect;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.quern.QuernException;

/**
 * Pages for one user of this machine: bound to 127.0.0.1 alone, below a token that only who is told
 * the address knows, and deaf to requests under any other name (DNS rebinding) or from any other
 * origin.
 */
final class LocalServer implements AutoCloseable {
    private static final int LARGEST_PORT = 65_535;

    /** Bits of a token that nobody guesses. */
    private static final int TOKEN_BYTES = 16;

    /**
     * Connections, each of which may take a thread: one that asks for nothing keeps nobody waiting.
     */
    private static final int MOST_CONNECTIONS = 1024;

    /** Enough for what is answered here, a tenth of a thread's usual stack. */
    private static final int STACK_BYTES = 1 << 17;

    static {
        // of the whole process, read once: a request that does not arrive in time is hung up on
        deadline("sun.net.httpserver.maxReqTime", 2);
        deadline("sun.net.httpserver.maxIdleConnections", 64);
        deadline("jdk.httpserver.maxConnections", MOST_CONNECTIONS);
    }

    private final HttpServer server;
    private final ExecutorService threads;
    private final String root;

    /**
     * Takes a port of 127.0.0.1 and begins to answer: the first address with a page, another with
     * what {@code handler} says, where what it throws ends the connection.
     *
     * @param port 0 for any that is free
     * @param option that the port was given by, for messages
     */
    LocalServer(
            int port, String option, String html, String method, String path, HttpHandler handler) {
        boolean isPort = port >= 0 && port <= LARGEST_PORT;
        String range = "%s %d: a port is 0 to %d, 0 for any free one";
        expect(isPort, range, option, port, LARGEST_PORT);
        try {
            InetAddress here = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
            server = HttpServer.create(new InetSocketAddress(here, port), 0);
        } catch (IOException e) {
            String text =
                    e instanceof BindException
                            ? "port %d of 127.0.0.1 is in use or not permitted: give %s another, or"
                                    + " 0 for any free one"
                            : "no server can be started on 127.0.0.1 (%3$s)";
            throw new QuernException(
                    QuernException.Kind.USAGE, text.formatted(port, option, e.getMessage()), e);
        }
        byte[] token = new byte[TOKEN_BYTES];
        new SecureRandom().nextBytes(token);
        root = "/" + Base64.getUrlEncoder().withoutPadding().encodeToString(token) + "/";
        threads =
                new ThreadPoolExecutor(
                        0,
                        Integer.MAX_VALUE, // there are no more than connections
                        10,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        task -> {
                            Thread thread = new Thread(null, task, "web", STACK_BYTES);
                            thread.setDaemon(true);
                            return thread;
                        });
        server.setExecutor(threads);
        on("GET", "/", exchange -> text(exchange, 404, "There is nothing here.\n"));
        on("GET", root, exchange -> send(exchange, 200, "text/html; charset=utf-8", html));
        on(method, root + path, handler);
        server.start();
    }

    private static void deadline(String property, int value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, Integer.toString(value));
        }
    }

    private void on(String method, String path, HttpHandler handler) {
        server.createContext(
                path,
                exchange -> {
                    try (exchange) {
                        if (!isForUs(exchange)) {
                            text(exchange, 403, "This server answers to 127.0.0.1 alone.\n");
                        } else if (!exchange.getRequestURI().getPath().equals(path)) {
                            text(exchange, 404, "There is nothing here.\n");
                        } else if (!exchange.getRequestMethod().equals(method)) {
                            exchange.getResponseHeaders().set("Allow", method);
                            text(exchange, 405, "Only " + method + ".\n");
                        } else {
                            handler.handle(exchange);
                        }
                    }
                });
    }

    private boolean isForUs(HttpExchange exchange) {
        String host = exchange.getRequestHeaders().getFirst("Host");
        String origin = exchange.getRequestHeaders().getFirst("Origin");
        boolean isOurs =
                ("127.0.0.1:" + port()).equals(host) || ("localhost:" + port()).equals(host);
        return isOurs && (origin == null || origin.equals("http://" + host));
    }

    static void text(HttpExchange exchange, int status, String text) throws IOException {
        send(exchange, status, "text/plain; charset=utf-8", text);
    }

    static void send(HttpExchange exchange, int status, String type, String text)
            throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (exchange.getRequestMethod().equals("HEAD")) { // the JDK would complain of a text
            begin(exchange, status, type, -1);
        } else {
            begin(exchange, status, type, bytes.length).write(bytes);
        }
    }

    /** Begins an answer of so many bytes: 0 if their number is not known, −1 for none. */
    static OutputStream begin(HttpExchange exchange, int status, String type, long length)
            throws IOException {
        Headers headers = exchange.getResponseHeaders();
        headers.set("Content-Type", type);
        headers.set("Content-Security-Policy", "frame-ancestors 'none'"); // the rest is in pages
        headers.set("Cross-Origin-Resource-Policy", "same-origin");
        headers.set("Referrer-Policy", "no-referrer");
        headers.set("X-Content-Type-Options", "nosniff");
        headers.set("Cache-Control", "no-store");
        exchange.sendResponseHeaders(status, length);
        return exchange.getResponseBody();
    }

    int port() {
        return server.getAddress().getPort();
    }

    String address() {
        return "http://127.0.0.1:" + port() + root;
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
