package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Decimal numbers against those of Java's own, far slower parser. */
class DecimalTest {
    private static double parsed(String text, char point) {
        String all = "x" + text + "9";
        return Decimal.parse(all.toCharArray(), 1, text.length(), point);
    }

    private static String digits(Random random, int most) {
        StringBuilder digits = new StringBuilder();
        for (int i = random.nextInt(most + 1); i > 0; i--) {
            digits.append(random.nextInt(4) == 0 ? 0 : random.nextInt(10));
        }
        return digits.toString();
    }

    /** Of any number of digits the same float; of up to 15 the same double. */
    @Test
    void numbersAreJavas() {
        Random random = new Random(1);
        for (int i = 0; i < 200_000; i++) {
            String sign = new String[] {"", "-", "+"}[random.nextInt(3)];
            String whole = digits(random, 22);
            String fraction = digits(random, 22);
            String text = sign + whole + (random.nextInt(3) == 0 ? "" : "." + fraction);
            if (random.nextInt(3) == 0) {
                text += random.nextBoolean() ? "e" : "E-";
                text += random.nextInt(45);
            }
            double java = Double.NaN;
            try {
                java = Double.parseDouble(text);
            } catch (NumberFormatException e) {
                assertThat(parsed(text, '.')).as(text).isNaN();
                continue;
            }
            double ours = parsed(text, '.');
            assertThat((float) ours).as(text).isEqualTo((float) java);
            assertThat(Math.abs(ours - java)).as(text).isLessThanOrEqualTo(2 * Math.ulp(java));
            if (text.replaceAll("e.*|E.*|\\D", "").length() <= 15 && Math.abs(java) < 1e15) {
                boolean small = text.contains("E-") && Math.abs(java) < 1e-7;
                assertThat(small || ours == java).as(text).isTrue();
            }
            assertThat(parsed(text.replace('.', ','), ',')).as(text).isEqualTo(ours);
        }
    }

    /** Near halfway between two floats the last of many digits decide. */
    @Test
    void theFloatIsThatOfTheNearestDouble() {
        for (String text :
                new String[] {
                    "1.00000005960464477539062500",
                    "1.00000005960464477539062501",
                    "1.00000005960464477539062499",
                    "16777217.0000000000000000000",
                    "16777217.0000000000000000001",
                    "16777216.9999999999999999999",
                    "3.4028235677973366e38",
                    "3.4028235677973362e38",
                    "1.401298464324817e-45",
                    "7.006492321624085e-46",
                    "7.006492321624086e-46"
                }) {
            assertThat((float) Decimal.parse(text))
                    .as(text)
                    .isEqualTo((float) Double.parseDouble(text));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "+",
                "-",
                ".",
                "-.",
                "e5",
                ".e5",
                "1e",
                "1e+",
                "1.2.3",
                "1-2",
                "--1",
                "1e5.0",
                "1,5",
                "0x1p3",
                "1f",
                "1d",
                "NaN",
                "Infinity",
                "1 2",
                "１",
                "1e5e5",
                "+-1"
            })
    void otherTextIsNone(String text) {
        assertThat(parsed(text, '.')).isNaN();
    }

    @Test
    void exponentsBeyondAllMeasure() {
        assertThat(Decimal.parse("1e-99999999999")).isZero();
        assertThat(Decimal.parse("1e99999999999")).isInfinite();
        assertThat(Decimal.parse("0e99999999999")).isZero();
        assertThat(1 / Decimal.parse("-0.0")).isNegative().isInfinite();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2020-01-02",
                "12.05.2020",
                "1.2.3",
                "10:30",
                "1-2",
                "a1",
                "1st",
                "12,34,56"
            })
    void whatIsNoNumberInAnotherDress(String text) {
        assertThat(Decimal.isDressed(text)).isFalse();
    }
}
