package org.quern.io;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;
import com.google.gson.JsonSerializer;

/** JSON of records, maps and lists: numbers in full; NaN and infinity as null. */
public final class Json {
    private static final JsonSerializer<Number> FINITE =
            (value, type, context) ->
                    Double.isFinite(value.doubleValue())
                            ? new JsonPrimitive(value)
                            : JsonNull.INSTANCE;
    private static final Gson FOR_FILES =
            builder().setPrettyPrinting().disableHtmlEscaping().create();
    private static final Gson FOR_PAGES = builder().create();

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
}
