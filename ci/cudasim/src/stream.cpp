/*
 * Streams: work is queued, and done when somebody waits for it or asks how far it is, or when the seed says so. So a
 * host that reads results too early, or writes over what is still to be copied, gets what it deserves.
 */
#include <algorithm>
#include <chrono>

#include "sim.h"

namespace cudasim {

static std::vector<Stream *> streams;
static Result stuck = SUCCESS;

Result sticky() { return stuck; }

void set_sticky(Result result) {
    if (stuck == SUCCESS && result != SUCCESS) stuck = result;
}

void add_stream(Stream *stream) { streams.push_back(stream); }

void remove_stream(Stream *stream) { streams.erase(std::find(streams.begin(), streams.end(), stream)); }

bool anything_captures() {
    return std::any_of(streams.begin(), streams.end(), [](Stream *s) { return s->capturing; });
}

static void run_first(Stream *stream) {
    Task task = std::move(stream->tasks.front());
    stream->tasks.pop_front();
    if (task.wait_stream) drain_until(task.wait_stream, task.wait_number);
    if (task.work && stuck == SUCCESS) set_sticky(task.work());
    stream->done++;
}

Result drain_until(Stream *stream, uint64_t number) {
    while (stream->done < number && !stream->tasks.empty()) run_first(stream);
    return stuck;
}

Result drain(Stream *stream) { return drain_until(stream, stream->asked); }

Result drain_all() {
    for (Stream *stream : streams) drain(stream);
    return stuck;
}

void progress() {
    std::vector<Stream *> busy;
    for (Stream *stream : streams) {
        if (!stream->tasks.empty()) busy.push_back(stream);
    }
    if (busy.empty()) return;
    Stream *stream = busy[draw() % busy.size()];
    for (uint64_t n = 1 + draw() % 4; n > 0 && !stream->tasks.empty(); n--) run_first(stream);
}

static void ask(Stream *stream, Task task) {
    stream->tasks.push_back(std::move(task));
    stream->asked++;
    if (draw() % 8 == 0) progress();
}

Result enqueue(Stream *stream, Work work) {
    if (stuck != SUCCESS) return stuck;
    if (stream->capturing) {
        stream->captured.push_back(std::move(work));
        return SUCCESS;
    }
    ask(stream, Task{std::move(work), nullptr, 0});
    return SUCCESS;
}

Result enqueue_wait(Stream *stream, Event *event) {
    if (stream->capturing) {
        stream->invalid = true; /* forks of a capture are not simulated */
        return STREAM_CAPTURE_UNSUPPORTED;
    }
    ask(stream, Task{nullptr, event->stream, event->number});
    return stuck;
}

Result record(Stream *stream, Event *event) {
    if (stream->capturing) {
        stream->invalid = true;
        return STREAM_CAPTURE_UNSUPPORTED;
    }
    Result result = enqueue(stream, [event] {
        event->seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
        return SUCCESS;
    });
    event->stream = stream;
    event->number = stream->asked;
    return result;
}

bool happened(const Event *event) { return !event->stream || event->stream->done >= event->number; }

}  // namespace cudasim
