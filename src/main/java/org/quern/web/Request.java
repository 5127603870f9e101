package org.quern.web;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A connection to a local page, and what has come of its request (HTTP/1.1, RFC 9112). There is one
 * request to a connection, which the answer ends.
 */
final class Request implements Closeable {
    /** A browser sends less than 1 kB; the cookies of other servers on 127.0.0.1 come along. */
    private static final int MOST_HEAD = 1 << 14;

    /** More than any page sends. */
    private static final int MOST_BODY = 1 << 16;

    /** The type of an answer that is a sentence. */
    static final String TEXT = "text/plain; charset=utf-8";

    private static final int FIRST_ROOM = 1 << 10;

    private static final Pattern FIRST_LINE = Pattern.compile("([A-Z]+) (\\S+) HTTP/1\\.[01]");

    /** Of control characters a value has tabs alone: what is trimmed off it is blanks and tabs. */
    private static final Pattern HEADER =
            Pattern.compile("([!#$%&'*+.^_`|~\\w-]+):([\t -~\\x80-\\xff]*)");

    private final SocketChannel channel;
    private long since = System.nanoTime();
    private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    private byte[] bytes = new byte[FIRST_ROOM];
    private int count;
    private int head;
    private int length;
    private String method = "";
    private String path = "";
    private int fault;
    private boolean isRefused;

    Request(SocketChannel channel) {
        this.channel = channel;
    }

    long nanos() {
        return System.nanoTime() - since;
    }

    /** Has a selector tell of what comes. */
    SelectionKey register(Selector selector) throws IOException {
        channel.configureBlocking(false);
        return channel.register(selector, SelectionKey.OP_READ, this);
    }

    /** Takes what has come, without waiting; once it was refused, drops it. */
    void read() throws IOException {
        if (isRefused) {
            count = 0;
        } else if (count == bytes.length) {
            bytes = Arrays.copyOf(bytes, 2 * count);
        }
        int from = Math.max(0, count - 3);
        int read = channel.read(ByteBuffer.wrap(bytes, count, bytes.length - count));
        if (read < 0) {
            throw new EOFException("nothing more comes");
        }
        count += read;
        if (isRefused) {
            return;
        }
        for (int i = from; head == 0 && i + 4 <= count; i++) {
            if (bytes[i] == '\r'
                    && new String(bytes, i, 4, StandardCharsets.ISO_8859_1).equals("\r\n\r\n")) {
                head = i + 4;
                fault = parse(new String(bytes, 0, i, StandardCharsets.ISO_8859_1));
            }
        }
        if (head == 0 && count > MOST_HEAD) {
            fault = 431;
        }
    }

    /** Whether all but the body is known, or what is wrong with it. */
    boolean hasHead() {
        return !isRefused && (fault != 0 || head > 0);
    }

    boolean isWhole() {
        return hasHead() && count >= head + length;
    }

    /** The status of what is wrong, or 0. */
    private int parse(String text) {
        String[] lines = text.split("\r\n", -1);
        Matcher first = FIRST_LINE.matcher(lines[0]);
        if (!first.matches()) {
            return 400;
        }
        method = first.group(1);
        path = first.group(2).split("[?]", 2)[0];
        for (String line : Arrays.asList(lines).subList(1, lines.length)) {
            Matcher header = HEADER.matcher(line);
            if (!header.matches()) {
                return 400;
            }
            // two of a name become what no one of them may be
            headers.merge(
                    header.group(1), header.group(2).trim(), (one, other) -> one + "," + other);
        }
        if (headers.containsKey("Transfer-Encoding")) {
            return 501;
        }
        String size = headers.getOrDefault("Content-Length", "0");
        if (!size.matches("\\d{1,9}")) {
            return 400;
        }
        length = Integer.parseInt(size);
        return length > MOST_BODY ? 413 : 0;
    }

    /** The status that refuses it, whatever it is for, or 0. */
    int fault() {
        return fault;
    }

    String method() {
        return method;
    }

    /** As it was sent, without a query. */
    String path() {
        return path;
    }

    /** Null if there is none. */
    String header(String name) {
        return headers.get(name);
    }

    byte[] body() {
        return Arrays.copyOfRange(bytes, head, head + length);
    }

    void answer(int status, String type, String text, String... headers) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        List<String> all = new ArrayList<>(List.of(headers));
        all.add("Content-Length: " + body.length);
        OutputStream out = begin(status, type, all);
        if (!method.equals("HEAD")) {
            out.write(body);
        }
    }

    /** Begins an answer, which ends with the connection. */
    OutputStream begin(int status, String type, List<String> headers) throws IOException {
        List<String> lines = new ArrayList<>();
        lines.add("HTTP/1.1 " + status + (status == 200 ? " OK" : " Refused"));
        lines.add("Content-Type: " + type);
        lines.add("Content-Security-Policy: frame-ancestors 'none'"); // the rest is in pages
        lines.add("Cross-Origin-Resource-Policy: same-origin");
        lines.add("Referrer-Policy: no-referrer");
        lines.add("X-Content-Type-Options: nosniff");
        lines.add("Cache-Control: no-store");
        lines.add("Connection: close");
        lines.addAll(headers);
        String text = String.join("\r\n", lines) + "\r\n\r\n";
        channel.configureBlocking(true);
        OutputStream out = Channels.newOutputStream(channel);
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        return out;
    }

    /**
     * Answers a request whose body may still be on its way. The connection is to be read until its
     * end: one that is closed on bytes that nobody read is reset, and the answer may be lost.
     */
    void refuse(int status, String text, String... headers) throws IOException {
        answer(status, TEXT, text, headers);
        channel.shutdownOutput();
        isRefused = true;
        bytes = new byte[FIRST_ROOM];
        since = System.nanoTime();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
