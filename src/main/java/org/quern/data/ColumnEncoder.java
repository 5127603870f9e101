package org.quern.data;

import static org.quern.QuernException.require;
import static org.quern.data.Statistics.number;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/** Makes floats of a table's rows, a column at a time. */
final class ColumnEncoder {
    /** From so many rows on, a column is strange if most of them are out of its range. */
    private static final int ENOUGH_ROWS = 10;

    private static final int ROWS_AT_ONCE = 64;

    private final Columns columns;
    private final Dataset table;
    private final List<String> notes;
    private final int rows;
    private final float[] values; // of the table
    private final int features;
    private final int width;
    private final float[] floats;

    /** What each float is lessened by and then multiplied by; null to leave it in its unit. */
    private final double[] means;

    private final double[] factors;

    /**
     * Of some columns for a table.
     *
     * @param notes takes a line for each column that is not as in training; null for none
     */
    ColumnEncoder(Columns columns, Dataset table, boolean standardized, List<String> notes) {
        this.columns = columns;
        width = columns.width();
        this.table = table;
        this.notes = notes;
        rows = table.rows();
        values = table.values();
        features = table.features();
        floats = new float[Dataset.size(table.name(), rows, width)];
        means = standardized ? columns.means() : null;
        factors = standardized ? columns.factors() : null;
    }

    Dataset encode() {
        boolean asIs = notes == null && means == null && table.header() != null;
        float[] gaps = asIs ? columns.gaps(table.header()) : null;
        if (gaps == null) {
            each(columns.places(table));
        } else {
            System.arraycopy(values, 0, floats, 0, floats.length);
            Columns.fill(floats, gaps);
        }
        Dataset set = Dataset.ofValues(table.name(), new int[] {width}, floats);
        return table.hasLabels() ? set.withLabels(table.labels(), table.classes()) : set;
    }

    /** Some rows of all columns before the next rows: what is read and written stays near. */
    private void each(int[] places) {
        List<Columns.Input> inputs = columns.inputs();
        List<Taken> all = new ArrayList<>();
        int at = 0;
        for (int c = 0; c < inputs.size(); c++) {
            if (inputs.get(c).width() > 0 && places[c] >= 0) {
                all.add(new Taken(c, places[c], at));
            }
            at += inputs.get(c).width();
        }
        for (int from = 0; from < rows; from += ROWS_AT_ONCE) {
            int end = Math.min(from + ROWS_AT_ONCE, rows);
            for (Taken column : all) {
                column.encode(from, end);
            }
        }
        if (notes != null) {
            all.forEach(Taken::tell);
        }
    }

    /** A column of the table that an input takes, and what is not as it was in training. */
    private final class Taken {
        private final String name;
        private final Columns.Input input;
        private final Column column;
        private final int place; // in the table
        private final int at; // its first float in a row
        private final double shift;
        private final double mean;
        private final double factor;
        private final Map<String, Integer> index = new HashMap<>(); // of known values
        private final TreeSet<String> strangers = new TreeSet<>();
        private int strange;
        private int gaps;
        private int outside;
        private int far;

        Taken(int c, int place, int at) {
            this.place = place;
            this.at = at;
            name = columns.name(c);
            input = columns.inputs().get(c);
            column = table.header().inputs().get(place);
            String text = "%s: column %s holds %s, but the model was trained on %s";
            boolean fits = column.isCategory() == input.isCategory();
            String is = column.isCategory() ? "text" : "numbers";
            String was = column.isCategory() ? "numbers" : "text";
            require(fits, text, table.name(), name, is, was);
            shift = column.offset() - input.offset();
            mean = means == null ? 0 : means[at];
            factor = factors == null ? 1 : factors[at];
            if (input.isCategory()) {
                input.values().forEach(value -> index.put(value, index.size()));
            }
        }

        void encode(int from, int end) {
            for (int row = from; row < end; row++) {
                float value = values[row * features + place];
                boolean gap = Float.isNaN(value);
                int to = row * width + at;
                if (!input.isCategory()) {
                    numeric(value, gap, to);
                } else if (!gap) {
                    category(column.values().get((int) value), to);
                }
                if (gap) {
                    gaps++;
                    if (input.gaps()) {
                        floats[to + input.width() - 1] = 1;
                    }
                }
            }
        }

        private void numeric(float number, boolean gap, int to) {
            double value = gap ? input.mean() - input.offset() : number + shift;
            floats[to] = (float) ((value - mean) * factor);
            if (notes != null && !gap) {
                double is = value + input.offset();
                double out = Math.max(input.min() - is, is - input.max());
                outside += out > 0 ? 1 : 0;
                far += out > input.max() - input.min() ? 1 : 0;
            }
        }

        private void category(String value, int to) {
            Integer known = index.get(value);
            if (known != null) {
                floats[to + known] = 1;
            } else {
                strange++;
                strangers.add('"' + Columns.brief(value) + '"');
            }
        }

        private void tell() {
            boolean most = rows >= ENOUGH_ROWS && outside * 2 > rows;
            if (!input.isLeftOut() && (far > 0 || most)) {
                String text = "%s: %,d of %,d rows %s %s to %s, all that training saw";
                String where = most ? "lie outside" : "lie far outside";
                String least = number(input.min());
                String greatest = number(input.max());
                note(text, name, most ? outside : far, rows, where, least, greatest);
            }
            if (strange > 0) {
                String text = "%s: values in %,d of %,d rows that training did not know (%s)";
                note(text, name, strange, rows, Columns.shown(List.copyOf(strangers)));
            }
            if (gaps > 0 && !input.gaps()) {
                String taken = input.isCategory() ? "none of its values" : "its mean";
                String some = "%s: missing in %,d of %,d rows, but none in training: taken as %s";
                note(some, name, gaps, rows, taken);
            }
        }

        private void note(String text, Object... values) {
            notes.add(String.format(Locale.ROOT, text, values));
        }
    }
}
