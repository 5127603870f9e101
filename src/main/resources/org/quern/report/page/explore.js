"use strict";
// The page of a data set.

function gallery(of, names, kind) {
    return h("ul", {class: "gallery " + kind}, of.images.map((image, i) => h("li", {},
        h("img", {src: image, alt: `${names} ${of.labels[i]}`}), of.labels[i])));
}

const sentence = line => line[0].toUpperCase() + line.slice(1) + ".";
const percent = value => (100 * value).toFixed(1) + " %";
const bars = given.bars ? h("figure", {style: "max-width: 28rem"}) : null;
if (bars) bars.innerHTML = given.bars;

document.title = given.title;
document.getElementById("page").append(
    h("h1", {}, given.title),
    h("div", {class: "pair"}, section("Values", table([
        {title: "", text: true, of: row => row[0]},
        ...given.splits.map(split => ({title: split.name, of: row => row[1](split)})),
    ], [
        ["rows", s => count(s.numbers.rows)], ["shape", s => s.shape], ["classes", s => s.classes || "–"],
        ...(given.columns ? [] : [
            ["range", s => s.range],
            ["mean", s => four(s.numbers.mean)], ["std dev", s => four(s.numbers.deviation)], ["non-zero", s => percent(s.numbers.nonZero)],
        ]),
    ]), h("p", {class: "note"}, "Raw values, before any scaling."), ...given.duplicates.map(line => h("p", {}, sentence(line)))),
    ...[
        bars ? section("Classes", bars) : null,
        given.numbers ? section("Labels", h("p", {}, sentence(given.numbers))) : null,
    ].filter(part => part)),
    given.columns ? section("Columns", h("div", {class: "scroll"}, h("pre", {}, given.columns))) : "",
    h("div", {class: "pair"}, ...[
        given.examples ? section("Examples", h("p", {}, "Training rows drawn at random, with their labels."), gallery(given.examples, "example of class", "five")) : null,
        given.averages ? section("Mean images", h("p", {}, "Each pixel is the mean over the training rows of the class."), gallery(given.averages, "mean image of class", "five")) : null,
    ].filter(part => part)),
    given.shrunk ? h("p", {class: "note"}, given.shrunk) : "", footer(""));
