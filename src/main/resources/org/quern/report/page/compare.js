"use strict";
// Runs side by side.

const {names, results, settings} = given.comparison;
const classifies = run => run.epochs.some(e => !none(e.accuracy));
const colour = i => `var(--series-${i % 8})`;
const cells = names.map((name, i) => ({title: name, of: row => row.best.includes(i) ? h("b", {class: "best"}, row.cells[i]) : row.cells[i]}));
if (names.length === 2) cells.push({title: "difference", of: row => row.difference ?? ""});
const epochs = (name, which) => given.runs.map((run, i) => ({
    name: names[i], colour: colour(i), dashed: i % 2 === 1,
    points: which(run) ? run.epochs.filter(e => !none(e[name])).map(e => [e.epoch, e[name]]) : [],
})).filter(s => s.points.length);
/** Charts of some runs on axes of the same values, so that they can be held against each other. */
const curves = (which, ...charts) => {
    const shared = charts.flatMap(([, name]) => epochs(name, which).flatMap(s => s.points.map(p => p[1])));
    return charts.filter(([, name]) => epochs(name, which).length)
        .map(([title, name]) => lineChart({title, yFormat: four, log: name.endsWith("oss"), shared, series: epochs(name, which)}));
};

function perClass() {
    const tested = given.runs.map((run, i) => ({name: names[i], test: run})).filter(r => r.test.wrongPerClass);
    if (tested.length < 2 || tested.some(r => r.test.classes.join() !== tested[0].test.classes.join())) return null;
    const most = d3.max(tested, r => d3.max(r.test.wrongPerClass)) || 1;
    const cell = n => h("td", {style: `--hue: var(--wrong); --share: ${n / most}`}, count(n));
    return section("Wrong predictions by class", h("div", {class: "scroll"}, h("table", {class: "heat"},
        h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "run"), tested[0].test.classes.map(c => h("th", {scope: "col"}, c)))),
        h("tbody", {}, tested.map(r => h("tr", {}, h("th", {scope: "row"}, r.name), r.test.wrongPerClass.map(cell)))))));
}

function settingsTable(title, rows) {
    const columns = rows.some(row => row.differs) ? cells.slice(0, names.length) : [{title: "all runs", of: row => row.cells[0]}];
    return rows.length ? section(title, table([{title: "setting", text: true, of: row => row.name}, ...columns.map(c => ({...c, text: true}))], rows)) : null;
}

document.title = "Runs: " + names.join(", ");
document.getElementById("page").append(
    h("h1", {}, "Runs compared"),
    h("p", {class: "muted"}, names.join(", ")),
    h("nav", {"aria-label": "Contents", class: "screen"}),
    h("div", {class: names.length < 4 ? "pair" : ""}, section("Results", table([{title: "", text: true, of: row => row.name.replace(/^us /, "µs ").replace("R2", "R²")}, ...cells], results), h("p", {class: "note"}, given.comparison.alike ? "Bold: the better one, where one is." : "The runs are of different data: their scores cannot be compared.")),
    ...[settingsTable("Settings that differ", settings.filter(row => row.differs)), given.comparison.columns ? h("p", {class: "note"}, `The ${given.comparison.columns}.`) : null].filter(part => part)),
    ...[
        section("Curves", h("div", {class: "pair charts"},
            curves(() => true, ["Training loss", "loss"], ["Validation loss", "validationLoss"]),
            curves(classifies, ["Training accuracy", "accuracy"], ["Validation accuracy", "validationAccuracy"]),
            curves(run => !classifies(run), ["Validation R²", "validationAccuracy"])),
        h("p", {class: "note"}, "Training and validation have the same axis.")),
        perClass(),
    ].filter(part => part),
    ...[settingsTable("Settings that are the same", settings.filter(row => !row.differs))].filter(part => part),
    footer(CHARTS));
contents();
