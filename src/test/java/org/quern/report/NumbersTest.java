package org.quern.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NumbersTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "52873.1|52,873",
                "114012.3|114,010",
                "-114012.3|-114,010",
                "99999.6|100,000",
                "9.999996|10.000",
                "0.9999996|1.0000",
                "0.786123|0.78612",
                "1|1.0000",
                "0.00012345678|0.00012346",
                "2.3e-9|2.3000e-9",
                "2.3e-10|2.3000e-10",
                "999990000|999,990,000",
                "1.23456e9|1.2346e9",
                "-3.4e38|-3.4000e38",
                "1.17549e-38|1.1755e-38",
                "0|0",
                "-0.0|0",
                "NaN|-",
                "Infinity|Infinity",
            })
    void fiveDigitsOfAnySize(double value, String text) {
        assertThat(Numbers.digits(value)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"0.00004|0.0000", "99999|99999.0000", "-2e6|-2,000,000", "NaN|-"})
    void fourDecimalsUnlessHuge(double value, String text) {
        assertThat(Numbers.four(value)).isEqualTo(text);
    }
}
