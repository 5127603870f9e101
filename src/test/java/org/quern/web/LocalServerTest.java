package org.quern.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.UnixOperatingSystemMXBean;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Digits;
import org.quern.data.Splits;
import org.quern.io.ModelFile.SavedModel;
import org.quern.model.Model;
import org.quern.model.Scaling;
import org.quern.plan.Loss;
import org.quern.plan.Plan;
import org.quern.report.page.RunPage;
import org.quern.run.RunReport;
import org.quern.train.Evaluation;
import org.quern.train.Listener;
import org.quern.train.Predictor;
import org.quern.train.Progress;
import org.quern.train.Trainer;
import org.quern.train.TrainingConfig;

/** What the pages of this machine answer, and whom. */
@Tag("jdk")
class LocalServerTest {
    private static final Model MODEL = Model.input(28, 28).scaled(Scaling.UNIT).dense(10);
    private static final Splits DIGITS = Digits.splits(2000, 200);

    private final HttpClient client = HttpClient.newHttpClient();

    private HttpResponse<String> send(String address, String method, byte[] body)
            throws IOException, InterruptedException {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(address))
                        .timeout(Duration.ofSeconds(20))
                        .method(
                                method,
                                body == null
                                        ? BodyPublishers.noBody()
                                        : BodyPublishers.ofByteArray(body));
        return client.send(request.build(), BodyHandlers.ofString());
    }

    private static RunPage page(Trainer trainer, RunReport report) {
        return new RunPage("Test", report.values(), MODEL, trainer.config().loss());
    }

    @Test
    void nobodyElseIsAnswered() throws Exception {
        try (Trainer trainer = Trainer.open(TrainingConfig.of(MODEL))) {
            RunReport report = new RunReport(trainer, "java", "digits", 1);
            try (LivePage live = new LivePage(0, page(trainer, report), report.curve(), 2000)) {
                String address = live.address();
                int port = URI.create(address).getPort();
                assertThat(send(address, "GET", null).statusCode()).isEqualTo(200);
                for (String method : List.of("POST", "PUT", "DELETE", "PATCH")) {
                    HttpResponse<String> answer = send(address, method, new byte[] {1});
                    assertThat(answer.statusCode()).as(method).isEqualTo(405);
                    assertThat(answer.headers().firstValue("Allow")).contains("GET");
                }
                assertThat(send(address + "../etc/passwd", "GET", null).statusCode())
                        .isEqualTo(404);
                assertThat(send(address + "events/more", "GET", null).statusCode()).isEqualTo(404);
                String path = URI.create(address).getPath();
                assertThat(path).matches("/[\\w-]{22}/");
                assertThat(asHost(port, path, "example.org")).startsWith("HTTP/1.1 403 ");
                assertThat(asHost(port, path, "example.org:" + port)).startsWith("HTTP/1.1 403 ");
                assertThat(asHost(port, path, "localhost:" + port)).startsWith("HTTP/1.1 200 ");
                String here = "localhost:" + port;
                for (String other : List.of("/", "/events", "/AAAAAAAAAAAAAAAAAAAAAA/")) {
                    assertThat(asHost(port, other, here)).as(other).startsWith("HTTP/1.1 404 ");
                }
                String from = here + "\r\nOrigin: ";
                assertThat(asHost(port, path, from + "http://example.org")).contains(" 403 ");
                assertThat(asHost(port, path, from + "null")).contains(" 403 ");
                assertThat(asHost(port, path, from + "http://" + here)).contains(" 200 ");
                HttpResponse<String> answer = send(address, "GET", null);
                assertThat(answer.headers().map())
                        .containsKeys(
                                "content-security-policy",
                                "cross-origin-resource-policy",
                                "x-content-type-options");
                assertThat(answer.body())
                        .containsPattern(
                                "script-src( 'sha256-[^ ;']+')+; style-src-elem 'sha256-[^ ;']+'; ")
                        .doesNotContain("unsafe-eval");
            }
        }
    }

    private static String asHost(int port, String path, String host) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.getOutputStream()
                    .write(
                            ("GET "
                                            + path
                                            + " HTTP/1.1\r\nHost: "
                                            + host
                                            + "\r\nConnection: close\r\n\r\n")
                                    .getBytes(StandardCharsets.US_ASCII));
            InputStream in = socket.getInputStream();
            return new String(in.readNBytes(64), StandardCharsets.US_ASCII);
        }
    }

    @Test
    void itListensOnTheLoopbackAlone() throws Exception {
        List<InetAddress> others = new ArrayList<>();
        for (NetworkInterface each : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            others.addAll(Collections.list(each.getInetAddresses()));
        }
        others.removeIf(
                address -> address.isLoopbackAddress() || !(address.getAddress().length == 4));
        Assumptions.assumeFalse(others.isEmpty(), "this machine has no address but the loopback");
        try (LocalServer server = new LocalServer(0, "--port", "", "GET", "none", exchange -> {})) {
            for (InetAddress other : others) {
                assertThatThrownBy(() -> new Socket(other, server.port()).close())
                        .as(other.toString())
                        .isInstanceOf(ConnectException.class);
            }
        }
    }

    /** Listens to a run as a browser does: news come at most twice a second, the end at once. */
    @Test
    void newsOfARunAndItsEnd() throws Exception {
        try (Trainer trainer = Trainer.open(TrainingConfig.of(MODEL))) {
            RunReport report = new RunReport(trainer, "java", "digits", 1);
            try (LivePage live = new LivePage(0, page(trainer, report), report.curve(), 2000)) {
                HttpRequest request =
                        HttpRequest.newBuilder(URI.create(live.address() + "events")).build();
                var events = client.sendAsync(request, BodyHandlers.ofString());
                trainer.listen(live);
                long start = System.nanoTime();
                int told = 0;
                while (System.nanoTime() - start < 1_500_000_000L) {
                    live.progress(new Progress(1, 1, told % 63, 63, 1.5, 0.5, 1e5));
                    told++;
                    Thread.sleep(5);
                }
                trainer.fit(DIGITS.train(), 1);
                Evaluation evaluation = trainer.evaluate(DIGITS.test());
                double seconds = (System.nanoTime() - start) * 1e-9;
                live.end(page(trainer, report).test(evaluation, DIGITS.test()));
                String text = events.get(20, java.util.concurrent.TimeUnit.SECONDS).body();
                List<String> kinds = text.lines().filter(l -> l.startsWith("event: ")).toList();
                assertThat(kinds.subList(0, kinds.size() - 1)).containsOnly("event: state");
                assertThat(kinds).last().isEqualTo("event: end");
                assertThat(kinds.size()).isBetween(4, (int) (5 * seconds) + 3);
                assertThat(told).isGreaterThan(5 * kinds.size());
                assertThat(text).contains("\"state\":\"training: epoch 1 of 1, step ");
                assertThat(text).contains("\"state\":\"finished\"");
            }
        }
    }

    /** A run of many hours tells of no more points than a short one. */
    @Test
    void aLongCurveIsThinned() throws Exception {
        try (Trainer trainer = Trainer.open(TrainingConfig.of(MODEL))) {
            RunReport report = new RunReport(trainer, "java", "digits", 1);
            LivePage live = new LivePage(0, page(trainer, report), report.curve(), 2000);
            for (int i = 0; i < 100_000; i++) {
                Progress now = new Progress(1 + i / 1000, 100, i % 1000, 1000, 1, 0.5, 1e5);
                report.curve().progress(now);
                live.progress(now);
            }
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(live.address() + "events")).build();
            InputStream events = client.send(request, BodyHandlers.ofInputStream()).body();
            String text = (char) events.read() + ""; // it is told of the state
            live.close(); // hangs up on those who listen
            text += new String(events.readAllBytes(), StandardCharsets.UTF_8);
            assertThat(text.split("\"epoch\":", -1).length).isBetween(150, 405);
            assertThatThrownBy(() -> send(live.address(), "GET", null))
                    .isInstanceOf(ConnectException.class);
        }
    }

    @SuppressWarnings("try") // it is closed early, to be of no use
    @Test
    void aDrawingIsAnswered() throws Exception {
        Backend java = Usable.named("java");
        Plan plan = Plan.forInference(MODEL);
        float[] parameters = new float[(int) plan.parameters().size()];
        parameters[(int) plan.dense().get(0).bias().offset() + 4] = 2; // everything is a 4
        SavedModel model =
                new SavedModel(MODEL, Loss.CROSS_ENTROPY, parameters, List.of(), Map.of());
        try (Predictor predictor =
                        new Predictor(
                                MODEL,
                                Loss.CROSS_ENTROPY,
                                parameters,
                                java,
                                Backend.Options.DEFAULT);
                DrawServer server = new DrawServer(0, model, predictor)) {
            assertThat(send(server.address(), "GET", null).body()).contains("\"canvas\"");
            byte[] ink = new byte[DrawServer.SIDE * DrawServer.SIDE];
            assertThat(send(server.address() + "predict", "POST", ink).body()).isEqualTo("{}");
            for (int i = 0; i < 60; i++) {
                ink[(40 + i) * DrawServer.SIDE + 30] = -1;
            }
            String answer = send(server.address() + "predict", "POST", ink).body();
            assertThat(answer).matches("\\{\"seen\":\"[^\"]+\",\"probabilities\":\\[.*\\]\\}");
            assertThat(Base64.getDecoder().decode(answer.split("\"")[3].replace("\\u003d", "=")))
                    .hasSize(784);
            for (int length : new int[] {0, 783, ink.length - 1, ink.length + 1}) {
                HttpResponse<String> refused =
                        send(server.address() + "predict", "POST", new byte[length]);
                assertThat(refused.statusCode()).isEqualTo(400);
                assertThat(refused.body()).isEqualTo("Send 140 x 140 bytes of ink.\n");
            }
            assertThat(send(server.address() + "predict", "GET", null).statusCode()).isEqualTo(405);
            predictor.close();
            HttpResponse<String> failed = send(server.address() + "predict", "POST", ink);
            assertThat(failed.statusCode()).isEqualTo(500);
            assertThat(failed.body()).isEqualTo("this predictor was closed: open another\n");
        }
    }

    private static int webThreads() {
        return (int)
                Thread.getAllStackTraces().keySet().stream()
                        .filter(thread -> thread.getName().startsWith("web"))
                        .count();
    }

    /**
     * A thousand and more who begin a request and never end it, at every place: none of them has a
     * thread, and those who ask for the page get it.
     */
    @Test
    void halfRequestsKeepNobodyWaiting() throws Exception {
        List<Socket> half = new ArrayList<>();
        int before = webThreads();
        try (LocalServer server =
                new LocalServer(0, "--port", "page", "POST", "to", request -> {})) {
            String path = URI.create(server.address()).getPath();
            String host = "\r\nHost: 127.0.0.1:" + server.port() + "\r\n";
            String whole =
                    "POST " + path + "to HTTP/1.1" + host + "Content-Length: 9\r\n\r\n12345678";
            for (int i = 0; i < 1100; i++) {
                Socket socket = new Socket("127.0.0.1", server.port());
                half.add(socket);
                String begun = whole.substring(0, i % (whole.length() + 1));
                socket.getOutputStream().write(begun.getBytes(StandardCharsets.US_ASCII));
                if (i % 200 == 0) {
                    assertThat(send(server.address(), "GET", null).body()).isEqualTo("page");
                }
            }
            assertThat(send(server.address(), "GET", null).body()).isEqualTo("page");
            assertThat(webThreads() - before).isLessThan(5);
            // hung up on at last, each of them
            for (Socket socket : half) {
                socket.setSoTimeout(20_000);
                assertThat(socket.getInputStream().read()).isEqualTo(-1);
            }
        } finally {
            for (Socket socket : half) {
                socket.close();
            }
        }
    }

    private static String answer(int port, String request) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(10_000);
            byte[] bytes = request.getBytes(StandardCharsets.ISO_8859_1);
            int most = 1 + bytes.length / 500;
            for (int i = 0; i < bytes.length; i += most) { // may come in any pieces
                socket.getOutputStream().write(bytes, i, Math.min(most, bytes.length - i));
            }
            byte[] all = socket.getInputStream().readAllBytes();
            return new String(all, StandardCharsets.ISO_8859_1);
        }
    }

    @Test
    void aRequestIsWholeOrRefused() throws Exception {
        LocalServer.Handler echo =
                request -> request.answer(200, Request.TEXT, new String(request.body()));
        try (LocalServer server = new LocalServer(0, "--port", "page", "POST", "to", echo)) {
            String path = URI.create(server.address()).getPath();
            String host = "HTTP/1.1\r\nhost:\t127.0.0.1:" + server.port() + " \r\n";
            String post = "POST " + path + "to?a=b " + host;
            assertThat(answer(server.port(), post + "content-length: 3\r\n\r\nabc"))
                    .startsWith("HTTP/1.1 200 OK\r\n")
                    .contains("\r\nContent-Length: 3\r\n")
                    .endsWith("\r\n\r\nabc");
            assertThat(answer(server.port(), "HEAD " + path + " " + host + "\r\n"))
                    .startsWith("HTTP/1.1 405 ")
                    .contains("\r\nAllow: GET\r\n")
                    .endsWith("\r\n\r\n");
            Map<String, String> refused = new LinkedHashMap<>();
            refused.put("Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400");
            refused.put("Content-Length: -1\r\n\r\n", "400");
            refused.put("Content-Length: 70000\r\n\r\n", "413");
            refused.put("Transfer-Encoding: chunked\r\n\r\n", "501");
            refused.put("Host: 127.0.0.1:" + server.port() + "\r\n\r\n", "403");
            refused.put("no header\r\n\r\n", "400");
            refused.put(" folded: yes\r\n\r\n", "400");
            refused.put("  folded: yes\r\n\r\n", "400");
            refused.put("a: \u000bb\r\n\r\n", "400");
            refused.put("a:" + " ".repeat(15_000) + "\0\r\n\r\n", "400"); // and soon
            for (Map.Entry<String, String> each : refused.entrySet()) {
                assertThat(answer(server.port(), post + each.getKey()))
                        .as(each.getKey())
                        .startsWith("HTTP/1.1 " + each.getValue() + " ");
            }
            for (String first :
                    List.of("GET / HTTP/2\r\n", "get / HTTP/1.1\r\n", "\r\n", "\0\r\n")) {
                assertThat(answer(server.port(), first + "\r\n")).startsWith("HTTP/1.1 400 ");
            }
            assertThat(answer(server.port(), post + "a: " + "b".repeat(16_384 - post.length() - 2)))
                    .startsWith("HTTP/1.1 431 ");
        }
    }

    /** Whoever is refused has the answer before the body is sent, and may send it all the same. */
    @Test
    void theBodyOfARefusedRequestIsDropped() throws Exception {
        LocalServer.Handler none = request -> {};
        try (LocalServer server = new LocalServer(0, "--port", "page", "POST", "to", none)) {
            String path = URI.create(server.address()).getPath();
            String host = "localhost:" + server.port();
            Map<String, String> refused = new LinkedHashMap<>();
            refused.put("POST /to HTTP/1.1\r\nHost: " + host, "404");
            refused.put("PUT " + path + "to HTTP/1.1\r\nHost: " + host, "405");
            refused.put("POST " + path + "to HTTP/1.1\r\nHost: example.org", "403");
            for (Map.Entry<String, String> each : refused.entrySet()) {
                try (Socket socket = new Socket("127.0.0.1", server.port())) {
                    String head = each.getKey() + "\r\nContent-Length: 60000\r\n\r\n";
                    socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
                    String answer =
                            new String(
                                    socket.getInputStream().readAllBytes(),
                                    StandardCharsets.US_ASCII);
                    assertThat(answer).startsWith("HTTP/1.1 " + each.getValue() + " ");
                    for (int i = 0; i < 60; i++) {
                        socket.getOutputStream().write(new byte[1000]);
                    }
                }
            }
        }
    }

    @Test
    void aPortThatIsTakenCostsNoFileHandles() {
        var system = (UnixOperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        LocalServer.Handler none = request -> {};
        try (LocalServer server = new LocalServer(0, "--port", "page", "POST", "to", none)) {
            long before = system.getOpenFileDescriptorCount();
            for (int i = 0; i < 100; i++) {
                assertThatThrownBy(
                                () -> new LocalServer(server.port(), "--port", "", "GET", "", none))
                        .hasMessageContaining("is in use");
            }
            assertThat(system.getOpenFileDescriptorCount() - before).isLessThan(50);
        }
    }

    @Test
    void theListenerNeverStopsARun() {
        try (Trainer trainer = Trainer.open(TrainingConfig.of(MODEL))) {
            RunReport report = new RunReport(trainer, "java", "digits", 1);
            try (LivePage live = new LivePage(0, page(trainer, report), report.curve(), 2000)) {
                assertThat(live.progress(new Progress(1, 1, 1, 2, Double.NaN, 0, 1)))
                        .isEqualTo(Listener.Verdict.GO_ON);
            }
        }
    }
}
