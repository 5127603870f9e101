package org.quern.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.quern.cli.Torture.check;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.quern.cli.TortureJobs.Fault;
import org.quern.cli.TortureJobs.Job;

/** A page that others want to keep from answering. */
final class PageAttack {
    private final TortureJobs jobs;

    PageAttack(TortureJobs jobs) {
        this.jobs = jobs;
    }

    /**
     * A thousand connections that ask for nothing, or for half of something, and a reader who asks
     * again and again.
     */
    String attack() throws Exception {
        jobs.jobs();
        Job draw = new Job("draw", "whole", "", "draw run");
        Path folder = jobs.folder(draw);
        Process server = jobs.start(draw, folder, "run", Fault.NONE);
        List<Double> millis = new ArrayList<>();
        int opened = 0;
        long threads = 0;
        try {
            URI page = address(server, folder.resolve("run.out"));
            List<SocketChannel> idle = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                for (int k = 0; k < 1000; k++) {
                    if (k == idle.size()) {
                        idle.add(connect(page, k));
                        opened++;
                    } else if (isClosed(idle.get(k))) {
                        idle.set(k, connect(page, k)).close();
                        opened++;
                    }
                }
                long began = System.nanoTime();
                HttpURLConnection reader = (HttpURLConnection) page.toURL().openConnection();
                reader.setReadTimeout(10_000);
                check(reader.getResponseCode() == 200, "status %d", reader.getResponseCode());
                reader.getInputStream().readAllBytes();
                millis.add((System.nanoTime() - began) / 1e6);
                try (Stream<Path> all = Files.list(Path.of("/proc/" + server.pid() + "/task"))) {
                    threads = Math.max(threads, all.count());
                }
                Thread.sleep(30);
            }
            for (SocketChannel channel : idle) {
                channel.close();
            }
            Collections.sort(millis);
            // one of them may have waited for a processor
            check(millis.get(millis.size() / 2) < 100, "a page takes %s ms", millis);
            check(threads < 64, "the page's process has %d threads", threads);
        } catch (AssertionError | IOException e) {
            Torture.problem("connections: %s", e);
        } finally {
            server.destroy();
            TortureJobs.end(server, folder, "run");
        }
        return "%d connections, 1,000 at a time; pages in %s ms; %d threads at most"
                .formatted(opened, quantiles(millis), threads);
    }

    private static String quantiles(List<Double> sorted) {
        int last = sorted.size() - 1;
        return last < 0
                ? "no"
                : "%.1f (median of %d), %.1f (the slowest)"
                        .formatted(sorted.get(last / 2), last + 1, sorted.get(last));
    }

    private static URI address(Process server, Path out) throws Exception {
        Pattern address = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/\\S+");
        while (server.isAlive()) {
            Matcher told = address.matcher(Files.readString(out));
            if (told.find()) {
                return URI.create(told.group());
            }
            Thread.sleep(20);
        }
        throw new AssertionError("it gives no address: " + Files.readString(out));
    }

    /** Every other one begins a request. */
    private static SocketChannel connect(URI page, int number) throws IOException {
        SocketChannel channel =
                SocketChannel.open(new InetSocketAddress("127.0.0.1", page.getPort()));
        channel.write(UTF_8.encode(number % 2 == 0 ? "" : "GET / HTTP/1.1\r\nHost: "));
        channel.configureBlocking(false);
        return channel;
    }

    /** Whether the other side has hung up. */
    private static boolean isClosed(SocketChannel channel) {
        try {
            return channel.read(ByteBuffer.allocate(1000)) < 0;
        } catch (IOException e) {
            return true;
        }
    }
}
