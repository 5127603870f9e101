package org.quern.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
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
            live.close(); // hangs up on those who listen
            String text = new String(events.readAllBytes(), StandardCharsets.UTF_8);
            assertThat(text.split("\"epoch\":", -1).length).isBetween(150, 405);
            assertThatThrownBy(() -> send(live.address(), "GET", null))
                    .isInstanceOf(ConnectException.class);
        }
    }

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
        }
    }

    /**
     * A thousand who begin a request and never end it; how fast it answers, ci/torture measures.
     */
    @Test
    void halfRequestsLeaveThePageAnswering() throws Exception {
        List<Socket> half = new ArrayList<>();
        try (LocalServer server =
                new LocalServer(0, "--port", "page", "GET", "none", exchange -> {})) {
            for (int i = 0; i < 1000; i++) {
                Socket socket = new Socket("127.0.0.1", server.port());
                half.add(socket);
                socket.getOutputStream().write("GET / HTTP/1.1\r\nHo".getBytes());
            }
            assertThat(send(server.address(), "GET", null).body()).isEqualTo("page");
        } finally {
            for (Socket socket : half) {
                socket.close();
            }
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
