"use strict";
// Elements, sections and numbers: what all pages are made of.

/** An element: attributes by name, then children (text, elements, arrays; null is left out). */
function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
        if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
    return element;
}

/** A heading with what belongs to it. */
function section(title, ...children) {
    const id = title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
    return h("section", {"aria-labelledby": id}, h("h2", {id}, title), ...children.filter(child => child));
}

/** Pairs of a name and a figure that is to be seen at once. */
function figures(pairs) {
    return h("dl", {class: "figures"},
        pairs.filter(([, value]) => value !== null)
            .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {class: value.length > 8 ? "long" : null}, value))));
}

/** A figure with what it is of, smaller. */
const withUnit = (figure, unit) => [String(figure), h("small", {}, unit)];

/** A table: columns are {title, text: whether left aligned, of: row => cell}. */
function table(columns, rows, rowClass) {
    const align = column => column.text ? {class: "text"} : {};
    return h("div", {class: "scroll"}, h("table", {},
        h("thead", {}, h("tr", {}, columns.map(c => h("th", {scope: "col", ...align(c)}, c.title)))),
        h("tbody", {}, rows.map(row => h("tr", {class: rowClass ? rowClass(row) : null},
            columns.map((c, i) => h(i ? "td" : "th", {...(i ? {} : {scope: "row"}), ...align(c)}, c.of(row))))))));
}

/** Lets the rows of a table be sorted by a column, the largest first, then the least; texts and what is missing come last. */
function sortable(scroll) {
    const body = scroll.querySelector("tbody");
    scroll.classList.add("sortable");
    scroll.querySelectorAll("thead th").forEach((head, i) => {
        const button = h("button", {type: "button", class: "sort"}, head.textContent);
        button.addEventListener("click", () => {
            const sign = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
            scroll.querySelectorAll("thead th").forEach(other => other.removeAttribute("aria-sort"));
            head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
            const text = row => row.children[i].textContent;
            const value = row => parseFloat(text(row).replaceAll(",", ""));
            body.append(...[...body.children].sort((a, b) => isNaN(value(a)) || isNaN(value(b))
                ? isNaN(value(a)) - isNaN(value(b)) || text(a).localeCompare(text(b)) : sign * (value(a) - value(b))));
        });
        head.replaceChildren(button);
    });
    return scroll;
}

/** When, where, by what and by which command a page's figures were made, as run.json says it. */
function origin(run) {
    const when = time => time ? time.replace(/T(\d\d:\d\d)(:\d\d)?/, " $1 ").replace("Z", "UTC") : null;
    const by = [when(run.started), run.resumed ? "resumed " + when(run.resumed) : null, run.host ? "on " + run.host : null,
        run.version ? "Quern " + run.version.replace("quern ", "") : null, "Java " + run.java];
    return [
        h("p", {class: "muted wide"}, `${run.data}; ${run.backend}: ${run.device}`),
        h("p", {class: "muted wide"}, by.filter(part => part).join(" · ")),
        run.command ? h("p", {class: "wide"}, h("code", {}, run.command)) : null,
    ];
}

/** The last line of a page. */
const footer = more => h("footer", {}, `Made by Quern ${document.getElementById("page").dataset.version}. ${more}`);
const CHARTS = "Charts by d3 (ISC licence, in the source of this page).";

/** Fills the list of contents. */
function contents() {
    const titles = [...document.querySelectorAll("h2")];
    const nav = document.querySelector("nav");
    if (nav.children.length !== titles.length) nav.replaceChildren(...titles.map(title => h("a", {href: "#" + title.id}, title.textContent)));
}

const count = value => value.toLocaleString("en");
const none = value => value === null || value === undefined;

/** A number of any size in five significant digits, as Numbers.digits writes it. */
function digits(value) {
    if (none(value) || value === 0) return value === 0 ? "0" : "–";
    const size = Math.abs(value);
    return size >= 1e9 || size < 1e-4 ? value.toExponential(4).replace("+", "")
        : value.toLocaleString("en", {minimumSignificantDigits: 5, maximumSignificantDigits: 5});
}

/** A share, R² or a loss in four decimals, if it is not huge. */
const four = value => !none(value) && Math.abs(value) < 1e5 ? value.toFixed(4) : digits(value);
const seconds = value => value < 0.1 ? (1000 * value).toFixed(0) + " ms" : value.toFixed(value < 10 ? 2 : 1) + " s";

/** What the server put into the page. */
const given = JSON.parse(document.getElementById("data").textContent);
