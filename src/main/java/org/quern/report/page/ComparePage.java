package org.quern.report.page;

import com.google.gson.JsonObject;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.report.Comparison;

/** Runs side by side, as a page. */
public final class ComparePage {
    private ComparePage() {}

    /**
     * The page.
     *
     * @param runs what {@code run.json} of each says
     */
    public static String html(Comparison comparison, List<JsonObject> runs) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("comparison", comparison);
        data.put("runs", runs);
        return Page.html("Runs compared", data, true, "compare.js");
    }
}
