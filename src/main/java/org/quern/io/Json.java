package org.quern.io;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;

/**
 * JSON of records, maps and lists: numbers in full; NaN and infinity as null; null left out.
 *
 * @hidden
 */
public final class Json {
    private static final TypeAdapter<Number> FINITE =
            new TypeAdapter<>() {
                @Override
                public void write(JsonWriter out, Number value) throws IOException {
                    if (value == null || Double.isFinite(value.doubleValue())) {
                        out.value(value);
                    } else { // where null is left out, this is not: there is such a figure
                        boolean nulls = out.getSerializeNulls();
                        out.setSerializeNulls(true);
                        out.nullValue();
                        out.setSerializeNulls(nulls);
                    }
                }

                @Override
                public Number read(JsonReader in) {
                    throw new UnsupportedOperationException("only written");
                }
            };
    private static final Gson FOR_FILES =
            builder().setPrettyPrinting().disableHtmlEscaping().create();
    private static final Gson FOR_PAGES = builder().create();

    /** Gson's advice to who programs with it. */
    private static final String LENIENT =
            "Use JsonReader.setStrictness(Strictness.LENIENT) to accept malformed JSON";

    private Json() {}

    private static GsonBuilder builder() {
        return new GsonBuilder()
                .registerTypeAdapter(double.class, FINITE)
                .registerTypeAdapter(Double.class, FINITE)
                .registerTypeAdapter(float.class, FINITE)
                .registerTypeAdapter(Float.class, FINITE);
    }

    /** For a file that people look into: a line for each value, and one at the end. */
    public static String indented(Object value) {
        return FOR_FILES.toJson(value) + "\n";
    }

    /** In one line without {@code <}, {@code >} and {@code &}: HTML may hold it anywhere. */
    public static String forPage(Object value) {
        return FOR_PAGES.toJson(value);
    }

    /** Why a text was refused: the first line, without what Gson says of its own classes. */
    public static String why(Throwable refusal) {
        boolean wraps = refusal instanceof JsonParseException && refusal.getCause() != null;
        String message = (wraps ? refusal.getCause() : refusal).getMessage();
        return message == null
                ? "it is not what Quern writes"
                : message.lines().findFirst().orElse("").replace(LENIENT, "malformed JSON");
    }
}
