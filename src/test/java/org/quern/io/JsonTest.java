package org.quern.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonTest {
    private record Figures(double one, Double none, double notFinite, float[] all) {}

    @Test
    void aFigureThatIsNotFiniteIsNullAndWhatIsNotThereIsLeftOut() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("nan", Double.NaN);
        values.put("nothing", null);
        values.put(
                "record",
                new Figures(1.5, null, Double.POSITIVE_INFINITY, new float[] {Float.NaN, 2}));
        values.put("list", Arrays.asList(Double.NaN, null, 3));
        assertThat(Json.forPage(values))
                .isEqualTo(
                        "{\"nan\":null,\"record\":{\"one\":1.5,\"notFinite\":null,"
                                + "\"all\":[null,2.0]},\"list\":[null,null,3]}");
    }
}
