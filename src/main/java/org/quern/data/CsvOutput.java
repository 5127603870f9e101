package org.quern.data;

import static org.quern.QuernException.data;
import static org.quern.QuernException.require;

import de.siegmar.fastcsv.writer.CsvWriter;
import de.siegmar.fastcsv.writer.LineDelimiter;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
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
        char separator = head.separator();
        boolean commas = separator == ';' && hasDecimalCommas(text);
        UnaryOperator<String> spelled =
                one -> commas && Decimal.isNumber(one) ? one.replace('.', ',') : one;
        int[] row = {head.isHeader() ? -1 : 0};
        write(
                out,
                separator,
                csv ->
                        text.lines(
                                separator,
                                (number, line) -> {
                                    List<String> more = row[0] < 0 ? columns : cells.apply(row[0]);
                                    row[0]++;
                                    Stream<String> added = more.stream().map(spelled);
                                    List<String> all = Stream.concat(line.stream(), added).toList();
                                    try {
                                        csv.writeRecord(all);
                                    } catch (UncheckedIOException e) {
                                        String why = e.getCause().getMessage();
                                        throw data(e, "%s cannot be written: %s", out, why);
                                    }
                                    return true;
                                }));
    }

    /** Whether more of its numbers have a comma than have a point. */
    private static boolean hasDecimalCommas(CsvText text) {
        long[] more = {0};
        text.lines(
                ';',
                (number, line) -> {
                    for (String field : line) {
                        boolean comma = field.indexOf(',') >= 0;
                        boolean marked = comma || field.indexOf('.') >= 0;
                        boolean isNumber = marked && Decimal.isNumber(field.replace(',', '.'));
                        more[0] += isNumber ? comma ? 1 : -1 : 0;
                    }
                    return true;
                });
        return more[0] > 0;
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
                    boolean packs = DataReader.isCalled(out, ".gz");
                    OutputStream bytes = packs ? new GZIPOutputStream(to) : to;
                    Writer text = new OutputStreamWriter(bytes, StandardCharsets.UTF_8);
                    CsvWriter csv = builder.build(text);
                    records.accept(csv);
                    csv.flush();
                    if (bytes instanceof GZIPOutputStream packed) {
                        packed.finish();
                    }
                });
    }
}
