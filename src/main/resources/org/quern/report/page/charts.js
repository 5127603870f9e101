"use strict";
// Charts as SVG, drawn by d3 to the width of their place and drawn again when that changes.

/** A figure that is drawn by draw(svg, width, height). */
function chart(label, height, draw, square = false) {
    const place = h("div", {style: `min-height: ${height}px${square ? "; max-width: 32rem" : ""}`});
    const figure = h("figure", {role: "img", "aria-label": label}, place);
    let drawnFor = 0;
    const paint = width => {
        if (width > 0 && width !== drawnFor) {
            drawnFor = width;
            place.replaceChildren();
            const high = square ? Math.min(width, 512) : height;
            draw(d3.select(place).append("svg").attr("viewBox", [0, 0, width, high]), width, high);
        }
    };
    const redraw = () => paint(Math.round(place.clientWidth));
    new ResizeObserver(redraw).observe(place);
    // Paper is laid out after this event: a chart is drawn for about the room that it will have there.
    addEventListener("beforeprint", () => paint(figure.closest(".charts") ? PAPER / 2 : PAPER));
    addEventListener("afterprint", redraw);
    figure.redraw = () => {
        drawnFor = 0;
        redraw();
    };
    return figure;
}

/** Width of a printed page, in pixels, about. */
const PAPER = 680;

/** Room for the axes. */
const margin = {top: 12, right: 14, bottom: 40, left: 50};

function axes(svg, width, height, y, xAxis, yAxis, xTitle, yTitle, left = margin.left) {
    svg.append("g").attr("class", "grid").attr("transform", `translate(${left},0)`)
        .call(d3.axisLeft(y).ticks(5).tickSize(-(width - left - margin.right)).tickFormat(""));
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - margin.bottom})`).call(xAxis);
    svg.append("g").attr("class", "axis").attr("transform", `translate(${left},0)`).call(yAxis);
    svg.append("text").attr("class", "axis-title").attr("text-anchor", "end")
        .attr("x", width - margin.right).attr("y", height - 6).text(xTitle);
    if (yTitle) {
        svg.append("text").attr("class", "axis-title").attr("x", 4).attr("y", 11).text(yTitle);
    }
}

/** How the numbers on an axis are written: large and small ones short, in as many digits as tell them apart. */
function tickText(scale) {
    const ticks = scale.ticks(5);
    const most = d3.max(ticks, Math.abs);
    const exact = decimals => ticks.every(value => Math.abs(value.toExponential(decimals) - value) < 1e-3 * (ticks[1] - ticks[0]));
    const decimals = d3.range(8).find(exact) ?? 8;
    if (most >= 1e-3 && most < 1e5 || most < 1e9 && decimals > 3) return scale.tickFormat(5);
    const text = d3.format(most >= 1e-3 && most < 1e9 ? `.${decimals + 1}~s` : `.${decimals}~e`);
    return value => value === 0 ? "0" : text(value).replace("e+", "e");
}

/** Pixels that the labels of an axis need, the longest of them. */
const widest = (scale, text) => LETTER * d3.max(scale.ticks(5), value => text(value).length);

/** Axes for any numbers, with as much room as their labels need; the scales that they show. */
function numberAxes(svg, width, height, xDomain, yDomain, xTitle, yTitle) {
    const [xs, [bottom, top]] = inner(width, height);
    const y = d3.scaleLinear(yDomain, [bottom, top + 12]).nice(5);
    const yText = tickText(y);
    const left = Math.max(margin.left, 14 + widest(y, yText));
    const x = d3.scaleLinear(xDomain, xs).nice(5);
    const xText = tickText(x);
    const room = widest(x, xText);
    x.range([left, xs[1] - room / 2]);
    let ticks = 6;
    while (ticks > 1 && x.ticks(ticks).length * (12 + room) > xs[1] - left) ticks--;
    axes(svg, width, height, y, d3.axisBottom(x).ticks(ticks).tickFormat(xText), d3.axisLeft(y).ticks(5).tickFormat(yText), xTitle, yTitle, left);
    return [x, y];
}

const inner = (width, height) => [[margin.left, width - margin.right], [height - margin.bottom, margin.top + 6]];

/** The legend of lines: each series {name, colour, dashed}. */
function legend(series) {
    return h("ul", {class: "legend"}, series.map(s => {
        const key = d3.create("svg").attr("viewBox", "0 0 32 12").attr("aria-hidden", "true");
        key.append("line").attr("x1", 0).attr("x2", 32).attr("y1", 6).attr("y2", 6)
            .attr("stroke", s.colour).attr("stroke-width", 2.5).attr("stroke-dasharray", s.dashed ? "5 4" : null);
        return h("li", {}, key.node(), s.name);
    }));
}

/** From the least to the largest value; from 0 on where that is not far below. */
function domainOf(values, log) {
    const [low, high] = log ? d3.extent(values.filter(v => v > 0)) : d3.extent(values);
    if (low === undefined) return [log ? .1 : 0, 1];
    if (low === high) return log ? [low / 2, high * 2] : low === 0 ? [0, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
    return [!log && low >= 0 && low < .3 * high ? 0 : low, high];
}

/**
 * Lines over epochs, with a crosshair that reads them: each series {name, colour, dashed, thin, points: [[x, y], …]}. Axes show all values
 * from the first epoch's end on, and those in shared; mark is the best epoch. update() takes other options.
 */
function lineChart(options) {
    let at = null, log = false, scales = null;
    const key = h("ul", {class: "legend", "aria-live": "off"});
    const toggle = h("button", {type: "button", class: "toggle screen", "aria-pressed": "false"}, "log scale");
    const named = () => options.series.filter(s => s.name && s.points.some(p => p[1] !== null));
    const valueAt = (s, x) => x === null ? s.points.findLast(p => p[1] !== null) : s.points.find(p => p[0] === x);
    const read = () => {
        key.replaceChildren(...legend(named()).children);
        named().forEach((s, i) => {
            const point = valueAt(s, at);
            key.children[i].append(h("b", {class: "value"}, " " + (point && point[1] !== null ? options.yFormat(point[1]) : "–")));
        });
        if (options.mark) key.append(h("li", {}, `◯ best epoch: ${options.mark}`));
        key.append(h("li", {class: "muted"}, at === null ? "" : `at epoch ${+at.toFixed(2)}`));
    };
    const xs = () => [...new Set((named().length ? named() : options.series).flatMap(s => s.points.map(p => p[0])))].sort(d3.ascending);
    const cross = () => {
        read();
        if (!scales) return;
        scales.svg.selectAll(".cross").remove();
        if (at !== null) scales.svg.append("line").attr("class", "cross").attr("x1", scales.x(at)).attr("x2", scales.x(at)).attr("y1", scales.y.range()[0]).attr("y2", scales.y.range()[1]);
    };
    const label = () => `${options.title} by epoch: ${named().map(s => `${s.name} ends at ${options.yFormat(valueAt(s, null)[1])}`).join(", ")}`;
    const figure = chart(label(), 280, (svg, width, height) => {
        const [across, down] = inner(width, height);
        const shown = options.series.filter(s => s.points.length > 0);
        const all = shown.flatMap(s => s.points).filter(p => p[1] !== null);
        const settled = all.filter(p => p[0] >= 1);
        const seen = (settled.length ? settled : all).map(p => p[1]).concat(options.shared || []);
        const end = Math.max(1, d3.max(all, p => p[0]) || 1);
        const x = d3.scaleLinear([Math.min(d3.min(all, p => p[0]) ?? 0, end === 1 ? 0 : 1), end], across);
        const y = (log ? d3.scaleLog : d3.scaleLinear)(domainOf(seen, log), down).nice(5);
        const yText = log ? d3.format("~g") : tickText(y);
        const left = log ? 64 : Math.max(margin.left, 14 + widest(y, yText));
        x.range([left, across[1] - Math.max(0, LETTER * String(end).length / 2 - margin.right)]);
        const whole = d3.axisBottom(x).ticks(Math.min(end, width / 50)).tickFormat(v => Number.isInteger(v) ? v : "");
        const yAxis = log ? d3.axisLeft(y).ticks(4, "~g") : d3.axisLeft(y).ticks(5).tickFormat(yText);
        axes(svg, width, height, y, whole, yAxis, "epoch", "", left);
        const [bottom, top] = y.domain();
        const line = d3.line().defined(p => p[1] !== null && p[1] >= bottom && p[1] <= top).x(p => x(p[0])).y(p => y(p[1]));
        for (const s of shown) {
            svg.append("path").attr("d", line(s.points)).attr("fill", "none").attr("stroke", s.colour)
                .attr("stroke-width", s.thin ? 1 : 2).attr("stroke-opacity", s.thin ? .5 : 1)
                .attr("stroke-dasharray", s.dashed ? "5 4" : null).attr("stroke-linejoin", "round");
            const dots = s.points.filter(line.defined());
            if (!s.thin && dots.length <= 30) {
                svg.append("g").selectAll("circle").data(dots).join("circle")
                    .attr("cx", p => x(p[0])).attr("cy", p => y(p[1])).attr("r", 3).attr("fill", s.colour)
                    .append("title").text(p => `${s.name}, epoch ${p[0]}: ${options.yFormat(p[1])}`);
            }
        }
        const best = options.mark && named().length ? valueAt(named().at(-1), options.mark) : null;
        if (best && line.defined()(best)) {
            svg.append("circle").attr("cx", x(best[0])).attr("cy", y(best[1])).attr("r", 7).attr("fill", "none").attr("stroke", "var(--ink)").attr("stroke-width", 1.5);
        }
        scales = {svg, x, y};
        svg.on("pointermove", event => {
            const wanted = x.invert(d3.pointer(event, svg.node())[0]);
            at = d3.least(xs(), v => Math.abs(v - wanted)) ?? null;
            cross();
        }).on("pointerleave", () => {
            at = null;
            cross();
        });
        cross();
    });
    figure.setAttribute("tabindex", "0");
    figure.addEventListener("keydown", event => {
        const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        if (!step && event.key !== "Escape") return;
        event.preventDefault();
        key.setAttribute("aria-live", "polite");
        const places = xs();
        const from = at === null ? (step > 0 ? -1 : places.length) : places.indexOf(at);
        at = step ? places[Math.max(0, Math.min(places.length - 1, from + step))] ?? null : null;
        cross();
    });
    toggle.addEventListener("click", () => {
        log = !log;
        toggle.setAttribute("aria-pressed", String(log));
        figure.redraw();
    });
    read();
    const element = h("div", {}, h("h3", {}, options.title, options.log ? toggle : null), key, figure);
    element.update = changed => {
        options = changed;
        figure.setAttribute("aria-label", label());
        read();
        figure.redraw();
    };
    return element;
}

/** A text that ends in an ellipsis where it has more letters than fit into so many pixels. */
const cut = (text, width) => text.length * LETTER < width + 1 ? text : text.slice(0, Math.max(1, Math.floor(width / LETTER) - 1)) + "…";
const LETTER = 7.2; // pixels, about

/** Horizontal bars with their values: each bar {name, value, text}. */
function barChart(label, bars, colour) {
    const longest = d3.max(bars, b => b.name.length);
    const row = 24;
    return chart(`${label}: ${bars.map(b => `${b.name} ${b.text}`).join(", ")}`, bars.length * row + 6, (svg, width) => {
        const left = Math.min(width * .4, 14 + LETTER * longest);
        const texts = 16 + LETTER * d3.max(bars, b => b.text.length);
        const x = d3.scaleLinear([0, d3.max(bars, b => b.value) || 1], [0, width - left - texts]);
        const rows = svg.selectAll("g").data(bars).join("g").attr("transform", (b, i) => `translate(0,${i * row + 3})`);
        rows.append("text").attr("x", left - 8).attr("y", row / 2).attr("dy", ".35em").attr("text-anchor", "end").text(b => cut(b.name, left - 14))
            .filter(b => cut(b.name, left - 14) !== b.name).append("title").text(b => b.name);
        rows.append("rect").attr("x", left).attr("y", 2).attr("height", row - 5).attr("width", b => x(b.value))
            .attr("fill", b => b.colour || colour).attr("rx", 2);
        rows.append("text").attr("x", b => left + x(b.value) + 6).attr("y", row / 2).attr("dy", ".35em").text(b => b.text);
    });
}

/** How often the network was right against how sure it was: bins {from, to, rows, confidence, accuracy}. */
function reliabilityChart(bins) {
    const filled = bins.filter(b => b.rows > 0);
    const label = filled.map(b => `sure of ${b.from} to ${b.to}: right ${four(b.accuracy)} of ${count(b.rows)}`).join("; ");
    return chart("Reliability: " + label, 320, (svg, width, height) => {
        const [xs, [bottom, top]] = inner(width, height);
        const x = d3.scaleLinear([0, 1], xs);
        const y = d3.scaleLinear([0, 1], [bottom, top + 12]);
        const rows = width < 600 ? b => d3.format(".2~s")(b.rows) : b => count(b.rows);
        axes(svg, width, height, y, d3.axisBottom(x).ticks(6), d3.axisLeft(y).ticks(6), "probability given to the predicted class", "fraction that was right");
        svg.append("g").selectAll("rect").data(filled).join("rect")
            .attr("x", b => x(b.from) + 1).attr("width", b => x(b.to) - x(b.from) - 2)
            .attr("y", b => y(b.accuracy)).attr("height", b => y(0) - y(b.accuracy)).attr("fill", "var(--first)").attr("fill-opacity", .55)
            .append("title").text(b => `${count(b.rows)} rows, mean probability ${four(b.confidence)}, right ${four(b.accuracy)}`);
        comparedLine(svg, x, y, [[0, 0], [1, 1]]);
        svg.append("g").selectAll("circle").data(filled).join("circle")
            .attr("cx", b => x(b.confidence)).attr("cy", b => y(b.accuracy)).attr("r", 3.5).attr("fill", "var(--first)");
        svg.append("g").attr("font-size", width < 600 ? 9 : 11).selectAll("text").data(filled).join("text")
            .attr("x", b => x((b.from + b.to) / 2)).attr("y", y(0) - 5).attr("text-anchor", "middle").text(rows);
    }, true);
}

/** A dashed line between two points: what a chart is held against. */
function comparedLine(svg, x, y, [from, to]) {
    svg.append("line").attr("x1", x(from[0])).attr("y1", y(from[1])).attr("x2", x(to[0])).attr("y2", y(to[1]))
        .attr("stroke", "var(--second)").attr("stroke-width", 1.5).attr("stroke-dasharray", "5 4");
}

/** A curve of two rates and the dashed line of a blind guess: {title, xTitle, yTitle, points, steps, area, blind, blindArea}. */
function rateChart({title, xTitle, yTitle, points, steps, area, blind, blindArea}) {
    const series = [{name: `this model: area ${four(area)}`, colour: "var(--first)"},
        {name: `chance: ${four(blindArea)}`, colour: "var(--second)", dashed: true}];
    return h("div", {}, h("h3", {}, title), legend(series),
        chart(`${title}: ${series.map(s => s.name).join(", ")}`, 320, (svg, width, height) => {
            const [x, y] = numberAxes(svg, width, height, [0, 1], [0, 1], xTitle, yTitle);
            comparedLine(svg, x, y, blind);
            svg.append("path").attr("d", d3.line(p => x(p[0]), p => y(p[1])).curve(steps ? d3.curveStepBefore : d3.curveLinear)(points))
                .attr("fill", "none").attr("stroke", "var(--first)").attr("stroke-width", 2).attr("stroke-linejoin", "round");
        }, true));
}

/** Dots of [true, predicted], and the dashed line on which both are the same. */
function dotChart(title, points) {
    const extent = d3.extent(points.flat());
    if (extent[0] === extent[1]) extent[1] += Math.abs(extent[0]) || 1;
    return h("div", {}, h("h3", {}, title),
        chart(`${title}: ${count(points.length)} dots around the line of equal values, from ${digits(extent[0])} to ${digits(extent[1])}`, 320, (svg, width, height) => {
            const [x, y] = numberAxes(svg, width, height, extent, extent, "true", "predicted");
            svg.append("g").attr("fill", "var(--first)").attr("fill-opacity", Math.max(.25, Math.min(.8, 150 / points.length)))
                .selectAll("circle").data(points).join("circle").attr("cx", p => x(p[0]).toFixed(1)).attr("cy", p => y(p[1]).toFixed(1)).attr("r", 2.2);
            comparedLine(svg, x, y, [0, 1].map(end => [x.domain()[end], y.domain()[end]]));
        }, true));
}

/** Bars of equal width from -reach to reach, and the dashed line at 0. */
function histogram(title, reach, bars, xTitle) {
    const edge = i => reach * (2 * i / bars.length - 1);
    return h("div", {}, h("h3", {}, title),
        chart(`${title}: ${bars.map((n, i) => `${digits(edge(i))} to ${digits(edge(i + 1))}: ${count(n)}`).join("; ")}`, 320, (svg, width, height) => {
            const [x, y] = numberAxes(svg, width, height, [-reach, reach], [0, d3.max(bars)], xTitle, "rows");
            svg.append("g").attr("fill", "var(--first)").attr("fill-opacity", .55).selectAll("rect").data(bars).join("rect")
                .attr("x", (n, i) => x(edge(i)) + .5).attr("width", (n, i) => Math.max(.5, x(edge(i + 1)) - x(edge(i)) - 1))
                .attr("y", n => y(n)).attr("height", n => y(0) - y(n))
                .append("title").text((n, i) => `${digits(edge(i))} to ${digits(edge(i + 1))}: ${count(n)} rows`);
            comparedLine(svg, x, y, [[0, 0], [0, y.domain()[1]]]);
        }));
}

/** More classes than this are shown in small cells, without zeros. */
const MANY = 20;

/** A button in a cell. */
function press(text, label, pressed) {
    const button = h("button", {type: "button", class: "cell", "aria-label": label}, text);
    button.addEventListener("click", pressed);
    return button;
}

/** Counts of a true class (rows) predicted as each class (columns): the right ones blue, the wrong ones orange. */
function confusionTable(classes, counts, shows, show) {
    const wrongest = d3.max(counts, (row, a) => d3.max(row, (n, p) => a === p ? 0 : n)) || 1;
    const many = classes.length > MANY;
    const cell = (n, a, p) => {
        const all = d3.sum(counts[a]) || 1;
        const share = a === p ? n / all : Math.sqrt(n / wrongest);
        return h("td", {class: n ? null : "zero", title: `${classes[a]} predicted as ${classes[p]}: ${n}`,
            style: `--hue: var(--${a === p ? "right" : "wrong"}); --share: ${n ? share.toFixed(3) : 0}`}, 
            !n ? many ? "" : "0" : shows(a, p) ? press(count(n), `${count(n)} rows of ${classes[a]} predicted as ${classes[p]}: show some`, () => show(a, p)) : count(n));
    };
    return h("div", {class: "scroll"}, h("table", {class: many ? "heat many" : "heat"},
        h("caption", {class: "note"}, "rows: true class; columns: predicted class"),
        h("thead", {}, h("tr", {}, h("td", {"aria-hidden": "true", style: "--hue: transparent; --share: 0; background: none"}),
            classes.map(c => h("th", {scope: "col"}, c)))),
        h("tbody", {}, counts.map((row, a) => h("tr", {}, h("th", {scope: "row"}, classes[a]), row.map((n, p) => cell(n, a, p)))))));
}
