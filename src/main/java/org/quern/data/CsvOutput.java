package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import de.siegmar.fastcsv.writer.CsvWriter;
import de.siegmar.fastcsv.writer.LineDelimiter;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.quern.files.AtomicFile;

/**
 * Writes tables, whole or not at all.
 *
 * @hidden
 */
public final class CsvOutput {
    private CsvOutput() {}

    /**
     * Writes a table with more columns behind its own: the fields as they are, in its separator.
     *
     * @param table a file as {@link DataReader#rows} reads it with the same format
     * @param columns names of the new columns, written if the table has a header
     * @param cells their fields in each row of the table, from 0
     * @throws org.quern.QuernException if the table has such a column, or if it cannot be written
     */
    public static void copy(
            Path table,
            TableFormat format,
            Path out,
            List<String> columns,
            IntFunction<List<String>> cells) {
        CsvText text = CsvText.of(table);
        CsvHead head = CsvHead.of(text, format);
        for (String name : head.isHeader() ? columns : List.<String>of()) {
            String there = "%s has a column called %s: rename it, so that predictions can be added";
            require(!head.first().contains(name), there, table, name);
        }
        boolean commas = head.separator() == ';' && hasDecimalCommas(text);
        IntFunction<List<String>> more =
                row -> {
                    Stream<String> fields = (row < 0 ? columns : cells.apply(row)).stream();
                    return fields.map(
                                    field ->
                                            commas && Decimal.isNumber(field)
                                                    ? field.replace('.', ',')
                                                    : field)
                            .toList();
                };
        int first = head.isHeader() ? -1 : 0;
        char separator = head.separator();
        write(out, separator, csv -> text.read(separator, new Copy(csv, out, more, first)));
    }

    /** Writes each record that is read, and more behind it. */
    private static final class Copy extends CsvText.Records {
        private final CsvWriter csv;
        private final Path out;
        private final IntFunction<List<String>> more;
        private final List<String> fields = new ArrayList<>();
        private int row;

        Copy(CsvWriter csv, Path out, IntFunction<List<String>> more, int row) {
            this.csv = csv;
            this.out = out;
            this.more = more;
            this.row = row;
        }

        @Override
        void field(int index, char[] chars, int from, int length) {
            fields.add(new String(chars, from, length));
        }

        @Override
        boolean end(int count) {
            fields.addAll(more.apply(row++));
            try {
                csv.writeRecord(fields);
            } catch (UncheckedIOException e) {
                refuse(data(e, "%s cannot be written: %s", out, e.getCause().getMessage()));
            }
            fields.clear();
            return true;
        }
    }

    private static boolean hasDecimalCommas(CsvText text) {
        boolean[] found = {false};
        text.read(
                ';',
                new CsvText.Records() {
                    @Override
                    void field(int index, char[] chars, int from, int length) {
                        String field = new String(chars, from, length);
                        boolean comma = field.indexOf(',') >= 0;
                        found[0] |= comma && Decimal.isNumber(field.replace(',', '.'));
                    }

                    @Override
                    boolean end(int count) {
                        return !found[0];
                    }
                });
        return found[0];
    }

    /** Writes a table of rows that are called by a name in the first column. */
    public static void write(
            Path out,
            String first,
            IntFunction<String> names,
            int rows,
            List<String> columns,
            IntFunction<List<String>> cells) {
        write(
                out,
                ',',
                csv -> {
                    csv.writeRecord(joined(first, columns));
                    for (int row = 0; row < rows; row++) {
                        csv.writeRecord(joined(names.apply(row), cells.apply(row)));
                    }
                });
    }

    private static List<String> joined(String first, List<String> more) {
        return Stream.concat(Stream.of(first), more.stream()).toList();
    }

    private static void write(Path out, char separator, Consumer<CsvWriter> records) {
        CsvWriter.CsvWriterBuilder builder =
                CsvWriter.builder().fieldSeparator(separator).lineDelimiter(LineDelimiter.LF);
        AtomicFile.write(
                out,
                to -> {
                    Writer text = new OutputStreamWriter(to, StandardCharsets.UTF_8);
                    CsvWriter csv = builder.build(text);
                    records.accept(csv);
                    csv.flush();
                });
    }
}
