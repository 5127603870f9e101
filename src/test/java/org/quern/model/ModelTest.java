package org.quern.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.quern.QuernException;
import org.quern.Tries;

class ModelTest {
    private static final Model IMAGES = Model.input(28, 28);

    @Test
    void theTutorialsNetworksHaveKerasParameterCounts() {
        assertThat(IMAGES.dense(40).dense(10).parameters()).isEqualTo(31_810);
        assertThat(
                        IMAGES.dense(48, Activation.RELU)
                                .dropout(0.3f)
                                .dense(15)
                                .dropout(0.3f)
                                .dense(10)
                                .parameters())
                .isEqualTo(38_575);
    }

    @Test
    void textAndCallsBuildTheSameModel() {
        Model built =
                IMAGES.scaled(Scaling.UNIT).dense(48, Activation.RELU).dropout(0.3f).dense(10);
        String text = "dense 48 relu, dropout 0.3, dense 10";
        assertThat(built.text()).isEqualTo(text);
        assertThat(
                        ModelText.parse(
                                IMAGES.scaled(Scaling.UNIT),
                                " Dense 48  RELU,dropout .3, dense 10"))
                .isEqualTo(built);
    }

    @Test
    void textIsReadBack() {
        Tries.of(
                1000,
                draw -> {
                    Model model = anyLayers(draw).dense(3);
                    assertThat(ModelText.parse(IMAGES, model.text())).isEqualTo(model);
                });
    }

    /** At most six layers, no two of them dropout that follow each other. */
    private static Model anyLayers(Tries.Draw draw) {
        Model model = IMAGES;
        boolean dropout = false;
        for (int left = draw.from(0, 6); left > 0; left--) {
            dropout = !dropout && draw.of(List.of(true, false));
            model =
                    model.with(
                            dropout
                                    ? new Layer.Dropout((float) draw.from(0, 0.99))
                                    : new Layer.Dense(
                                            draw.from(1, 5000),
                                            draw.of(List.of(Activation.values())),
                                            draw.of(List.of(Init.values()))));
        }
        return model;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "dense | model layer \"dense\" is not understood: write \"dense 48 relu\" or"
                        + " \"dropout 0.3\", separated by commas",
                "conv 3, dense 1 | model layer \"conv 3\" is not understood: write \"dense 48 relu\""
                        + " or \"dropout 0.3\", separated by commas",
                "dense 10, | model layer \"\" is not understood: write \"dense 48 relu\" or"
                        + " \"dropout 0.3\", separated by commas",
                "dense x | model layer \"dense x\": \"x\" is not a number of units",
                "dense 0 | dense 0: a layer has at least 1 unit",
                "dense -5 | dense -5: a layer has at least 1 unit",
                "dropout 1.0, dense 2 | dropout 1.0: the rate is the fraction to drop, at least 0 and"
                        + " below 1",
                "dropout -0.1, dense 2 | dropout -0.1: the rate is the fraction to drop, at least 0"
                        + " and below 1",
                "dropout NaN, dense 2 | model layer \"dropout NaN\": \"nan\" is not a rate",
                "dropout a, dense 2 | model layer \"dropout a\": \"a\" is not a rate",
                "dropout 0.1, dropout 0.2, dense 2 | layers 0 and 1 are both dropout: merge them into"
                        + " one",
                "dense 5, dropout 0.1 | model \"dense 5, dropout 0.1\" does not end in a dense layer:"
                        + " add one as wide as the output",
            })
    void whatIsWrongIsSaid(String text, String message) {
        assertThatThrownBy(() -> ModelText.parse(IMAGES, text))
                .isInstanceOfSatisfying(
                        QuernException.class,
                        e -> assertThat(e.kind()).isEqualTo(QuernException.Kind.USAGE))
                .hasMessage(message);
    }

    @Test
    void anUnknownActivationIsToldWithAllThereAre() {
        String all = Activation.names();
        assertThatThrownBy(() -> ModelText.parse(IMAGES, "dense 5 mish"))
                .hasMessage("unknown activation \"mish\": use " + all);
        assertThat(all).startsWith("linear, relu, tanh, ");
    }

    @Test
    void absurdInputsAreRefused() {
        assertThatThrownBy(() -> Model.input(0, 3))
                .hasMessage("input shape [0, 3]: every extent is at least 1");
        assertThatThrownBy(() -> Model.input(1 << 20, 1 << 20))
                .hasMessage("input shape [1048576, 1048576] has more than 2³¹ − 1 values");
        assertThatThrownBy(() -> new Scaling(0, 1))
                .hasMessage(
                        "scaling x · 0.0 + 1.0: give a finite scale other than 0 and a finite shift");
    }

    @Test
    void limitsOfInitialWeights() {
        assertThat(Init.GLOROT.limit(784, 48)).isEqualTo((float) Math.sqrt(6.0 / 832));
        assertThat(Init.HE.limit(784, 48)).isEqualTo((float) Math.sqrt(6.0 / 784));
    }
}
