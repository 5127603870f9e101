"use strict";
// A canvas to draw a digit on, what the network sees of it, and its probabilities while one draws.

const SIDE = 280; // of the canvas
const SENT = 140; // of what is sent
const PEN = 22;

const strokes = []; // lists of points [x, y]
const cursor = {x: SIDE / 2, y: SIDE / 2, down: false, shown: false};
let asked = false, stale = false;

const instructions = "Draw with mouse, pen or finger. With the keyboard: arrow keys move the pen (with Shift further), Space puts it down or lifts it, Backspace takes the last stroke back, Delete clears.";
const canvas = h("canvas", {width: SIDE, height: SIDE, tabindex: 0, role: "application", "aria-label": "Drawing area. " + instructions, "aria-describedby": "verdict"});
const seen = h("canvas", {width: given.width, height: given.height, role: "img", "aria-label": "what the network sees: nothing yet"});
const verdict = h("p", {id: "verdict", class: "verdict"}, "Draw a digit.");
const spoken = h("p", {class: "spoken", role: "status", "aria-live": "polite"});
const meters = given.classes.map(name => {
    const fill = h("span", {class: "fill"});
    const figure = h("span", {class: "figure"}, "–");
    return {fill, figure, row: h("li", {"data-class": name}, h("span", {class: "name"}, name), h("span", {class: "bar", "aria-hidden": "true"}, fill), figure)};
});
const undo = h("button", {type: "button", id: "undo"}, "Undo");
const clear = h("button", {type: "button", id: "clear"}, "Clear");
const save = h("button", {type: "button", id: "save"}, "Save as PNG");
const large = h("button", {type: "button", id: "large", "aria-pressed": "false"}, "Larger");

/** The probability below which the answer is only a guess. */
const SURE = .8;

document.getElementById("page").append(
    h("h1", {}, "Draw"),
    h("p", {class: "muted"}, given.model),
    h("div", {class: "drawing"},
        h("div", {}, h("h3", {}, "Your digit"), canvas, h("p", {}, undo, " ", clear, " ", save, " ", large)),
        h("div", {class: "answer"}, h("h3", {}, "Prediction"), verdict, spoken, h("ul", {class: "meters"}, meters.map(m => m.row))),
        h("div", {}, h("h3", {}, "What the network sees"), h("div", {class: "seen"}, seen),
            h("p", {class: "note"}, "Fitted into a box and centred by mass, as MNIST's makers did."))),
    h("p", {class: "note"}, instructions),
    footer("The drawing goes to the process on this machine that serves this page, nowhere else."));

const pen = canvas.getContext("2d");

/** Ink on a context whose side is so many units of the drawing. */
function ink(context) {
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
    context.strokeStyle = context.fillStyle = "#fff";
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    for (const points of strokes) {
        context.beginPath();
        context.moveTo(...points[0]);
        points.slice(1).forEach(point => context.lineTo(...point));
        if (points.length === 1) context.lineTo(points[0][0] + .01, points[0][1]);
        context.stroke();
    }
}

function paint() {
    ink(pen);
    if (cursor.shown) {
        pen.strokeStyle = "#5cb8f2"; // what the program shows is blue; a pen that is down is filled
        pen.lineWidth = 2;
        pen.beginPath();
        pen.arc(cursor.x, cursor.y, PEN / 2, 0, 2 * Math.PI);
        pen.stroke();
        if (cursor.down) {
            pen.fillStyle = pen.strokeStyle;
            pen.fill();
        }
    }
}

function changed() {
    paint();
    if (asked) stale = true; else ask();
}

/** Asks for the probabilities; one question at a time, the last drawing always answered. */
async function ask() {
    asked = true;
    do {
        stale = false;
        try {
            show(await answer());
        } catch (error) {
            verdict.textContent = error.told ?? "The server does not answer: was the process stopped?";
        }
    } while (stale);
    asked = false;
}

async function answer() {
    if (strokes.length === 0) return {};
    const small = new OffscreenCanvas(SENT, SENT).getContext("2d", {willReadFrequently: true});
    small.scale(SENT / SIDE, SENT / SIDE);
    ink(small);
    const pixels = small.getImageData(0, 0, SENT, SENT).data;
    const bytes = Uint8Array.from({length: SENT * SENT}, (_, i) => pixels[4 * i]);
    const response = await fetch("predict", {method: "POST", body: bytes});
    if (!response.ok) throw {told: await response.text()};
    return response.json();
}

let speaking = 0;

function show(answer) {
    const probabilities = answer.probabilities;
    const context = seen.getContext("2d");
    context.fillRect(0, 0, given.width, given.height);
    if (answer.seen) {
        const image = context.createImageData(given.width, given.height);
        [...atob(answer.seen)].forEach((c, i) => image.data.set([c.charCodeAt(0), c.charCodeAt(0), c.charCodeAt(0), 255], 4 * i));
        context.putImageData(image, 0, 0);
    }
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    meters.forEach((meter, i) => {
        meter.fill.style.width = probabilities ? 100 * probabilities[i] + "%" : 0;
        meter.figure.textContent = probabilities ? probabilities[i].toFixed(4) : "–";
        meter.row.classList.toggle("best", i === best);
    });
    const sure = probabilities && probabilities[best] >= SURE;
    const second = probabilities ? probabilities.indexOf(Math.max(...probabilities.filter((p, i) => i !== best))) : -1;
    verdict.textContent = !probabilities ? "Draw a digit." : sure || second < 0 ? given.classes[best] : `Not sure: ${given.classes[best]} or ${given.classes[second]}?`;
    seen.setAttribute("aria-label", probabilities ? `what the network sees: taken for ${given.classes[best]}` : "what the network sees: nothing yet");
    clearTimeout(speaking);
    speaking = setTimeout(() => spoken.textContent = probabilities
        ? `${given.classes[best]}, probability ${(100 * probabilities[best]).toFixed(0)} percent` : "", 600);
}

const place = event => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
};
let drawing = null, pointer = null;
canvas.addEventListener("pointerdown", event => {
    if (event.button !== 0 || drawing) return; // a second finger draws nothing
    event.preventDefault();
    canvas.focus({preventScroll: true});
    canvas.setPointerCapture(pointer = event.pointerId);
    cursor.shown = false;
    strokes.push(drawing = [place(event)]);
    changed();
});
canvas.addEventListener("pointermove", event => {
    if (!drawing || event.pointerId !== pointer) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) drawing.push(place(part));
    changed();
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => {
    if (event.pointerId === pointer) drawing = null;
});

const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) {
        const step = event.shiftKey ? 20 : 6;
        cursor.x = Math.min(SIDE, Math.max(0, cursor.x + step * moves[event.key][0]));
        cursor.y = Math.min(SIDE, Math.max(0, cursor.y + step * moves[event.key][1]));
        if (cursor.down) strokes.at(-1).push([cursor.x, cursor.y]);
    } else if (event.key === " ") {
        cursor.down = !cursor.down;
        if (cursor.down) strokes.push([[cursor.x, cursor.y]]);
    } else if (event.key === "Backspace") {
        return takeBack();
    } else if (event.key === "Delete") {
        return wipe();
    } else {
        return;
    }
    event.preventDefault();
    cursor.shown = true;
    changed();
});
canvas.addEventListener("focus", () => {
    cursor.shown = canvas.matches(":focus-visible"); // where a keyboard would begin
    paint();
});
canvas.addEventListener("blur", () => {
    cursor.shown = cursor.down = false;
    paint();
});

function takeBack() {
    cursor.down = false;
    strokes.pop();
    changed();
}
function wipe() {
    cursor.down = false;
    strokes.length = 0;
    changed();
}
save.addEventListener("click", () => {
    paint();
    h("a", {href: canvas.toDataURL("image/png"), download: "drawing.png"}).click();
});
large.addEventListener("click", () => large.setAttribute("aria-pressed", String(document.body.classList.toggle("large"))));
undo.addEventListener("click", takeBack);
clear.addEventListener("click", wipe);
paint();
show({});
