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
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.quern.files.AtomicFile;

/** Writes tables, whole or not at all. */
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
        AtomicFile.write(
                out,
                to -> {
                    Writer writer = new OutputStreamWriter(to, StandardCharsets.UTF_8);
                    CsvWriter csv = writer(writer, head.separator());
                    text.read(
                            head.separator(),
                            new CsvText.Records() {
                                private final List<String> fields = new ArrayList<>();
                                private int row = head.isHeader() ? -1 : 0;

                                @Override
                                void field(int index, char[] chars, int from, int length) {
                                    fields.add(new String(chars, from, length));
                                }

                                @Override
                                boolean end(int count) {
                                    List<String> more = row < 0 ? columns : cells.apply(row);
                                    for (String field : more) {
                                        boolean number = commas && Decimal.isNumber(field);
                                        fields.add(number ? field.replace('.', ',') : field);
                                    }
                                    try {
                                        csv.writeRecord(fields);
                                    } catch (UncheckedIOException e) {
                                        String why = e.getCause().getMessage();
                                        refuse(data(e, "%s cannot be written: %s", out, why));
                                    }
                                    fields.clear();
                                    row++;
                                    return true;
                                }
                            });
                    csv.flush();
                });
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
        AtomicFile.write(
                out,
                to -> {
                    Writer writer = new OutputStreamWriter(to, StandardCharsets.UTF_8);
                    CsvWriter csv = writer(writer, ',');
                    csv.writeRecord(joined(first, columns));
                    for (int row = 0; row < rows; row++) {
                        csv.writeRecord(joined(names.apply(row), cells.apply(row)));
                    }
                    csv.flush();
                });
    }

    private static List<String> joined(String first, List<String> more) {
        return Stream.concat(Stream.of(first), more.stream()).toList();
    }

    private static CsvWriter writer(Writer to, char separator) {
        return CsvWriter.builder()
                .fieldSeparator(separator)
                .lineDelimiter(LineDelimiter.LF)
                .build(to);
    }
}
