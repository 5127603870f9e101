package org.quern.report.page;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The page that a digit is drawn on. */
public final class DrawingPage {
    private DrawingPage() {}

    /**
     * The page.
     *
     * @param model its text
     * @param classes names of its outputs
     * @param width of its input image
     * @param height of its input image
     */
    public static String html(String model, List<String> classes, int width, int height) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("model", model);
        data.put("classes", classes);
        data.put("width", width);
        data.put("height", height);
        return Page.html("Draw", data, false, "draw.js");
    }
}
