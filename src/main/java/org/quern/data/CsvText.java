package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import de.siegmar.fastcsv.reader.AbstractBaseCsvCallbackHandler;
import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.quern.QuernException;

/**
 * The text of a CSV file as records of fields: UTF-8, or UTF-16 with a byte order mark, as it is or
 * gzipped.
 *
 * @param file where it is
 * @param separator what its own first line says by Excel's {@code sep=;}; null if it does not
 */
record CsvText(Path file, Character separator) {
    private static final int BUFFER = 1 << 16;
    private static final String SEPARATOR_LINE = "sep=";
    private static final String NOT_UTF8 =
            "%s is not UTF-8 text: if it is a table, convert it, such as by iconv -f latin1 -t utf-8"
                    + " %s > utf8.csv";

    /**
     * A last line of no character, put behind the file's: the parser takes the end of a file for a
     * closing quote, and would give all that follows an open one as one field.
     */
    private static final char END = '\uffff';

    /** What is done with each record's fields; blanks around a field do not count. */
    abstract static class Records extends AbstractBaseCsvCallbackHandler<Boolean> {
        private boolean blank;
        private boolean ended;
        private boolean open;

        /** Takes a field; the array is the parser's. */
        abstract void field(int index, char[] text, int from, int length);

        /** Ends a record of so many fields; whether the next one is wanted. */
        abstract boolean end(int fields);

        /** The line on which the record begins, from 1. */
        final long line() {
            return getStartingLineNumber();
        }

        /** Other control characters are no blanks: a number with one is no number. */
        private static boolean isBlank(char c) {
            return c <= ' ' && Character.isWhitespace(c);
        }

        @Override
        protected final void handleField(int index, char[] text, int from, int length, boolean q) {
            int start = from;
            int end = from + length;
            while (start < end && isBlank(text[start])) {
                start++;
            }
            while (start < end && isBlank(text[end - 1])) {
                end--;
            }
            if (start < end && text[end - 1] == END) {
                ended = true;
                open = index > 0 || start < end - 1;
            } else {
                if (index == 1 && blank) { // the first one was no blank line
                    field(0, text, 0, 0);
                }
                blank = index == 0 && start == end && !q;
                if (!blank) {
                    field(index, text, start, end - start);
                }
            }
        }

        @Override
        protected final void handleEmpty() {
            blank = true;
        }

        @Override
        protected final Boolean buildRecord() {
            boolean isEmpty = blank && getFieldCount() == 1;
            blank = false;
            return !ended && (isEmpty || end(getFieldCount()));
        }
    }

    /** Looks at the first line. */
    static CsvText of(Path file) {
        try (BufferedReader in = open(file)) {
            return new CsvText(file, separatorLine(in));
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /** Reads all records, or so many that no more are wanted. */
    void read(char between, Records records) {
        try (BufferedReader in = open(file)) {
            separatorLine(in);
            Iterator<Boolean> reader =
                    CsvReader.builder()
                            .fieldSeparator(between)
                            .allowExtraFields(true) // who reads tells both counts
                            .allowMissingFields(true)
                            .trimWhitespacesAroundQuotes(true)
                            .build(records, in)
                            .iterator();
            boolean more = true;
            while (more) {
                more = reader.hasNext() && reader.next();
            }
        } catch (CsvParseException e) {
            if (e.getCause() instanceof QuernException refusal) {
                throw refusal; // of one who takes the records
            }
            String why = (e.getCause() == null ? e : e.getCause()).getMessage();
            throw data(e, "%s:%d cannot be read: %s", file, records.line(), why);
        } catch (UncheckedIOException e) {
            throw unreadable(file, e.getCause());
        } catch (IOException e) {
            throw unreadable(file, e);
        }
        require(!records.open, "%s:%d opens a quote that is never closed", file, records.line());
    }

    /** Takes a record's first line, from 1, and its fields; says whether the next is wanted. */
    interface Lines {
        boolean line(long number, List<String> fields);
    }

    /** The same for records as texts. */
    void lines(char between, Lines lines) {
        List<String> fields = new ArrayList<>();
        read(
                between,
                new Records() {
                    @Override
                    void field(int index, char[] text, int from, int length) {
                        fields.add(new String(text, from, length));
                    }

                    @Override
                    boolean end(int count) {
                        List<String> all = List.copyOf(fields);
                        fields.clear();
                        return lines.line(line(), all);
                    }
                });
    }

    private static RuntimeException unreadable(Path file, IOException e) {
        if (e instanceof CharacterCodingException) {
            return data(e, NOT_UTF8, file, file);
        }
        return e instanceof EOFException
                ? data(e, "%s is truncated: fetch or save it again", file)
                : data(e, "%s cannot be read: %s", file, e.getMessage());
    }

    /** The text behind its byte order mark. */
    private static BufferedReader open(Path file) throws IOException {
        InputStream in = new BufferedInputStream(Files.newInputStream(file), BUFFER);
        if (first(in) == 0x1f8b) {
            in = new BufferedInputStream(new GZIPInputStream(in, BUFFER), BUFFER);
        }
        int mark = first(in);
        Charset charset =
                mark == 0xfffe
                        ? StandardCharsets.UTF_16LE
                        : mark == 0xfeff ? StandardCharsets.UTF_16BE : StandardCharsets.UTF_8;
        InputStream end = new ByteArrayInputStream(("\n" + END).getBytes(charset));
        InputStream all = new SequenceInputStream(in, end);
        BufferedReader text =
                new BufferedReader(new InputStreamReader(all, charset.newDecoder()), BUFFER);
        text.mark(1);
        if (text.read() != '\ufeff') {
            text.reset();
        }
        return text;
    }

    private static int first(InputStream in) throws IOException {
        in.mark(2);
        int two = in.read() << 8 | in.read();
        in.reset();
        return two;
    }

    /** The separator that the next line tells, of which the end alone is then left; or null. */
    private static Character separatorLine(BufferedReader in) throws IOException {
        int length = SEPARATOR_LINE.length();
        char[] start = new char[length + 2];
        in.mark(start.length);
        int count = in.read(start);
        boolean told =
                count == start.length
                        && new String(start, 0, length).equalsIgnoreCase(SEPARATOR_LINE)
                        && TableFormat.isSeparator(String.valueOf(start[length]))
                        && (start[length + 1] == '\r' || start[length + 1] == '\n');
        in.reset();
        return told && in.skip(length + 1) > length ? start[length] : null;
    }
}
