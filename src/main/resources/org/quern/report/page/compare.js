"use strict";
// Runs side by side.

const {names, results, settings} = given.comparison;
const colour = i => `var(--series-${i % 8})`;
const cells = names.map((name, i) => ({title: name, of: row => row.cells[i]}));
const epochs = name => given.runs.map((run, i) => ({
    name: names[i], colour: colour(i), dashed: i % 2 === 1,
    points: run.epochs.filter(e => e[name] !== undefined && e[name] !== null).map(e => [e.epoch, e[name]]),
}));
const curve = (title, name, yDomain) => epochs(name).some(s => s.points.length)
    ? lineChart({title, yFormat: four, yDomain, series: epochs(name)}) : null;
const fromZero = values => [0, d3.max(values)];
const nearOne = values => [Math.min(.9, d3.min(values)), 1];
const start = name => {
    const values = epochs(name).flatMap(s => s.points.map(p => p[1]));
    return values.length ? d3.scaleLinear(nearOne(values), [0, 1]).nice(5).domain()[0] : 0;
};
const starts = ["accuracy", "validationAccuracy"].map(start).filter(from => from > 0);

function perClass() {
    const tested = given.runs.map((run, i) => ({name: names[i], test: run.test})).filter(r => r.test && r.test.wrongPerClass);
    if (tested.length < 2 || tested.some(r => r.test.classes.join() !== tested[0].test.classes.join())) return null;
    const most = d3.max(tested, r => d3.max(r.test.wrongPerClass)) || 1;
    const cell = n => h("td", {style: `--hue: var(--wrong); --share: ${n / most}`}, count(n));
    return section("Wrong predictions by class", h("div", {class: "scroll"}, h("table", {class: "heat"},
        h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "run"), tested[0].test.classes.map(c => h("th", {scope: "col"}, c)))),
        h("tbody", {}, tested.map(r => h("tr", {}, h("th", {scope: "row"}, r.name), r.test.wrongPerClass.map(cell)))))));
}

document.title = "Runs: " + names.join(", ");
document.getElementById("page").append(
    h("h1", {}, "Runs compared"),
    h("p", {class: "muted"}, names.join(", ")),
    section("Results", table([{title: "", text: true, of: row => row.name.replace(/^us /, "µs ").replace("R2", "R²")}, ...cells], results)),
    ...[
        section("Curves", h("div", {class: "pair charts"},
            curve("Training loss", "loss", fromZero), curve("Training accuracy", "accuracy", nearOne),
            curve("Validation loss", "validationLoss", fromZero), curve("Validation accuracy", "validationAccuracy", nearOne)),
        starts.length ? h("p", {class: "note"}, `Accuracy axes start at ${[...new Set(starts)].join(" and ")}.`) : null),
        perClass(),
    ].filter(part => part),
    section("Settings", table([{title: "setting", text: true, of: row => row.name}, ...cells.map(c => ({...c, text: true}))],
        settings, row => row.differs ? "differs" : null), h("p", {class: "note"}, "Settings that differ come first.")),
    h("footer", {}, "Made by Quern. Charts by d3 (ISC licence, in the source of this page)."));
