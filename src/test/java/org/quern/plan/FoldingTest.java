package org.quern.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.backend.Backend;
import org.quern.backend.Usable;
import org.quern.data.Column;
import org.quern.data.Columns;
import org.quern.data.Dataset;
import org.quern.data.Header;
import org.quern.data.Splits;
import org.quern.model.Model;
import org.quern.model.ModelText;
import org.quern.train.Predictor;

/** A folded network on rows in their own units says what the network says of standardized rows. */
class FoldingTest {
    private static final int ROWS = 257;

    /** Numbers of all sizes, one with gaps, one constant, one with an offset, and a category. */
    private static Dataset table(int targets) {
        Random random = new Random(5);
        List<Column> columns =
                List.of(
                        Column.numbers("small"),
                        Column.numbers("large"),
                        new Column("town", List.of("a", "b", "c"), 0),
                        Column.numbers("constant"),
                        Column.numbers("far from 0"),
                        new Column("time", null, 1.7e9));
        float[] values = new float[ROWS * columns.size()];
        float[] answers = new float[ROWS * targets];
        for (int row = 0; row < ROWS; row++) {
            float[] one = {
                (float) (1e-3 * random.nextGaussian()),
                row % 7 == 3 ? Float.NaN : (float) (1e5 * random.nextGaussian() + 3e5),
                row % 5 == 1 ? Float.NaN : random.nextInt(3),
                0.1f,
                (float) (random.nextGaussian() + 500),
                random.nextInt(1000)
            };
            System.arraycopy(one, 0, values, row * one.length, one.length);
            for (int t = 0; t < targets; t++) {
                answers[row * targets + t] = (float) (1e9 + 2e8 * t + 1e8 * random.nextGaussian());
            }
        }
        List<Column> named = List.of(Column.numbers("y"), Column.numbers("x")).subList(0, targets);
        Dataset rows = Dataset.ofTable("t", new Header(columns, named), values);
        return rows.withTargets(answers, targets);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    dense 1 | 1
                    dense 2 | 2
                    dense 33 relu, dense 31 tanh, dense 2 | 2
                    dropout 0.2, dense 16 gelu, dropout 0.3, dense 1 | 1
                    dense 8 relu, dense 1 sigmoid | 1
                    """)
    void foldedIsUnfolded(String layers, int targets) {
        Dataset table = table(targets);
        boolean linear = !layers.endsWith("sigmoid");
        Columns columns = Columns.fit(table, true, linear);
        Splits parts = new Splits(table, table, "t").in(columns);
        Model model = ModelText.parse(Model.input(columns.width()), layers);
        Plan plan = Plan.of(model, Loss.MEAN_SQUARED_ERROR, new Optimizer.Sgd(0, 0), 32);
        assertThat(Folding.takesTargets(plan)).isEqualTo(linear);
        float[] parameters = new float[(int) plan.parameters().size()];
        Random random = new Random(9);
        for (int i = 0; i < parameters.length; i++) {
            parameters[i] = (float) (0.5 * random.nextGaussian());
        }
        float[] unfolded = predict(model, parameters, parts.train());
        float[] folded = predict(model, Folding.fold(plan, parameters, columns), parts.test());
        for (int i = 0; i < folded.length; i++) {
            Columns.Target target = columns.targets().get(i % targets);
            // float32 keeps a value of 500 deviations to 500 / 2^24 = 3e-5 of one; three layers of
            // such weights make a few times that of it
            assertThat((folded[i] - target.mean()) / target.deviation())
                    .isCloseTo(unfolded[i], within(3e-4));
        }
    }

    private static float[] predict(Model model, float[] parameters, Dataset rows) {
        Backend java = Usable.named("java");
        try (Predictor predictor =
                new Predictor(
                        model,
                        Loss.MEAN_SQUARED_ERROR,
                        parameters,
                        java,
                        Backend.Options.DEFAULT)) {
            return predictor.predict(rows);
        }
    }
}
