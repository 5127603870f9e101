"use strict";
// The page of a data set.

function gallery(of, names, kind) {
    return h("ul", {class: "gallery " + kind}, of.images.map((image, i) => h("li", {},
        h("img", {src: image, alt: `${names} ${of.labels[i]}`}), of.labels[i])));
}

const percent = value => (100 * value).toFixed(1) + " %";
const bars = given.bars ? h("figure", {style: "max-width: 40rem"}) : null;
if (bars) bars.innerHTML = given.bars;

document.title = given.title;
document.getElementById("page").append(
    h("h1", {}, given.title),
    section("Values", table([
        {title: "split", text: true, of: s => s.name}, {title: "rows", of: s => count(s.rows)}, {title: "shape", of: s => s.shape},
        {title: "classes", of: s => s.classes || "–"}, {title: "range", of: s => s.range}, {title: "mean", of: s => four(s.mean)},
        {title: "deviation", of: s => four(s.deviation)}, {title: "not 0", of: s => percent(s.nonZero)},
    ], given.splits), h("p", {class: "note"}, "Raw values, before any scaling.")),
    ...[
        bars ? section("Classes", bars) : null,
        given.examples ? section("Examples", h("p", {}, "Training rows drawn at random, with their labels."), gallery(given.examples, "example of class", "five")) : null,
        given.averages ? section("Mean images", h("p", {}, "Each pixel is the mean over the training rows of the class."), gallery(given.averages, "mean image of class", "five")) : null,
    ].filter(part => part),
    section("Duplicates", given.duplicates.map(line => h("p", {}, line[0].toUpperCase() + line.slice(1) + "."))),
    h("footer", {}, "Made by Quern."));
