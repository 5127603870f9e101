package org.quern.web;

import static org.quern.QuernException.require;

import java.io.IOException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.QuernException;
import org.quern.data.Normalizer;
import org.quern.io.Json;
import org.quern.io.ModelFile.SavedModel;
import org.quern.report.page.Page;
import org.quern.train.Predictor;

/**
 * A page on 127.0.0.1 to draw on, and what a model says of the drawing. {@code POST /predict} takes
 * {@link #SIDE}² bytes of ink and answers with the image that the model sees and its probabilities.
 */
public final class DrawServer implements AutoCloseable {
    /** Width and height of a drawing as it is sent. */
    static final int SIDE = 140;

    private final LocalServer server;
    private final Predictor predictor;
    private final Normalizer normalizer;

    /** Takes the port, 0 for any; refuses what is no classifier of images. Closes no predictor. */
    public DrawServer(int port, SavedModel model, Predictor predictor) {
        this.predictor = predictor;
        List<Integer> input = model.model().inputShape();
        String text =
                "the model cannot be drawn for: it %s; give a classifier of images, such as one of"
                        + " 28 x 28 pixels";
        int values = model.model().inputSize();
        require(input.size() == 2, text, "takes " + values + " values, not an image");
        require(model.loss().classifies(), text, "does not choose between classes");
        normalizer = new Normalizer(input.get(1), input.get(0));
        List<String> classes = model.outputNames();
        String html = Page.drawing(model.model().text(), classes, input.get(1), input.get(0));
        server = new LocalServer(port, "--port", html, "POST", "predict", this::predict);
    }

    public String address() {
        return server.address();
    }

    private void predict(Request request) throws IOException {
        byte[] ink = request.body();
        if (ink.length != SIDE * SIDE) {
            String text = "Send %d x %d bytes of ink.\n".formatted(SIDE, SIDE);
            request.answer(400, Request.TEXT, text);
            return;
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        byte[] image = normalizer.normalize(ink, SIDE, SIDE);
        if (image != null) {
            answer.put("seen", Base64.getEncoder().encodeToString(image));
            float[] probabilities = new float[predictor.outputSize()];
            try {
                predictor.predict(image, probabilities);
            } catch (QuernException e) {
                request.answer(500, Request.TEXT, e.getMessage() + "\n");
                return;
            }
            answer.put("probabilities", probabilities);
        }
        request.answer(200, "application/json", Json.forPage(answer));
    }

    @Override
    public void close() {
        server.close();
    }
}
