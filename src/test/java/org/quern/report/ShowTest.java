package org.quern.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.GraphicsEnvironment;
import java.awt.image.BufferedImage;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.quern.QuernException;
import org.quern.data.Dataset;
import org.quern.train.ConfusionMatrix;
import org.quern.train.EpochResult;
import org.quern.train.History;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class ShowTest {
    /** Three pictures, 2 wide and 3 high: row r has levels from 10·r on. */
    private static final Dataset SET = pictures();

    private static Dataset pictures() {
        byte[] pixels = new byte[18];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (200 + 10 * (i / 6) + i % 6);
        }
        return Dataset.ofPixels("three", new int[] {3, 2}, pixels)
                .withLabels(new int[] {0, 1, 0}, List.of("a<b", "c & d"));
    }

    private static int grey(BufferedImage image, int x, int y) {
        return image.getRaster().getSample(x, y, 0);
    }

    @Test
    void picturesAreEnlargedWithALineBetween() {
        assertThat(GraphicsEnvironment.isHeadless()).isTrue();
        BufferedImage one = Show.pictures(SET, 1, 2);
        assertThat(List.of(one.getWidth(), one.getHeight())).containsExactly(2 * 8, 3 * 8);
        assertThat(grey(one, 0, 0)).isEqualTo(220);
        assertThat(grey(one, 7, 7)).isEqualTo(220);
        assertThat(grey(one, 8, 23)).isEqualTo(225);
        BufferedImage grid = Show.pictures(SET, 2, 0, 1, 2);
        assertThat(List.of(grid.getWidth(), grid.getHeight())).containsExactly(5 * 8, 7 * 8);
        for (int y = 0; y < 7; y++) {
            for (int x = 0; x < 5; x++) {
                int picture = y / 4 * 2 + x / 3;
                boolean line = y == 3 || x == 2 || picture == 3;
                int expected = line ? 0 : 200 + 10 * picture + y % 4 * 2 + x % 3;
                assertThat(grey(grid, 8 * x + 5, 8 * y + 3)).as("%d %d", x, y).isEqualTo(expected);
            }
        }
        BufferedImage row = Show.pictures(SET, 300, new int[300]);
        assertThat(List.of(row.getWidth(), row.getHeight())).containsExactly(899, 3);
    }

    @Test
    void captionsAreText() {
        Element svg = svg(Show.captioned(SET, 2, new int[] {2, 1}, SET::label));
        assertThat(all(svg, "image")).hasSize(2);
        assertThat(texts(svg)).containsExactly("a<b", "c & d");
        assertThat(all(svg, "title").get(0).getTextContent()).isEqualTo("three");
    }

    private static EpochResult epoch(int number, double loss, Double validation) {
        Double accuracy = validation == null ? null : 1 - validation;
        return new EpochResult(number, loss, 1 - loss, validation, accuracy, 0.001, 1, 1, 1, 1);
    }

    private static History history(EpochResult... epochs) {
        return history(true, epochs);
    }

    private static History history(boolean classifies, EpochResult... epochs) {
        return new History(List.of(epochs), 1, History.End.FINISHED, classifies);
    }

    @Test
    void eachPointOfACurveIsWhereTheAxesSay() {
        double[] losses = {0.9, 0.42, 0.13};
        Element svg =
                svg(
                        Show.curves(
                                history(
                                        epoch(1, 0.9, 0.5),
                                        epoch(2, 0.42, 0.6),
                                        epoch(3, 0.13, null))));
        List<Element> texts = all(svg, "text");
        assertThat(texts(svg))
                .contains("training", "validation", "loss", "accuracy", "epoch", "1", "2", "3");
        // of the first chart: dots of training, then of validation; labels of the lines, upwards
        List<Element> dots = all(svg, "circle");
        assertThat(dots).hasSize(2 * (3 + 2));
        double zero = line(texts, "0.0");
        double one = line(texts, "1.0");
        for (int i = 0; i < 3; i++) {
            double expected = zero + losses[i] * (one - zero);
            assertThat(number(dots.get(i), "cy")).isCloseTo(expected, within(1.0));
            double column = number(texts.get(at(texts, Integer.toString(i + 1))), "x");
            assertThat(number(dots.get(i), "cx")).isCloseTo(column, within(1.0));
        }
        assertThat(number(dots.get(4), "cy")).isCloseTo(zero + 0.6 * (one - zero), within(1.0));
    }

    /** A label stands 4 pixels below its line. */
    private static double line(List<Element> texts, String label) {
        return number(texts.get(at(texts, label)), "y") - 4;
    }

    private static int at(List<Element> texts, String text) {
        return IntStream.range(0, texts.size())
                .filter(i -> texts.get(i).getTextContent().equals(text))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void curvesOfAnySize() {
        for (double size : new double[] {0, 1e-30, 1, 12345, 1e30}) {
            for (int count : new int[] {1, 2, 9, 10, 31, 1000}) {
                EpochResult[] epochs = new EpochResult[count];
                for (int i = 0; i < count; i++) {
                    epochs[i] =
                            new EpochResult(
                                    i + 1, size / (i + 1), 0, null, null, 0.001, 1, 1, 1, 1);
                }
                Element svg = svg(Show.curves(history(false, epochs)));
                assertThat(all(svg, "circle")).hasSize(count);
                assertThat(texts(svg)).doesNotContain("accuracy", "R2", "validation");
                assertThat(all(svg, "text").size()).isLessThan(24);
                for (Element dot : all(svg, "circle")) {
                    assertThat(number(dot, "cy")).isBetween(59.9, 240.1);
                }
            }
        }
    }

    @Test
    void inRegressionR2IsOfValidation() {
        EpochResult one = new EpochResult(1, 0.5, 0, 0.4, -0.2, 0.001, 1, 1, 1, 1);
        EpochResult two = new EpochResult(2, 0.4, 0, 0.3, 0.7, 0.001, 1, 1, 1, 1);
        Element svg = svg(Show.curves(history(false, one, two)));
        assertThat(texts(svg)).contains("R2").doesNotContain("accuracy");
        assertThat(all(svg, "circle")).hasSize(4 + 2);
    }

    /** All wrong, which is no regression. */
    @Test
    void aClassifierMayHaveAnAccuracyOfNought() {
        EpochResult one = new EpochResult(1, 3.5, 0, 3.4, 0.0, 0.001, 1, 1, 1, 1);
        EpochResult two = new EpochResult(2, 3.4, 0, 3.3, 0.0, 0.001, 1, 1, 1, 1);
        Element svg = svg(Show.curves(history(one, two)));
        assertThat(texts(svg)).contains("accuracy").doesNotContain("R2");
        assertThat(all(svg, "circle")).hasSize(2 * (2 + 2));
    }

    @Test
    void aMatrixIsColouredByShares() {
        int[][] counts = {{75, 25, 0}, {4, 96, 0}, {0, 100, 0}};
        List<String> classes = List.of("a", "b", "a long name of a class");
        Element svg = svg(Show.confusion(new ConfusionMatrix(classes, counts)));
        assertThat(texts(svg))
                .contains("75", "25", "96", "a long name of a …a long name of a class");
        double[] shares = {0.75, 0.5, 0, 0.2, 0.96, 0, 0, 1, 0};
        List<Element> cells = all(svg, "rect");
        assertThat(cells).hasSize(9);
        for (int i = 0; i < 9; i++) {
            String style = cells.get(i).getAttribute("style");
            String opacity = style.substring(style.lastIndexOf(' '));
            assertThat(Double.parseDouble(opacity))
                    .isCloseTo(0.03 + 0.55 * shares[i], within(1e-3));
            assertThat(style.contains("--first")).isEqualTo(i % 4 == 0);
        }
        List<String> many = IntStream.range(0, 21).mapToObj(c -> "class " + c).toList();
        svg = svg(Show.confusion(new ConfusionMatrix(many, new int[21][21])));
        assertThat(texts(svg)).hasSize(2 * 21 + 1);
    }

    @Test
    void barsAreAsLongAsTheirValues() {
        List<String> names = List.of("x", "y", "z");
        Element counts = svg(Show.bars("rows", names, new int[] {0, 500, 2000}));
        assertThat(texts(counts)).containsExactly("rows", "x", "0", "y", "500", "z", "2,000");
        List<Element> bars = all(counts, "rect");
        double longest = number(bars.get(3), "width");
        assertThat(number(bars.get(2), "width")).isCloseTo(longest / 4, within(0.1));
        Element shares = svg(Show.bars("p", names, new double[] {0, 0.25, 0.5}));
        assertThat(number(all(shares, "rect").get(3), "width")).isCloseTo(longest / 2, within(0.1));
        assertThat(texts(shares)).contains("0.2500");
    }

    @Test
    void whatCannotBeShownIsRefusedInASentence() {
        refused(() -> Show.pictures(SET, 0, 1), "columns 0: give at least 1");
        refused(() -> Show.pictures(SET, 1), "there are no rows to show: give at least one");
        refused(() -> Show.pictures(SET, 1, 3), "row 3: three has rows 0 to 2");
        refused(() -> Show.pictures(SET, 1, -1), "row -1: three has rows 0 to 2");
        refused(() -> Show.pictures(null, 1, 1), "data set must not be null");
        refused(() -> Show.pictures(SET, 1, (int[]) null), "rows must not be null");
        Dataset table = Dataset.ofValues("t", new int[] {2}, new float[2]);
        refused(() -> Show.pictures(table, 1, 0), "t has no pictures, but rows of numbers");
        refused(
                () -> Show.pictures(SET, 3, new int[30_000_000]),
                "30,000,000 pictures of 2 x 3 are too many for one image: give fewer rows");
        refused(() -> Show.captioned(SET, 1, new int[1], null), "caption must not be null");
        refused(
                () -> Show.captioned(SET, 1, new int[1], row -> null),
                "the caption of row 0 must not be null");
        refused(() -> Show.curves(null), "history must not be null");
        refused(() -> Show.curves(history()), "there are no curves: no epoch was finished");
        refused(
                () -> Show.curves(history(epoch(1, 1, null), epoch(2, Double.NaN, null))),
                "epoch 2 has a loss of NaN, which cannot be drawn");
        refused(() -> Show.confusion(null), "confusion matrix must not be null");
        List<String> two = List.of("a", "b");
        refused(
                () -> Show.confusion(new ConfusionMatrix(two, new int[2][3])),
                "the counts are not 2 times 2 numbers");
        List<String> many = new ArrayList<>(IntStream.range(0, 201).mapToObj(i -> "" + i).toList());
        refused(
                () -> Show.confusion(new ConfusionMatrix(many, new int[201][201])),
                "a confusion matrix of 201 classes cannot be drawn: 1 to 200 can");
        refused(() -> Show.bars("n", two, new int[3]), "2 names for 3 values: give one for each");
        refused(
                () -> Show.bars("n", two, new double[] {0, -1}),
                "bars need finite numbers that are not below 0");
        refused(() -> Show.bars(null, two, new int[2]), "what must not be null");
    }

    private static void refused(Runnable call, String message) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.USAGE))
                .hasMessage(message);
    }

    /** The root of a file that must be XML. */
    private static Element svg(String text) {
        try {
            return DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .parse(new InputSource(new StringReader(text)))
                    .getDocumentElement();
        } catch (Exception e) {
            throw new AssertionError(text, e);
        }
    }

    private static List<Element> all(Element svg, String tag) {
        NodeList found = svg.getElementsByTagName(tag);
        return IntStream.range(0, found.getLength())
                .mapToObj(i -> (Element) found.item(i))
                .toList();
    }

    private static List<String> texts(Element svg) {
        return all(svg, "text").stream().map(Element::getTextContent).toList();
    }

    private static double number(Element element, String attribute) {
        return Double.parseDouble(element.getAttribute(attribute));
    }
}
