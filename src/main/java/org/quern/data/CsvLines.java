package org.quern.data;

import static org.quern.QuernException.data;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import de.siegmar.fastcsv.reader.CsvRecordHandler;
import de.siegmar.fastcsv.reader.FieldModifiers;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import org.quern.QuernException;

/** The records of a CSV file, one after the other, their fields without the blanks around them. */
final class CsvLines implements AutoCloseable {
    private static final int MOST_COLUMNS = 1 << 20;
    private static final int BUFFER = 1 << 16;
    private static final char BYTE_ORDER_MARK = '\ufeff';

    /**
     * A last line of no character, put behind the file's: the parser takes the end of a file for a
     * closing quote, and would give all that follows an open one as one field.
     */
    private static final String END = "\uffff";

    private final Path file;
    private final BufferedReader in;
    private final Iterator<CsvRecord> records;

    /**
     * Opens a file.
     *
     * @throws org.quern.QuernException if it cannot be read
     */
    CsvLines(Path file) {
        this.file = file;
        try {
            in = open(file);
            in.mark(1);
            if (in.read() != BYTE_ORDER_MARK) {
                in.reset();
            }
        } catch (IOException e) {
            throw unreadable(e);
        }
        records =
                CsvReader.builder()
                        .allowExtraFields(true) // who reads tells both counts
                        .allowMissingFields(true)
                        .trimWhitespacesAroundQuotes(true)
                        .build(
                                CsvRecordHandler.builder()
                                        .maxFields(MOST_COLUMNS)
                                        .fieldModifier(FieldModifiers.TRIM)
                                        .build(),
                                in)
                        .iterator();
    }

    private static BufferedReader open(Path file) throws IOException {
        InputStream end = new ByteArrayInputStream(("\n" + END).getBytes(StandardCharsets.UTF_8));
        return new BufferedReader(
                new InputStreamReader(
                        new SequenceInputStream(Files.newInputStream(file), end),
                        StandardCharsets.UTF_8.newDecoder()),
                BUFFER);
    }

    /**
     * The next record that is not an empty line; null behind the last.
     *
     * @throws org.quern.QuernException if it cannot be read
     */
    CsvRecord next() {
        CsvRecord record;
        try {
            record = records.next();
            if (records.hasNext()) {
                return record;
            }
        } catch (UncheckedIOException e) {
            throw unreadable(e.getCause());
        } catch (CsvParseException e) {
            throw unreadable(e.getCause() instanceof Exception cause ? cause : e);
        }
        if (!record.getFields().equals(List.of(END))) {
            throw data(
                    "%s:%d opens a quote that is never closed",
                    file, record.getStartingLineNumber());
        }
        return null;
    }

    private QuernException unreadable(Exception e) {
        return new QuernException(
                QuernException.Kind.DATA,
                file
                        + (e instanceof CharacterCodingException
                                ? " is not UTF-8 text: is it a CSV file?"
                                : " cannot be read: " + e.getMessage()),
                e);
    }

    @Override
    public void close() {
        try {
            in.close();
        } catch (IOException e) {
            throw unreadable(e);
        }
    }
}
