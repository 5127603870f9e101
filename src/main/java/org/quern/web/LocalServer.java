package org.quern.web;

import static org.quern.QuernException.usage;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.quern.QuernException;

/**
 * Pages for the user of this machine: bound to 127.0.0.1 alone, and deaf to requests under any
 * other name, so that no page from elsewhere reads them through a name that leads here (DNS
 * rebinding).
 */
final class LocalServer implements AutoCloseable {
    private static final int LARGEST_PORT = 65_535;

    /** Nothing from elsewhere, and no scripts but those of the page itself. */
    private static final String POLICY =
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
                    + " img-src data:; connect-src 'self'; form-action 'none';"
                    + " frame-ancestors 'none'; base-uri 'none'";

    private final HttpServer server;

    /**
     * Takes a port of 127.0.0.1 and begins to answer: the first address with a page, another with
     * what {@code handler} says, where what it throws ends the connection.
     *
     * @param port 0 for any that is free
     * @param option that the port was given by, for messages
     */
    LocalServer(
            int port, String option, String html, String method, String path, HttpHandler handler) {
        if (port < 0 || port > LARGEST_PORT) {
            throw usage("%s %d: a port is 0 to %d, 0 for any free one", option, port, LARGEST_PORT);
        }
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
        server.setExecutor(
                task -> {
                    Thread thread = new Thread(task, "web");
                    thread.setDaemon(true);
                    thread.start();
                });
        on("GET", "/", exchange -> send(exchange, 200, "text/html; charset=utf-8", html));
        on(method, path, handler);
        server.start();
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
        return ("127.0.0.1:" + port()).equals(host) || ("localhost:" + port()).equals(host);
    }

    static void text(HttpExchange exchange, int status, String text) throws IOException {
        send(exchange, status, "text/plain; charset=utf-8", text);
    }

    static void send(HttpExchange exchange, int status, String type, String text)
            throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        headers(exchange, type);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    /** Begins an answer whose length is not known. */
    static OutputStream stream(HttpExchange exchange, String type) throws IOException {
        headers(exchange, type);
        exchange.sendResponseHeaders(200, 0);
        return exchange.getResponseBody();
    }

    private static void headers(HttpExchange exchange, String type) {
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.getResponseHeaders().set("Content-Security-Policy", POLICY);
        exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
    }

    int port() {
        return server.getAddress().getPort();
    }

    String address() {
        return "http://127.0.0.1:" + port() + "/";
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
