"use strict";
// The page of a run: finished (its data is in the page), or going on (its data comes as events).

function header(data) {
    const run = data.run;
    const last = run.epochs ? run.epochs.at(-1) : null;
    const test = data.test;
    const trained = run.epochs ? d3.sum(run.epochs, e => e.seconds) : 0;
    return [
        h("h1", {}, data.title),
        origin(run),
        data.state ? h("p", {}, h("span", {class: "state " + data.state.split(":")[0]}, data.state)) : null,
        data.note ? h("p", {class: "note wide"}, ...data.note.split(/(quern train --resume \S+)/).map((part, i) => i % 2 ? h("code", {}, part) : part)) : null,
        data.note || !test || !run.tested ? null : h("p", {class: "note"}, `Tested: ${run.tested}.`),
        figures([
            ["test accuracy", test && test.accuracy !== undefined ? four(test.accuracy) : null],
            ["baseline accuracy", test && test.baselineAccuracy !== undefined ? four(test.baselineAccuracy) : null],
            ["exact match", test && test.exactMatch !== undefined ? four(test.exactMatch) : null],
            ["balanced accuracy", test && test.balancedAccuracy !== undefined ? four(test.balancedAccuracy) : null],
            ["macro-F1", test && test.macroF1 !== undefined ? four(test.macroF1) : null],
            ["ROC AUC", test && test.rocAuc !== undefined ? four(test.rocAuc) : null],
            ["PR AUC", test && test.prAuc !== undefined ? four(test.prAuc) : null],
            ["wrong", test && test.wrong !== undefined ? withUnit(count(test.wrong), ` of ${count(test.rows)}`) : null],
            ["test R²", test && test.r2 !== undefined ? four(test.r2) : null],
            ["RMSE", test && test.rmse !== undefined ? digits(test.rmse) : null],
            ["baseline RMSE", test && test.baselineRmse !== undefined ? digits(test.baselineRmse) : null],
            ["mean absolute error", test && test.mae !== undefined ? digits(test.mae) : null],
            ["test loss", test && test.loss !== undefined ? four(test.loss) : null],
            ["time left", !test && data.left ? data.left : null],
            [run.input && run.input.includes(",") ? "images a second" : "rows a second", !test && data.progress ? count(Math.round(data.progress.rowsPerSecond)) : null],
            ["validation loss", !test && last && !none(last.validationLoss) ? four(last.validationLoss) : null],
            ["validation " + (data.classifies ? "accuracy" : "R²"), !test && last && !none(last.validationAccuracy) ? four(last.validationAccuracy) : null],
            ["best epoch", best(run) ? withUnit(best(run), ` of ${last.epoch}`) : null],
            ["accuracy in training", !test && data.progress && data.classifies ? four(data.progress.accuracy) : null],
            ["loss in training", !test && data.progress ? four(data.progress.loss) : null],
            ["epochs", withUnit(last ? last.epoch : 0, ` of ${run.epochsAsked}`)],
            ["parameters", count(run.parameters)],
            ["time in steps", last && last.epoch === run.epochs.length ? seconds(trained) : null],
            ["one step", last ? last.stepMicros.toFixed(1) + " µs" : null],
        ]),
    ];
}

/** The epoch of the least validation loss, or without validation training loss. */
const best = run => run.bestEpoch || (run.epochs?.length ? d3.least(run.epochs, e => e.validationLoss ?? e.loss).epoch : 0);

/** What the line charts show; null without anything to show. */
function lines(data) {
    const epochs = data.run.epochs || [];
    const points = data.points || data.run.steps || [];
    if (epochs.length + points.length === 0) return null;
    const of = name => epochs.map(e => [e.epoch, e[name] ?? null]);
    const series = (training, validation) => {
        const all = [{name: "training", colour: "var(--first)", points: of(training)}];
        all.unshift({name: "", thin: true, colour: "var(--first)", points: points.map(p => [p.epoch, p[training] ?? null])});
        if (validation && epochs.some(e => !none(e[validation]))) all.push({name: "validation", dashed: true, colour: "var(--second)", points: of(validation)});
        return all;
    };
    const mark = best(data.run);
    const norm = (title, name) => epochs.some(e => !none(e[name]))
        ? {title, norm: true, yFormat: digits, log: true, mark, series: [{name: "after the epoch", colour: "var(--first)", points: of(name)}]} : null;
    return [
        {title: "Loss", yFormat: four, log: true, mark, series: series("loss", "validationLoss")},
        data.classifies ? {title: "Accuracy", yFormat: four, mark, series: series("accuracy", "validationAccuracy")} : null,
        new Set(points.map(p => p.learningRate)).size < 2 ? null : {title: "Learning rate", yFormat: digits, log: true, series: series("learningRate", null)},
        norm("Gradient norm", "gradientNorm"),
        norm("Weight norm", "weightNorm"),
    ].filter(chart => chart);
}

let drawn = null;
let said = "";

function curves(data) {
    const all = lines(data);
    if (!all) return null;
    drawn = all.map(lineChart);
    said = meaning(data.run, data.run.epochs || []);
    const charts = norms => drawn.filter((_, i) => Boolean(all[i].norm) === norms);
    return [
        section(data.classifies ? "Loss and accuracy" : "Loss", h("div", {class: "pair charts"}, charts(false)),
            h("p", {class: "note"}, said + " The thin line is the mean over a few steps. Point at a chart, or use the arrow keys, to read it.")),
        charts(true).length ? section("Gradients and weights", h("div", {class: "pair charts"}, charts(true)),
            h("p", {class: "note"}, "L2 norms after each epoch: of the gradient of the loss, at the batch that comes next, and of all weights and biases.")) : null,
    ].filter(part => part);
}

/** What the two kinds of figures are, so that nobody wonders why the network does better on rows that it never saw. */
function meaning(run, epochs) {
    const dropout = String(run.model).includes("dropout");
    const validated = epochs.some(e => e.validationLoss !== undefined && e.validationLoss !== null);
    return (epochs.length && epochs.length < epochs.at(-1).epoch ? `The curves are of ${count(epochs.length)} of ${count(epochs.at(-1).epoch)} epochs. ` : "") + "Training figures are means over the epoch" + (dropout ? ", with dropout on" : "")
        + (validated ? "; those of validation are from its end" + (dropout ? ", without dropout, and may be better." : ".") : ".");
}

function mistakes(data) {
    const test = data.test;
    if (!test || !test.confusion) return [];
    const bars = test.scores.map(s => ({name: s.name, value: s.wrong, text: count(s.wrong)}));
    const cell = h("div", {class: "shown", "aria-live": "polite"}, h("p", {class: "note"}, "Press a number to see such rows here."));
    const shows = (a, p) => test.cells && test.cells[a + "," + p]?.length;
    const show = (a, p) => cell.replaceChildren(h("h3", {}, `${test.classes[a]} predicted as ${test.classes[p]}`),
        pictures(test, test.cells[a + "," + p]), h("p", {class: "note"}, `${count(test.cells[a + "," + p].length)} of ${count(test.confusion[a][p])} rows${a === p ? "." : ", the most confident first."} Press a number of the matrix to see its rows.`));
    const worst = d3.greatest(d3.cross(d3.range(test.confusion.length), d3.range(test.confusion.length)).filter(([a, p]) => a !== p && shows(a, p)), ([a, p]) => test.confusion[a][p]);
    if (worst) show(...worst);
    return [
        !test.confusion.length ? section("Confusion matrix", h("p", {}, `That of ${count(test.classes.length)} classes is left out; run.json has it.`)) : section("Confusion matrix", h("div", {class: "pair"}, h("div", {}, confusionTable(test.classes, test.confusion, shows, show),
            h("p", {class: "note"}, "Blue: share of the class that was right. Orange: mistakes, deeper where more frequent (by square root).")), cell)),
        section("Classes", h("div", {class: "pair"},
            table([
                {title: "class", text: true, of: s => s.name}, {title: "rows", of: s => count(s.rows)},
                {title: "wrong", of: s => count(s.wrong)}, {title: "precision", of: s => four(s.precision)},
                {title: "recall", of: s => four(s.recall)}, {title: "F1", of: s => four(s.f1)},
            ], test.scores),
            h("div", {}, h("h3", {}, "Wrong predictions by true class"), barChart("Wrong predictions by true class", bars, "var(--wrong)"))),
            h("p", {class: "note"}, `Balanced accuracy is the mean recall, macro-F1 the mean F1; a class without a figure (–) is left out. Baseline accuracy is that of always saying “${test.baselineClass}”, the most common class of these rows.`)),
        test.curves ? rates(test) : null,
        test.gallery.length ? gallery(test) : null,
        test.samples.length ? section("Sample predictions", h("p", {}, "Test rows at equal distances, right or wrong, with the likeliest classes."), samples(test)) : null,
        section("Reliability", h("div", {class: "pair"},
            h("div", {}, h("p", {}, `When the network gives a probability, how often is it right? On the dashed line, confidence equals accuracy. The number in a bar is its count of rows. Expected calibration error: ${four(test.calibrationError)}.`),
                reliabilityChart(test.reliability)),
            test.classes.length <= MANY ? h("div", {}, h("h3", {}, "Probability given to the true class"),
                h("p", {class: "note"}, "A row for each class, a column for each tenth of probability, deeper where more rows are. Ideally, all are at the right."), histograms(test)) : null)),
    ];
}

/** For each class, its rows by the probability of the right answer. */
function histograms(test) {
    const share = (n, row) => Math.sqrt(n / (d3.sum(row) || 1));
    return h("div", {class: "scroll"}, h("table", {class: "heat"},
        h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "class"), d3.range(10).map(i => h("th", {scope: "col"}, `${(i / 10).toFixed(1)}`)))),
        h("tbody", {}, test.histograms.map((row, c) => h("tr", {}, h("th", {scope: "row"}, test.classes[c]), row.map((n, i) => h("td", {
            class: n ? null : "zero", title: `${test.classes[c]}: ${count(n)} rows with ${(i / 10).toFixed(1)} to ${((i + 1) / 10).toFixed(1)}`,
            style: `--hue: var(--${i < 5 ? "wrong" : "right"}); --share: ${n ? share(n, row).toFixed(3) : 0}`}, count(n))))))));
}

const probability = example => example.likeliest[0][1];

/** Rows as images, or by their numbers, with what they were predicted as. */
function pictures(test, rows, kind = "few") {
    return h("ul", {class: "gallery " + kind}, rows.map(row => {
        const e = test.examples[row];
        const text = `${test.classes[e.actual]} → ${test.classes[e.predicted]}`;
        return h("li", {}, e.image ? h("img", {src: e.image, alt: `row ${row}: ${test.classes[e.actual]}, predicted as ${test.classes[e.predicted]}`}) : `row ${count(row)}`,
            e.image ? text : [h("br"), text], h("br"), h("span", {class: "muted"}, probability(e).toFixed(4)));
    }));
}

function samples(test) {
    return h("ul", {class: "gallery samples"}, test.samples.map(row => {
        const e = test.examples[row];
        return h("li", {}, e.image ? h("img", {src: e.image, alt: `row ${row}: ${test.classes[e.actual]}`}) : `row ${count(row)}`,
            h("b", {}, `${e.actual === e.predicted ? "✓" : "✗"} ${test.classes[e.actual]}`),
            h("ul", {class: "meters"}, e.likeliest.map(([c, p]) => h("li", {}, h("span", {class: "name"}, test.classes[c]),
                h("span", {class: "bar", "aria-hidden": "true"}, h("span", {class: "fill" + (c === e.actual ? "" : " other"), style: `width: ${(100 * p).toFixed(1)}%`})), h("span", {class: "figure"}, p.toFixed(2))))));
    }));
}

/** Of two classes, how well the second is told from the first. */
function rates(test) {
    const rare = test.prevalence;
    return section("ROC and precision-recall",
        h("p", {}, `How well rows of “${test.positiveClass}” (${count(Math.round(rare * test.rows))} of ${count(test.rows)}) are told from the others, at every threshold of its probability.`),
        h("div", {class: "pair charts"},
            rateChart({title: "ROC curve", xTitle: "false positive rate", yTitle: "true positive rate", points: test.curves.roc,
                area: test.rocAuc, blind: [[0, 0], [1, 1]], blindArea: .5}),
            rateChart({title: "Precision-recall curve", xTitle: "recall", yTitle: "precision", points: test.curves.precisionRecall, steps: true,
                area: test.prAuc, blind: [[0, rare], [1, rare]], blindArea: rare})),
        h("p", {class: "note"}, "The area under the second curve is the average precision."));
}

/** Of outputs that say yes or no, how well each does. */
function labels(data) {
    const test = data.test;
    if (!test || !test.labels) return [];
    return [
        section("Labels", table([
            {title: "label", text: true, of: l => l.name}, {title: "yes", of: l => count(l.yes)}, {title: "wrong", of: l => count(l.wrong)},
            {title: "precision", of: l => four(l.precision)}, {title: "recall", of: l => four(l.recall)}, {title: "F1", of: l => four(l.f1)},
            {title: "ROC AUC", of: l => four(l.rocAuc)}, {title: "PR AUC", of: l => four(l.prAuc)},
        ], test.labels),
        h("p", {class: "note"}, "Accuracy is the share of right answers to all labels, exact match that of rows with every label right, macro-F1 the mean F1. Baseline accuracy is that of the more common answer to each label.")),
        test.curves ? rates(test) : null,
    ];
}

/** Of numbers, what was predicted against what is true, for each output. */
function predictions(data) {
    const test = data.test;
    if (!test || !test.predictions) return null;
    const several = test.outputs.length > 1;
    const title = (output, text) => several ? `${output.name}: ${text}` : text[0].toUpperCase() + text.slice(1);
    const shown = test.predictions.length;
    const dots = shown ? test.predictions[0].points.length : 0;
    const beyond = test.predictions.filter(p => p.beyond).map(p => `${several ? p.name + ": " : ""}${count(p.beyond)} of ${count(test.rows)} rows are farther off than the bars reach.`);
    const notes = [
        several ? "The figures at the top are means over the outputs." : null,
        "Baseline RMSE is that of the mean of these rows’ targets, predicted for every row.",
        shown < test.outputs.length ? `Charts of ${shown} of ${count(test.outputs.length)} outputs.` : null,
        dots < test.rows ? `Dots for ${count(dots)} of ${count(test.rows)} rows, evenly spaced; bars for all.` : null,
        ...beyond,
    ].filter(note => note);
    return section("Predictions",
        several ? [table([
            {title: "output", text: true, of: o => o.name}, {title: "RMSE", of: o => digits(o.rmse)}, {title: "baseline RMSE", of: o => digits(o.baseline)},
            {title: "mean absolute error", of: o => digits(o.mae)}, {title: "R²", of: o => four(o.r2)},
        ], test.outputs)] : null,
        test.predictions.map(p => h("div", {class: "pair charts"},
            dotChart(title(p, "predicted against true"), p.points),
            p.reach > 0 ? histogram(title(p, "residuals"), p.reach, p.bars, "true − predicted") : h("p", {}, "Every row is predicted exactly."))),
        h("p", {class: "note"}, notes.join(" ")));
}

function gallery(test) {
    const shown = test.gallery.length;
    const what = shown < test.wrong ? `The ${shown} most confident mistakes (of ${count(test.wrong)}).` : `All ${shown} mistakes, the most confident first.`;
    const rows = test.gallery.map(row => ({row, ...test.examples[row]}));
    return section("Mistakes", h("p", {}, what), rows[0].image ? pictures(test, test.gallery, "seven") : table([
        {title: "row", of: m => count(m.row)}, {title: "true", text: true, of: m => test.classes[m.actual]},
        {title: "predicted", text: true, of: m => test.classes[m.predicted]}, {title: "probability", of: m => four(probability(m))},
    ], rows), h("p", {class: "note"}, "True class → predicted class, with the probability given to it. " + (test.shrunk ?? "")));
}

function weights(data) {
    const w = data.weights;
    if (!w) return null;
    return section("First layer",
        h("p", {}, `Weights of ${w.images.length < w.units ? `the first ${w.images.length} of ${w.units}` : `the ${w.units}`} units, as images: blue is positive, orange negative, white 0; each unit on its own scale.`),
        h("ul", {class: "gallery weights"}, w.images.map((image, unit) => h("li", {},
            h("img", {src: image, alt: `weights of unit ${unit}`}), h("span", {class: "muted"}, unit)))));
}

function columns(run) {
    if (!run.columns) return null;
    const shown = run.columns.inputs.slice(0, COLUMNS);
    const number = value => c => c.values ? "" : digits(c[value]);
    const more = run.columns.inputs.length - shown.length;
    return section("Columns",
        h("p", {}, `Of the rows trained on; numbers are ${run.columns.standardize ? "standardized by mean and standard deviation" : "taken as they are"}.`),
        table([
            {title: "column", text: true, of: c => c.name || "–"}, {title: "mean", of: number("mean")}, {title: "std dev", of: number("deviation")},
            {title: "min", of: number("min")}, {title: "max", of: number("max")}, {title: "missing", text: true, of: c => c.gaps ? "yes" : ""},
            {title: "values", text: true, of: c => !c.values ? "" : c.values.length ? cut(c.values.join(", "), 700) : "too many: left out"},
        ], shown),
        more > 0 ? h("p", {class: "note"}, `And ${count(more)} more columns.`) : null);
}

/** More of them would be many to read. */
const COLUMNS = 100;

function time(run) {
    if (!run.seconds) return null;
    const parts = Object.entries(run.seconds).filter(([name]) => name !== "total");
    return section("Time", h("p", {}, `${seconds(run.seconds.total)} of wall time, from the first line of the command on${run.resumedAfter === undefined ? "" : `; the command went on after epoch ${run.resumedAfter}, what came before is not counted`}.`),
        barChart("Wall time", parts.map(([name, value]) => ({name, value, text: `${seconds(value)} · ${(100 * value / run.seconds.total).toFixed(0)} %`})), "var(--first)"));
}

function settings(data) {
    const run = data.run;
    const rows = Object.entries(data.settings);
    if (run.end) rows.push(["ended", run.end], ["best epoch", run.bestEpoch]);
    return section("Model and settings", h("div", {class: "pair"},
        table([{title: "layer", text: true, of: l => l.layer}, {title: "output", of: l => l.shape}, {title: "parameters", of: l => l.parameters}], data.layers),
        table([{title: "setting", text: true, of: r => r[0]}, {title: "value", text: true, of: r => String(r[1])}], rows)));
}

function render(data) {
    document.title = data.title;
    document.getElementById("page").replaceChildren(...[
        h("div", {id: "header"}, header(data)), h("nav", {"aria-label": "Contents", class: "screen"}), h("div", {id: "curves"}, curves(data)), mistakes(data), labels(data), predictions(data), weights(data), columns(data.run), time(data.run), settings(data),
        footer(CHARTS),
    ].flat(Infinity).filter(part => part));
    contents();
}

/** What changes while a run goes on; charts stay, with their crosshair. */
function refresh(data) {
    document.getElementById("header").replaceChildren(...header(data).flat().filter(part => part));
    const all = lines(data);
    const same = drawn && all && drawn.length === all.length && said === meaning(data.run, data.run.epochs || []);
    if (same) drawn.forEach((chart, i) => chart.update(all[i]));
    else if (all) document.getElementById("curves").replaceChildren(...curves(data));
    contents();
}

/** Follows a run until it ends; the page then stays as it is. */
function follow(data) {
    const events = new EventSource("events");
    let told = false;
    const heard = ({epochs, ...news}) => {
        if (epochs) data.run.epochs = epochs;
        Object.assign(data, news);
    };
    events.addEventListener("state", event => {
        heard(JSON.parse(event.data));
        refresh(data);
    });
    events.addEventListener("stop", event => {
        told = true;
        events.close();
        heard({...JSON.parse(event.data), left: null});
        refresh(data);
    });
    events.addEventListener("end", event => {
        events.close();
        render(Object.assign(data, {points: null}, JSON.parse(event.data)));
    });
    events.onerror = () => {
        events.close();
        if (!told) refresh(Object.assign(data, {state: "connection lost: the run was stopped", left: null}));
    };
}

render(given);
if (given.live) follow(given);
