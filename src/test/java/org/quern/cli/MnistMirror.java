package org.quern.cli;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import org.quern.QuernException;
import org.quern.data.MnistFetch;

/** A server with the files of MNIST, and fetching from it: {@code MnistMirror ADDRESS FOLDER}. */
final class MnistMirror {
    private final HttpServer server;

    /** Of a folder with its files. */
    MnistMirror(Path folder) throws IOException {
        InetAddress here = InetAddress.getLoopbackAddress();
        server = HttpServer.create(new InetSocketAddress(here, 0), 0);
        server.createContext(
                "/",
                exchange -> {
                    String name =
                            Path.of(exchange.getRequestURI().getPath()).getFileName().toString();
                    byte[] all = Files.readAllBytes(folder.resolve(name));
                    String range = exchange.getRequestHeaders().getFirst("Range");
                    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
                    int status = range == null ? 200 : from < all.length ? 206 : 416;
                    exchange.sendResponseHeaders(status, status == 416 ? -1 : all.length - from);
                    if (status != 416) {
                        exchange.getResponseBody().write(all, from, all.length - from);
                    }
                    exchange.close();
                });
        server.setExecutor(
                Executors.newCachedThreadPool(
                        task -> {
                            Thread thread = new Thread(task);
                            thread.setDaemon(true);
                            return thread;
                        }));
        server.start();
    }

    String address() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/";
    }

    /** What {@code data fetch} does, but from a server of this machine. */
    static Cli.Outcome fetch(String mirror, Path folder) throws Exception {
        Constructor<MnistFetch> from =
                MnistFetch.class.getDeclaredConstructor(List.class, Duration.class, Map.class);
        from.setAccessible(true);
        try {
            from.newInstance(List.of(URI.create(mirror)), Duration.ofSeconds(20), Map.of())
                    .into(folder, (file, done, total) -> {});
        } catch (QuernException e) {
            return new Cli.Outcome(e.kind().exitCode(), "", "quern: " + e.getMessage() + "\n");
        }
        return new Cli.Outcome(0, "", "");
    }

    public static void main(String[] arguments) throws Exception {
        Cli.Outcome outcome = fetch(arguments[0], Path.of(arguments[1]));
        System.err.print(outcome.err());
        System.exit(outcome.code());
    }
}
