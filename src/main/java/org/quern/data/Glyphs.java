package org.quern.data;

import java.util.ArrayList;
import java.util.List;

/**
 * How people write the ten digits: for each several variants, each of one or more strokes. A stroke
 * is a list of points in a box of width and height 1, x to the right and y down; {@code ~} strokes
 * are smooth curves through their points, {@code -} strokes have corners at them.
 */
final class Glyphs {
    private static final String[][] DRAWN = {
        { // 0: oval, round, with an overlap at the top, narrow and slanted
            "~ .50,.00 .18,.14 .06,.50 .20,.88 .50,1.0 .82,.86 .94,.50 .80,.12 .50,.00",
            "~ .56,.02 .22,.06 .02,.44 .12,.84 .46,.98 .84,.84 .98,.46 .80,.12 .44,.04",
            "~ .66,.06 .36,.02 .10,.34 .10,.74 .40,1.0 .76,.84 .90,.44 .70,.10 .40,.00",
            "~ .62,.00 .34,.22 .22,.60 .34,.96 .58,.98 .78,.60 .78,.20 .62,.00"
        },
        { // 1: a line, with an upstroke, with upstroke and foot, a slanted line
            "- .50,.00 .50,1.0",
            "- .28,.26 .52,.00 .52,1.0",
            "- .30,.24 .52,.00 .52,1.0 | - .26,1.0 .78,1.0",
            "~ .62,.00 .54,.34 .46,.68 .40,1.0"
        },
        { // 2: with a straight foot, with a loop, with a wavy foot, angular
            "~ .08,.26 .26,.04 .62,.00 .86,.20 .78,.46 .46,.74 .08,.98 | - .08,.98 .94,.98",
            "~ .12,.22 .36,.00 .74,.06 .84,.32 .60,.62 .26,.92 .08,.94 .14,.78 .40,.82 .70,.98 .96,.90",
            "~ .06,.30 .22,.06 .60,.02 .82,.22 .70,.54 .38,.82 .10,.98 .40,.92 .66,.98 .94,.94",
            "- .10,.10 .60,.02 .82,.24 .10,.98 .92,.96"
        },
        { // 3: two bowls, flat top, open and flat, with a small loop in the middle
            "~ .12,.12 .44,.00 .80,.12 .80,.34 .40,.48 .82,.58 .90,.82 .56,1.0 .10,.90",
            "- .14,.02 .84,.02 .46,.40 | ~ .46,.40 .84,.54 .88,.82 .52,1.0 .08,.90",
            "~ .18,.06 .58,.02 .78,.22 .58,.42 .36,.48 .70,.52 .86,.74 .62,.96 .14,.98",
            "~ .16,.16 .42,.00 .76,.08 .74,.34 .46,.48 .36,.42 .50,.44 .86,.62 .82,.90 .44,1.0 .10,.86"
        },
        { // 4: open, closed, open with a long stem, with a rounded angle
            "- .22,.00 .08,.58 .92,.58 | - .72,.10 .68,1.0",
            "- .66,1.0 .66,.00 .06,.66 .96,.66",
            "- .18,.02 .14,.50 .84,.48 | - .82,.02 .80,1.0",
            "~ .20,.02 .12,.30 .16,.52 .46,.54 .84,.46 | - .84,.04 .78,.46 .72,1.0"
        },
        { // 5: bar and bowl, one stroke, angular, with a slanted bar
            "- .86,.02 .24,.02 .18,.44 | ~ .18,.44 .52,.36 .86,.54 .84,.82 .50,1.0 .08,.90",
            "~ .90,.04 .56,.04 .28,.08 .22,.42 .50,.40 .80,.52 .84,.76 .60,.96 .12,.96",
            "- .84,.04 .26,.04 .22,.44 .66,.44 .86,.62 .82,.84 .60,.98 .10,.94",
            "~ .30,.10 .22,.46 .56,.42 .80,.60 .72,.88 .40,1.0 .10,.92 | - .30,.10 .88,.00"
        },
        { // 6: curled, straight back, open loop, wide loop
            "~ .76,.04 .44,.14 .18,.46 .12,.78 .40,1.0 .78,.90 .82,.66 .52,.54 .18,.70",
            "~ .64,.00 .40,.32 .18,.66 .26,.94 .60,.98 .80,.76 .60,.58 .28,.66",
            "~ .56,.00 .24,.30 .10,.70 .30,.98 .68,.96 .86,.74 .64,.56 .36,.62",
            "~ .84,.10 .50,.02 .20,.26 .08,.66 .30,.98 .70,.96 .90,.70 .62,.48 .24,.56 .12,.76"
        },
        { // 7: plain, with a bar, with a hook, with a bent stem
            "- .08,.04 .90,.04 .42,1.0",
            "- .10,.06 .88,.04 .44,1.0 | - .28,.52 .76,.48",
            "- .10,.22 .14,.06 .88,.04 .50,1.0",
            "~ .08,.08 .44,.06 .86,.08 .66,.38 .50,.70 .44,1.0"
        },
        { // 8: one stroke, two rings, slanted, small above large
            "~ .80,.14 .46,.00 .16,.18 .32,.42 .70,.58 .88,.82 .50,1.0 .14,.82 .32,.58 .68,.42 .84,.18",
            "~ .50,.00 .20,.12 .24,.38 .50,.46 .78,.36 .80,.12 .50,.00 | ~ .50,.46 .14,.62 .14,.88 .50,1.0"
                    + " .88,.88 .86,.62 .50,.46",
            "~ .86,.08 .54,.02 .30,.20 .46,.46 .66,.70 .50,.96 .18,.92 .20,.70 .50,.48 .80,.26 .88,.06",
            "~ .62,.06 .40,.02 .30,.22 .48,.40 .76,.60 .74,.92 .36,1.0 .10,.84 .20,.60 .50,.42 .68,.24 .62,.06"
        },
        { // 9: ring and straight stem, curled tail, open, bent stem
            "~ .80,.12 .48,.00 .16,.16 .16,.42 .48,.52 .78,.34 .82,.10 | - .82,.10 .76,1.0",
            "~ .80,.14 .50,.00 .20,.14 .18,.40 .48,.50 .80,.30 .82,.60 .66,.92 .22,.98",
            "~ .84,.18 .60,.04 .28,.10 .20,.36 .44,.48 .74,.36 .84,.12 .80,.50 .64,1.0",
            "~ .76,.10 .44,.02 .18,.22 .28,.48 .60,.44 .78,.12 .74,.46 .60,.74 .46,1.0"
        }
    };

    /** Variants [digit][variant]. */
    static final List<List<Glyph>> ALL = parse();

    private Glyphs() {}

    /** One way to write a digit. */
    record Glyph(List<Stroke> strokes) {}

    /**
     * One stroke.
     *
     * @param smooth whether it is a curve through its points, or has corners
     * @param points x and y in turn
     */
    record Stroke(boolean smooth, float[] points) {}

    private static List<List<Glyph>> parse() {
        List<List<Glyph>> all = new ArrayList<>();
        for (String[] variants : DRAWN) {
            List<Glyph> glyphs = new ArrayList<>();
            for (String text : variants) {
                List<Stroke> strokes = new ArrayList<>();
                for (String stroke : text.split(" \\| ")) {
                    String[] words = stroke.split(" ");
                    float[] points = new float[2 * (words.length - 1)];
                    for (int i = 1; i < words.length; i++) {
                        int comma = words[i].indexOf(',');
                        points[2 * i - 2] = Float.parseFloat(words[i].substring(0, comma));
                        points[2 * i - 1] = Float.parseFloat(words[i].substring(comma + 1));
                    }
                    strokes.add(new Stroke(words[0].equals("~"), points));
                }
                glyphs.add(new Glyph(strokes));
            }
            all.add(List.copyOf(glyphs));
        }
        return List.copyOf(all);
    }
}
