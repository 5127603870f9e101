package org.quern.web;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.QuernException;
import org.quern.io.Json;
import org.quern.report.Numbers;
import org.quern.report.page.RunPage;
import org.quern.run.Curve;
import org.quern.train.EpochResult;
import org.quern.train.Listener;
import org.quern.train.Progress;
import org.quern.train.Trainer;

/**
 * The page of a run while it goes on, on 127.0.0.1. Who has it open is told of news by server-sent
 * events, at most twice a second; the page takes nothing from anybody. The training thread only
 * notes a few numbers; all else is done by the threads of those who watch.
 */
public final class LivePage implements Listener, AutoCloseable {
    private static final long PAUSE_MILLIS = 500;

    /** How long the end of a run waits for the last news to be on their way. */
    private static final long PATIENCE_MILLIS = 2000;

    private final LocalServer server;
    private final Curve curve;
    private final List<EpochResult> epochs = new ArrayList<>();
    private final int rows;
    private Progress progress;
    private long news;
    private String last;
    private boolean closed;
    private int watchers;

    /** What the page's script takes as news. */
    private record State(
            String state,
            List<EpochResult> epochs,
            List<Curve.Point> points,
            Progress progress,
            String left) {}

    /**
     * Takes the port, 0 for any.
     *
     * @param page as it is before the first step
     * @param curve that listens to the trainer before this does
     * @param rows of an epoch
     */
    public LivePage(int port, RunPage page, Curve curve, int rows) {
        this.curve = curve;
        this.rows = rows;
        String html = page.live().html();
        server = new LocalServer(port, "--watch", html, "GET", "events", this::events);
    }

    public String address() {
        return server.address();
    }

    @Override
    public void begin(Trainer trainer) {
        List<EpochResult> before = trainer.checkpoint().epochs();
        synchronized (this) {
            epochs.addAll(before);
            changed();
        }
    }

    @Override
    public synchronized Verdict progress(Progress now) {
        progress = now;
        changed();
        return Verdict.GO_ON;
    }

    @Override
    public synchronized Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        epochs.add(result);
        changed();
        return Verdict.GO_ON;
    }

    private void changed() {
        news++;
        notifyAll();
    }

    /** Tells everybody how the run ended. */
    public void end(RunPage page) {
        Map<String, Object> data = new LinkedHashMap<>(page.data());
        data.put("state", "finished");
        over("end", data);
    }

    /** Tells everybody that the run ended before its time, and why, or how to go on with it. */
    public void stop(QuernException why) {
        synchronized (this) {
            if (last != null) {
                return; // all was told already
            }
        }
        boolean asked = why.kind() == QuernException.Kind.INTERRUPTED;
        over("stop", Map.of("state", asked ? "interrupted" : "failed", "note", why.getMessage()));
    }

    private void over(String name, Object data) {
        String event = event(name, data);
        synchronized (this) {
            last = event;
            changed();
        }
    }

    private void events(Request request) throws IOException {
        synchronized (this) {
            watchers++;
        }
        try (OutputStream out = request.begin(200, "text/event-stream", List.of())) {
            long told = -1;
            int known = -1;
            for (boolean over = false; !over; ) {
                State state;
                synchronized (this) {
                    while (news == told && last == null && !closed) {
                        wait();
                    }
                    told = news;
                    over = last != null || closed;
                    state = over ? null : state(known);
                    known = epochs.size();
                }
                // made outside of the lock, which the training thread takes too
                String event = over ? last : event("state", state);
                if (event != null) {
                    out.write(event.getBytes(StandardCharsets.UTF_8));
                    out.flush();
                }
                if (!over) {
                    Thread.sleep(PAUSE_MILLIS);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            synchronized (this) {
                watchers--;
                notifyAll();
            }
        }
    }

    /** The news; the epochs if there are others than so many. */
    private State state(int known) {
        String text = RunPage.WAITING;
        String left = null;
        Progress p = progress;
        if (p != null) {
            text = "training: epoch %d of %d, step %,d of %,d";
            text = text.formatted(p.epoch(), p.epochs(), p.step(), p.steps());
            left = Numbers.clock(p.secondsLeft(rows));
        }
        List<EpochResult> some = known == epochs.size() ? null : RunPage.some(epochs);
        return new State(text, some, curve.points(), p, left);
    }

    private static String event(String name, Object data) {
        return "event: " + name + "\ndata: " + Json.forPage(data) + "\n\n";
    }

    /** Ends the page: with {@link #end}'s news if there was such, else by hanging up. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
            long until = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
            try {
                for (long left = PATIENCE_MILLIS; watchers > 0 && left > 0; ) {
                    wait(left);
                    left = (until - System.nanoTime()) / 1_000_000;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        server.close();
    }
}
