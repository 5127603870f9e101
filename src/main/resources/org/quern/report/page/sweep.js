"use strict";
// The page of a sweep: its trainings as a table, their curves, and the result by each setting.

const {about, settings, scores, runs} = given;
const COLOURED = 8; // curves that have a colour and a name each
const isBest = run => given.best.includes(run.number);
const name = key => key.replaceAll("_", " ").replace("validation", "val").replace("deviation", "std dev").replace("R2", "R²");
const cell = value => none(value) ? "" : typeof value !== "number" ? String(value) : Number.isInteger(value) ? count(value) : four(value);
const [score, error] = scores;

function runTable() {
    const keys = [...new Set(runs.flatMap(Object.keys))].filter(key => runs.some(run => !none(run[key])));
    const text = key => settings.includes(key) && runs.some(run => isNaN(run[key])) || key === "failure";
    return sortable(table(keys.map(key => ({title: key === "number" ? "run" : name(key), text: text(key), of: run =>
        key === "seconds" ? run[key].toFixed(2) : settings.includes(key) ? run[key] : cell(run[key])})),
    runs, run => isBest(run) ? "differs" : null));
}

function curves() {
    const named = run => `${run.number}: ${settings.map(key => key === "model" ? run[key] : `${key} ${run[key]}`).join(", ")}`;
    const shown = given.curves.filter(curve => curve.epochs.length);
    const chartOf = (title, key) => {
        const series = shown.map((curve, i) => ({
            name: i < COLOURED ? cut(named(runs.find(run => run.number === curve.number)) + (curve.fold ? `, fold ${curve.fold}` : ""), 250) : "",
            colour: i < COLOURED ? `var(--series-${i})` : "var(--muted)", thin: i >= COLOURED, dashed: i % 2 === 1,
            points: curve.epochs.filter(e => !none(e[key])).map(e => [e.epoch, e[key]]),
        })).filter(s => s.points.length);
        return series.length ? lineChart({title, yFormat: four, log: title.endsWith("loss"), series: [...series.slice(COLOURED), ...series.slice(0, COLOURED)]}) : null;
    };
    const charts = [chartOf("Training loss", "loss"), chartOf("Validation loss", "validationLoss"),
        given.classifies ? chartOf("Training accuracy", "accuracy") : null, chartOf(given.classifies ? "Validation accuracy" : "Validation R²", "validationAccuracy")];
    const left = given.all * (given.curves[0]?.fold ? d3.max(given.curves, c => c.fold) : 1) - given.curves.length;
    return shown.length ? section("Curves", h("div", {class: "pair charts"}, charts.filter(chart => chart)),
        h("p", {class: "note"}, `In colour, the ${Math.min(COLOURED, shown.length)} best${shown.length > COLOURED ? "; grey, the others" : ""}.${left > 0 ? ` The curves of ${count(left)} others are left out.` : ""}`)) : null;
}

/** The score of each run by one of the settings, with the mean of each value. */
function settingChart(key) {
    const dots = runs.filter(run => !none(run[score]));
    const numbers = dots.every(run => run[key] !== "" && isFinite(run[key]));
    const of = run => numbers ? +run[key] : run[key];
    const values = [...new Set(dots.map(of))].sort(numbers ? d3.ascending : () => 0);
    const means = values.map(value => [value, d3.mean(dots.filter(run => of(run) === value), run => run[score])]);
    const title = `${name(score)} by ${key}`;
    return h("div", {}, h("h3", {}, key), chart(`${title}: ${means.map(([value, mean]) => `${value}: ${four(mean)}`).join(", ")}`, 260, (svg, width, height) => {
        const [across, [bottom, top]] = inner(width, height);
        const y = d3.scaleLinear(d3.extent(dots, run => run[score]), [bottom, top + 12]).nice(5);
        const yText = tickText(y);
        const left = Math.max(margin.left, 14 + widest(y, yText));
        const range = [left + 14, across[1] - 14];
        const log = numbers && values[0] > 0 && values.at(-1) >= 10 * values[0];
        const x = numbers ? (log ? d3.scaleLog : d3.scaleLinear)(values.length > 1 ? d3.extent(values) : [values[0] / 2, values[0] * 2 || 1], range) : d3.scalePoint(values, range).padding(.5);
        const room = (range[1] - range[0]) / Math.max(1, values.length);
        const text = value => numbers ? d3.format(Number.isInteger(value) ? ",d" : ".3~g")(value) : cut(value, room - 4);
        let edge = -Infinity;
        const ticks = values.filter(value => {
            const half = text(value).length * LETTER / 2 + 4;
            if (x(value) - half < edge) return false;
            edge = x(value) + half;
            return true;
        });
        const axis = d3.axisBottom(x).tickValues(ticks).tickFormat(text);
        axes(svg, width, height, y, axis, d3.axisLeft(y).ticks(5).tickFormat(yText), key, name(score), left);
        if (numbers) svg.append("path").attr("d", d3.line(p => x(p[0]), p => y(p[1]))(means)).attr("fill", "none").attr("stroke", "var(--second)").attr("stroke-width", 1.5).attr("stroke-dasharray", "5 4");
        svg.append("g").selectAll("circle").data([...dots].reverse()).join("circle")
            .attr("cx", run => x(of(run))).attr("cy", run => y(run[score])).attr("r", run => isBest(run) ? 6 : 4)
            .attr("fill", "var(--first)").attr("fill-opacity", run => isBest(run) ? 1 : .45).attr("stroke", run => isBest(run) ? "var(--ink)" : null)
            .append("title").text(run => `run ${run.number}: ${settings.map(s => `${s} ${run[s]}`).join(", ")}: ${four(run[score])}`);
        if (!numbers) svg.append("g").attr("stroke", "var(--second)").attr("stroke-width", 2.5).selectAll("line").data(means).join("line")
            .attr("x1", p => x(p[0]) - 14).attr("x2", p => x(p[0]) + 14).attr("y1", p => y(p[1])).attr("y2", p => y(p[1]));
    }));
}

const varied = settings.filter(key => new Set(runs.map(run => run[key])).size > 1 && (key !== "seed" || settings.length === 1));
const failed = runs.filter(run => run.failure).length;
document.getElementById("page").append(...[
    h("h1", {}, "Sweep"), origin(about),
    given.done < about.trainings ? h("p", {class: "note"}, `Interrupted: ${count(given.done)} of ${count(about.trainings)} trainings are done.`) : null,
    h("p", {class: "best"}, given.winner ? [h("b", {}, "Best: "), given.winner.replace("R2", "R²")] : "All trainings diverged."),
    figures([["trainings", count(about.trainings)], ["best run’s " + name(score), given.best.length ? four(runs[0][score]) : null],
        ["its " + name(error), given.best.length ? four(runs[0][error]) : null], ["diverged", failed ? count(failed) : null], ["time", seconds(about.seconds)]]),
    h("nav", {"aria-label": "Contents", class: "screen"}),
    varied.length && runs.some(run => !none(run[score])) ? section("Settings", h("div", {class: "pair charts"}, varied.map(settingChart)),
        h("p", {class: "note"}, "A dot is a run, the outlined ones are the best. Dashes: the mean of each value.")) : null,
    curves(),
    section("Runs", runTable(), h("p", {class: "note"}, `Press a title to sort.${given.best.length > 1 ? " Highlighted: the best combination of settings by its mean over all seeds." : " Highlighted: the best."}`
        + `${runs.length < given.all ? ` The best ${count(runs.length)} of ${count(given.all)} are shown; --csv and --json write all.` : ""}`)),
    footer(CHARTS),
].flat().filter(part => part));
contents();
