package org.quern.web;

import static org.quern.QuernException.expect;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.quern.QuernException;

/**
 * Pages for one user of this machine: bound to 127.0.0.1 alone, below a token that only who is told
 * the address knows, and deaf to requests under any other name (DNS rebinding) or from any other
 * origin. One thread reads all requests; only one that is whole, and knows the token, gets a thread
 * of its own, so that whoever sends half of a request keeps nobody waiting. (The JDK's own server
 * has a thread wait for each of them.)
 */
final class LocalServer implements AutoCloseable {
    private static final int LARGEST_PORT = 65_535;

    /** Bits of a token that nobody guesses. */
    private static final int TOKEN_BYTES = 16;

    /** Connections whose request is not whole; for one more, the oldest of them is closed. */
    private static final int MOST_WAITING = 1024;

    /** At a time; then requests are read. */
    private static final int MOST_ACCEPTED = 64;

    /** How long a request may take until it is whole. */
    private static final long PATIENCE_NANOS = 2_000_000_000;

    private static final int TICK_MILLIS = 200;

    /**
     * Of those who know the address, so many at a time: browsers that watch a run hold one each.
     */
    private static final int MOST_THREADS = 64;

    /** Answers a request, whose connection is closed then; what it throws is that nobody reads. */
    interface Handler {
        void answer(Request request) throws IOException;
    }

    private record Route(String method, Handler handler) {}

    private final ServerSocketChannel server;
    private final Selector selector;
    private final ExecutorService threads;
    private final Thread reader;
    private final String root;
    private final Map<String, Route> routes;
    private final int port;

    /** The connections whose requests are not whole, the oldest first. */
    private final Set<SelectionKey> waiting = new LinkedHashSet<>();

    private final List<SelectionKey> whole = new ArrayList<>();
    private volatile boolean closed;

    /**
     * Takes a port of 127.0.0.1 and begins to answer: the first address with a page, another with
     * what {@code handler} says.
     *
     * @param port 0 for any that is free
     * @param option that the port was given by, for messages
     */
    LocalServer(int port, String option, String html, String method, String path, Handler handler) {
        boolean isPort = port >= 0 && port <= LARGEST_PORT;
        String range = "%s %d: a port is 0 to %d, 0 for any free one";
        expect(isPort, range, option, port, LARGEST_PORT);
        try {
            SelectionKey key = listen(port);
            selector = key.selector();
            server = (ServerSocketChannel) key.channel();
            this.port = server.socket().getLocalPort();
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
        Handler page = request -> request.answer(200, "text/html; charset=utf-8", html);
        routes = Map.of(root, new Route("GET", page), root + path, new Route(method, handler));
        threads =
                new ThreadPoolExecutor(
                        0,
                        MOST_THREADS,
                        10,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        task -> daemon(task, "web"));
        reader = daemon(this::read, "web requests");
        reader.start();
    }

    private static SelectionKey listen(int port) throws IOException {
        InetAddress here = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
        ServerSocketChannel server = ServerSocketChannel.open();
        try {
            server.configureBlocking(false);
            server.bind(new InetSocketAddress(here, port), MOST_WAITING);
            return server.register(Selector.open(), SelectionKey.OP_ACCEPT);
        } catch (IOException e) {
            server.close();
            throw e;
        }
    }

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    // ---- the thread that reads

    private void read() {
        try (selector;
                server) {
            while (!closed) {
                selector.select(this::ready, TICK_MILLIS);
                while (!waiting.isEmpty() && request(oldest()).nanos() > PATIENCE_NANOS) {
                    hangUp(oldest());
                }
                if (!whole.isEmpty()) {
                    selector.selectNow(key -> {}); // lets go of them
                    whole.forEach(key -> answer(request(key)));
                    whole.clear();
                }
            }
            List.copyOf(waiting).forEach(this::hangUp);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private SelectionKey oldest() {
        return waiting.iterator().next();
    }

    private static Request request(SelectionKey key) {
        return (Request) key.attachment();
    }

    private void ready(SelectionKey key) {
        if (request(key) == null) {
            accept();
            return;
        }
        Request request = request(key);
        try {
            request.read();
            if (request.isWhole() || request.hasHead() && refusal(request) != null) {
                key.cancel();
                waiting.remove(key);
                whole.add(key);
            }
        } catch (IOException e) { // it was closed from there
            hangUp(key);
        }
    }

    private void accept() {
        try {
            for (int i = 0; i < MOST_ACCEPTED; i++) {
                SocketChannel channel = server.accept();
                if (channel == null) {
                    return;
                }
                await(new Request(channel));
            }
        } catch (IOException e) { // it has left, or there are no file handles
            if (waiting.isEmpty()) {
                LockSupport.parkNanos(TICK_MILLIS * 1_000_000L);
            } else {
                hangUp(oldest());
            }
        }
    }

    private void await(Request request) throws IOException {
        try {
            waiting.add(request.register(selector));
        } catch (IOException e) {
            close(request);
            throw e;
        }
        if (waiting.size() > MOST_WAITING) {
            hangUp(oldest());
        }
    }

    private void hangUp(SelectionKey key) {
        waiting.remove(key);
        try {
            request(key).close();
        } catch (IOException e) {
            key.cancel(); // it cannot be closed, but is forgotten
        }
    }

    private void answer(Request request) {
        Handler refusal = refusal(request);
        if (refusal != null) {
            refuse(request, refusal);
            return;
        }
        Handler handler = routes.get(request.path()).handler;
        try {
            threads.execute(() -> answer(request, handler));
        } catch (RejectedExecutionException e) {
            refuse(request, of -> of.refuse(503, "Too many pages are open.\n"));
        }
    }

    /** What answers a request that is for no handler, whatever its body; null if it is for one. */
    private Handler refusal(Request request) {
        Route route = routes.get(request.path());
        if (request.fault() != 0) {
            return of -> of.refuse(of.fault(), "This request is not understood.\n");
        } else if (!isForUs(request)) {
            return of -> of.refuse(403, "This server answers to 127.0.0.1 alone.\n");
        } else if (route == null) {
            return of -> of.refuse(404, "There is nothing here.\n");
        } else if (!request.method().equals(route.method)) {
            return of -> of.refuse(405, "Only " + route.method + ".\n", "Allow: " + route.method);
        }
        return null;
    }

    /** So few bytes that nobody has to read them for them to be sent. */
    private void refuse(Request request, Handler refusal) {
        try {
            refusal.answer(request);
            await(request);
        } catch (IOException e) { // it has left
            close(request);
        }
    }

    private static void close(Request request) {
        try {
            request.close();
        } catch (IOException e) {
            return; // it is forgotten all the same
        }
    }

    private static void answer(Request request, Handler handler) {
        try (request) {
            handler.answer(request);
        } catch (IOException e) {
            return; // who asked has left
        }
    }

    private boolean isForUs(Request request) {
        String host = request.header("Host");
        String origin = request.header("Origin");
        boolean isOurs = ("127.0.0.1:" + port).equals(host) || ("localhost:" + port).equals(host);
        return isOurs && (origin == null || origin.equals("http://" + host));
    }

    int port() {
        return port;
    }

    String address() {
        return "http://127.0.0.1:" + port + root;
    }

    @Override
    public void close() {
        closed = true;
        selector.wakeup();
        threads.shutdownNow();
        try {
            reader.join(); // the port is free then
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
