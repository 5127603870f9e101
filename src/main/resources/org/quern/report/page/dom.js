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

/** Fills the list of contents. */
function contents() {
    document.querySelector("nav").replaceChildren(...[...document.querySelectorAll("h2")].map(title => h("a", {href: "#" + title.id}, title.textContent)));
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
