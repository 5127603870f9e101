// What is wrong with the page as it is shown, in words; see Chromium.check.
const wrong = [];
const width = document.documentElement.clientWidth;
const shown = element => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden";
const named = element => `<${element.tagName.toLowerCase()}${element.id ? " #" + element.id : ""}> "${element.textContent.trim().slice(0, 40)}"`;

if (document.documentElement.scrollWidth > width) {
    const ends = [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > width && !e.closest(".scroll"));
    wrong.push(`the page is ${document.documentElement.scrollWidth} wide: ${ends.slice(0, 3).map(named)}`);
}
for (const entry of performance.getEntriesByType("resource")) {
    if (!/^(data:|http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/(events|predict)$)/.test(entry.name)) wrong.push("fetched " + entry.name);
}
for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) wrong.push("not loaded: " + image.alt);
    if (!image.alt) wrong.push("an image without a text");
}
for (const path of document.querySelectorAll("svg path, svg line, svg rect, svg circle")) {
    for (const attribute of path.attributes) if (/NaN|undefined|Infinity/.test(attribute.value)) wrong.push(`${named(path)} has ${attribute.name} ${attribute.value.slice(0, 40)}`);
}
if (/NaN|undefined|\bnull\b|\[object/.test(document.body.innerText)) wrong.push("reads: " + document.body.innerText.match(/.*(NaN|undefined|null|\[object).*/)[0]);

// Charts: every label whole, none over another.
for (const svg of [...document.querySelectorAll("figure svg")].filter(shown)) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter(text => text.textContent && shown(text));
    const boxes = texts.map(text => text.getBoundingClientRect());
    boxes.forEach((box, i) => {
        if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 3 || box.bottom > frame.bottom + 2) {
            wrong.push(`cut: ${named(texts[i])}`);
        }
        for (let j = 0; j < i; j++) {
            const other = boxes[j];
            if (Math.min(box.right, other.right) - Math.max(box.left, other.left) > 1 && Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top) > 3) {
                wrong.push(`${named(texts[i])} lies over ${named(texts[j])}`);
            }
        }
    });
}

// What is drawn stays within its chart.
for (const svg of [...document.querySelectorAll("figure svg")].filter(shown)) {
    const frame = svg.getBoundingClientRect();
    for (const mark of [...svg.querySelectorAll("path, line, rect, circle")].filter(shown)) {
        const box = mark.getBoundingClientRect();
        if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2) {
            wrong.push(`outside of its chart: ${mark.outerHTML.slice(0, 80)}`);
        }
    }
}

// Contrast by WCAG 2: 4.5 for text.
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const painted = (...colours) => {
    probe.globalCompositeOperation = "source-over";
    for (const colour of colours) {
        probe.fillStyle = colour;
        probe.fillRect(0, 0, 1, 1);
    }
    return [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
};
const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(getComputedStyle(e).backgroundColor);
    return ["#fff", ...layers];
};
const told = new Set();
for (const element of document.querySelectorAll("main *")) {
    const own = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!own || !shown(element) || element.closest(".spoken")) continue;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    const back = behind(element);
    const [a, b] = [luminance(painted(...back)), luminance(painted(...back, colour))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5 && !told.has(element.className + colour)) {
        told.add(element.className + colour);
        wrong.push(`contrast ${ratio.toFixed(2)}: ${named(element)}`);
    }
}

// What a keyboard or a screen reader needs.
if (!document.documentElement.lang) wrong.push("no language");
if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
for (const control of document.querySelectorAll("button, [tabindex]")) {
    if (!(control.textContent.trim() || control.getAttribute("aria-label"))) wrong.push("no name: " + named(control));
}
const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => wrong.push("two elements are #" + id));
return wrong;
