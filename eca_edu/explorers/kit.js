// What all explorers share: a view of the state, controls, scales, axes, hover, keys of colours and the sentence.
// Everything is drawn anew from the state, once in a frame at most; lit-html then changes only what differs.

const { html, svg, render, nothing } = lit;

/** Name -> view => () => ({ controls, picture, sentence, wrong, asks }): what an explorer draws, from the state as it is;
 * asks: whether it waits for an answer that Python has to keep. */
const explorers = {};

const PAPER = 640; // pixels of a printed page, less its margins and the frame of a callout

/** Draw an explorer into an element, and again whenever its state changes, by the hand or by Python. */
function mount(explorer, model, el) {
  for (const still of document.querySelectorAll(`.eca-edu-still[data-key="${model.get("key")}"]`)) {
    if (!still.contains(el)) still.remove();
  }
  const root = document.createElement("div");
  root.className = "eca-edu-explorer";
  root.dataset.lmSuppressShortcuts = "true";
  el.append(root);
  let [planned, drawn, saving, lost] = [false, false, 0, false];
  const unsaved = {}; // what the hand set since the last save: the kernel's echo of an earlier one must not undo it
  function save() {
    saving = 0;
    model.save_changes();
    for (const name of Object.keys(unsaved)) delete unsaved[name];
    remember(model);
  }
  addEventListener("pagehide", () => saving && save());
  const view = {
    root,
    model,
    numbers: model.get("numbers"),
    width: root.clientWidth,
    hover: null, // the data-hover of what the pointer or the focus is at
    seen: {}, // what is looked at, and not kept
    get: (name) => model.get(name),
    /** Whether this stands in a notebook whose kernel does not know it: it was restarted, or has not run the cell. */
    get lost() {
      return lost || Boolean(root.closest(".jupyter-widgets-disconnected, .jp-NotebookPanel .eca-edu-still"));
    },
    set(changes) {
      delete view.seen.note;
      Object.assign(unsaved, changes);
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      view.draw();
      clearTimeout(saving);
      saving = setTimeout(save, 150); // Python need not hear of every pixel of a drag
    },
    look(changes) {
      Object.assign(view.seen, changes);
      view.draw();
    },
    reset() {
      view.seen = {};
      view.set(model.get("start"));
    },
    draw() {
      // The first change of a frame is drawn when its event is done, not when the frame comes: the wait is used.
      if (!planned) (drawn ? requestAnimationFrame : queueMicrotask)(() => planned && drawNow());
      planned = true;
    },
  };
  const describe = explorer(view);
  function drawNow() {
    [planned, drawn] = [false, true];
    requestAnimationFrame(() => (drawn = false));
    if (view.width) render(frame(view, describe()), root);
  }
  // A second key before the next frame must go on from where the first one led.
  root.addEventListener("keydown", () => planned && drawNow(), true);
  listen(view);
  model.on("change", () => {
    for (const [name, value] of Object.entries(unsaved)) if (model.get(name) !== value) model.set(name, value);
    view.numbers = model.get("numbers");
    view.draw();
  });
  // A kernel that ends never hears of this explorer again; it does not say so, and messages to a new one vanish.
  model.on("comm_live_update", view.draw);
  const hear = (kernel, status) => {
    lost ||= /restarting|terminating|dead/.test(status);
    view.draw();
  };
  const { statusChanged } = model.widget_manager?.kernel ?? {};
  statusChanged?.connect(hear);
  const fit = (width) => {
    view.width = width;
    drawNow();
  };
  const watch = new ResizeObserver(() => {
    if (root.clientWidth === view.width) return;
    view.width = root.clientWidth;
    view.draw();
  });
  watch.observe(root);
  const [print, leave] = [() => fit(Math.min(view.width, PAPER)), () => fit(root.clientWidth)];
  addEventListener("beforeprint", print);
  addEventListener("afterprint", leave);
  drawNow();
  return () => {
    watch.disconnect();
    statusChanged?.disconnect(hear);
    removeEventListener("beforeprint", print);
    removeEventListener("afterprint", leave);
  };
}

/** Keep the state while the page is open in its tab, so that it is found again where the kernel is gone; of what lasts, an
 * answer, in a page without a kernel until the reader forgets it. */
function remember(model) {
  const state = Object.fromEntries(Object.keys(model.get("start")).map((name) => [name, model.get(name)]));
  const { lasts } = model.get("numbers");
  try {
    const entry = lasts ? { ...state, numbersThen: model.get("numbers") } : state;
    (lasts && model.still ? localStorage : sessionStorage).setItem(`eca-edu ${model.get("key")}`, JSON.stringify(entry));
  } catch {} // a browser that keeps nothing for this page
  document.dispatchEvent(new Event("eca-edu-kept"));
}

/** What is kept in this browser under a key, or nothing. */
function remembered(key) {
  try {
    return JSON.parse(localStorage.getItem(`eca-edu ${key}`) ?? sessionStorage.getItem(`eca-edu ${key}`));
  } catch {
    return null;
  }
}

function frame(view, { controls, picture, sentence, wrong, asks }) {
  const lost = asks && view.lost && "The kernel was restarted. Run this cell again.";
  const alert = (words) => (words ? html`<p class="eca-edu-alert" role="alert">${words}</p>` : nothing);
  return html`
    <div class="eca-edu-controls">${controls}
      <button type="button" class="eca-edu-reset" @click=${view.reset}>Reset</button></div>
    ${alert(lost)}
    <div class="eca-edu-picture ${wrong ? "eca-edu-wrong" : ""}" ?inert=${lost} @dblclick=${view.reset}>${picture}</div>
    <p class="eca-edu-sentence" aria-live="polite">${wrong ? nothing : sentence}</p>
    ${alert(wrong || view.get("error"))}`;
}

/** Hover is a matter of `data-hover` alone: whatever has the same one lights up together. A tap stays, a mouse leaves. */
function listen(view) {
  const at = (event) => {
    const found = event.target.closest?.("[data-hover]")?.dataset.hover ?? null;
    if (found !== view.hover) {
      view.hover = found;
      view.draw();
    }
  };
  for (const event of ["pointerover", "pointerdown", "focusin"]) view.root.addEventListener(event, at);
  view.root.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && at({ target: document }));
  // Or else JupyterLab takes arrow keys and letters for its own.
  view.root.addEventListener("keydown", (event) => event.stopPropagation());
}

// Controls

/**
 * A long slider with ticks and a number that can be typed; `values` for a slider over a list.
 * @param {any} view @param {string} name
 * @param {{label: string, min?: number, max?: number, step?: number, values?: any[], ticks?: number[], disabled?: boolean}} options
 */
function slider(view, name, { label, min = 0, max = 1, step = 1, values, ticks, disabled = false }) {
  const value = view.get(name);
  const nearest = (number) => values.reduce((best, v) => (Math.abs(v - number) < Math.abs(best - number) ? v : best));
  const moved = ({ target }) => view.set({ [name]: values ? values[target.value] : Number(target.value) });
  const possible = (number) => (values ? nearest(number) : snap(number, min, max, step));
  const low = values ? values[0] : min;
  const high = values ? values.at(-1) : max;
  const range = values ? { min: 0, max: values.length - 1, step: 1, at: values.indexOf(value) } : { min, max, step, at: value };
  const marks = ticks ?? Array.from({ length: Math.min(range.max - range.min, 24) / range.step + 1 }, (_, i) => range.min + i * range.step);
  const list = `${view.get("key")}-${name}`;
  return html`<label class="eca-edu-slider"><span>${label}</span>
    <input type="range" min=${range.min} max=${range.max} step=${range.step} .value=${String(range.at)} list=${list}
      aria-label=${label} aria-valuetext=${String(value)} ?disabled=${disabled} @input=${moved}>
    <datalist id=${list}>${marks.map((mark) => html`<option value=${mark}></option>`)}</datalist>
    ${typed(view, `${label}, typed`, { value, low, high, possible, disabled, set: (number) => view.set({ [name]: number }) })}
    ${noteOn(view, `${label}, typed`)}</label>`;
}

/** The step from `low` on that is nearest to a number, and not beyond `low` and `high`. */
function snap(number, low, high, step) {
  return Math.min(high, Math.max(low, Number((low + Math.round((number - low) / step) * step).toFixed(6))));
}

/**
 * A field for a number; where another one is taken than was typed, or none, `noteOn` says so.
 * @param {any} view @param {string} label
 * @param {{value?: number, low: number, high: number, possible: (number: number) => number | undefined, set: (number: number) => void,
 *   whole?: boolean, disabled?: boolean, placeholder?: string}} options possible: the nearest number that can be had, if any
 */
function typed(view, label, { value, low, high, possible, set, whole = false, disabled = false, placeholder = "" }) {
  const place = `${view.get("key")} ${label}`;
  const changed = ({ target }) => {
    const text = target.value.trim();
    const number = text ? Number(text.replace(",", ".").replace("−", "-")) : NaN;
    const taken = Number.isFinite(number) ? possible(number) : undefined;
    if (taken !== undefined) set(taken);
    target.value = taken === undefined || value === undefined ? value ?? "" : taken;
    const words = taken === undefined ? `Type a ${whole ? "whole " : ""}number from ${short(low, 6)} to ${short(high, 6)}.`
      : taken === number ? "" : `${text} is not possible here, so the nearest number, ${short(taken, 6)}, is used.`;
    view.look({ note: words ? { place, words } : undefined });
  };
  return html`<input type="text" inputmode="decimal" class="eca-edu-number" aria-label=${label} placeholder=${placeholder}
    .value=${String(value ?? "")} ?disabled=${disabled} @change=${changed}>`;
}

/** What there is to say of what was typed last into the field with this label, until something is set. */
function noteOn(view, label) {
  const { note } = view.seen;
  return note?.place === `${view.get("key")} ${label}` ? html`<span class="eca-edu-note" role="alert">${note.words}</span>` : nothing;
}

/** A menu over [value, text] pairs, or over values that are their own text. */
function choice(view, name, { label, options, disabled = false }) {
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, String(option)]));
  const chosen = (event) => view.set({ [name]: pairs[event.target.selectedIndex][0] });
  return html`<label class="eca-edu-choice"><span>${label}</span>
    <select aria-label=${label} ?disabled=${disabled} @change=${chosen}>
      ${pairs.map(([value, text]) => html`<option .selected=${value === view.get(name)}>${text}</option>`)}
    </select></label>`;
}

/** A row of buttons of which one is pressed, over [value, text] pairs or plain values. */
function switches(view, name, { label, options, disabled = false }) {
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, String(option)]));
  return html`<span class="eca-edu-switches" role="group" aria-label=${label}><span>${label}</span>
    ${pairs.map(([value, text]) => html`<button type="button" aria-pressed=${value === view.get(name)} ?disabled=${disabled}
      @click=${() => view.set({ [name]: value })}>${text}</button>`)}</span>`;
}

/** A button that does something. */
function button(text, onClick, disabled = false) {
  return html`<button type="button" ?disabled=${disabled} @click=${onClick}>${text}</button>`;
}

// Touch

/**
 * A listener for @pointerdown: calls `move` with the place (x, y) inside the picture, and how far (dx, dy) it is from where it
 * began, now and until the pointer is let go (`done`). A finger has to tap or to move sideways: up and
 * down it scrolls the page, but for what has `touch-action: none`.
 */
function drag(move) {
  return (event) => {
    const target = event.currentTarget;
    const picture = target.closest("svg") ?? target;
    let begun = event.pointerType !== "touch" || Boolean(event.target.closest(".eca-edu-grip, .eca-edu-paper, .eca-edu-dots"));
    const place = (e) => {
      const box = picture.getBoundingClientRect();
      const [dx, dy] = [e.clientX - event.clientX, e.clientY - event.clientY];
      begun ||= e.type === "pointerup" || Math.abs(dx) > Math.abs(dy);
      if (begun) move({ x: e.clientX - box.left, y: e.clientY - box.top, dx, dy, done: e.type === "pointerup" });
    };
    event.preventDefault();
    target.focus?.({ preventScroll: true, focusVisible: false });
    target.setPointerCapture(event.pointerId);
    target.addEventListener("pointermove", place);
    target.addEventListener("pointerup", place);
    target.addEventListener("lostpointercapture", () => {
      for (const kind of ["pointermove", "pointerup"]) target.removeEventListener(kind, place);
    }, { once: true });
    if (event.pointerType !== "touch") place(event);
  };
}

/** A listener for @keydown: calls `step` with +1 or -1 for arrow keys, ±Infinity for End and Home. */
function arrows(step) {
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, End: Infinity, Home: -Infinity };
  return (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    step(steps[event.key]);
  };
}

/**
 * A point in a picture that is dragged, or moved by arrow keys.
 * @param {{x: number, y: number, label: string, value: any, move: (at: {x: number, y: number}) => void,
 *   step: (by: number) => void, r?: number, hover?: string}} options
 */
function grip({ x, y, label, value, move, step, r = 8, hover }) {
  return svg`<g class="eca-edu-grip" tabindex="0" role="slider" aria-label=${label} aria-valuenow=${value}
    aria-valuetext=${String(value)} data-hover=${hover ?? nothing} @pointerdown=${drag(move)} @keydown=${arrows(step)}>
    <circle cx=${x} cy=${y} r="20" class="eca-edu-reach"></circle><circle cx=${x} cy=${y} r=${r}></circle></g>`;
}

// Drawing

/** A scale from numbers to places, with its way back in `invert`. */
function linear([low, high], [from, to]) {
  const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
  scale.invert = (place) => low + ((place - from) / (to - from)) * (high - low);
  return scale;
}

/** A picture of width × height pixels; `label` says what it is. */
function drawing(width, height, label, content) {
  return html`<svg width=${width} height=${height} role="group" aria-label=${label}>${content}</svg>`;
}

/** The axis below or left of a picture: thin, with its own ticks [place on the scale, text]. */
function axis(side, scale, ticks, { at, from, to, label, grid }) {
  const below = side === "bottom";
  const line = below ? svg`<line x1=${from} x2=${to} y1=${at} y2=${at}></line>` : svg`<line x1=${at} x2=${at} y1=${from} y2=${to}></line>`;
  const marks = ticks.map(([value, text]) => {
    const place = scale(value);
    if (below) return svg`<line x1=${place} x2=${place} y1=${at} y2=${at + 4}></line><text x=${place} y=${at + 18} text-anchor="middle">${text}</text>`;
    return svg`<line x1=${at - 4} x2=${at} y1=${place} y2=${place}></line><text x=${at - 8} y=${place + 4} text-anchor="end">${text}</text>
      ${grid ? svg`<line class="eca-edu-grid" x1=${at} x2=${grid} y1=${place} y2=${place}></line>` : nothing}`;
  });
  const middle = (from + to) / 2;
  const name = below
    ? svg`<text class="eca-edu-name" x=${middle} y=${at + 36} text-anchor="middle">${label}</text>`
    : svg`<text class="eca-edu-name" transform="translate(${at - 32} ${middle}) rotate(-90)" text-anchor="middle">${label}</text>`;
  return svg`<g class="eca-edu-axis">${line}${marks}${label ? name : nothing}</g>`;
}

/** A path through points [[x, y], …]. */
function path(points) {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// Colours: those of colours.py stand in `palette`, also the scales `signed` (white at 0) and `weight` (0 to 1).

/** The colour of a value between low and high on a scale of the palette. */
function colour(scale, value, low, high) {
  const colours = palette[scale];
  const share = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
  return colours[Math.round(share * (colours.length - 1))];
}

/** Black or white, whichever can be read on a colour #rrggbb. */
function ink(background) {
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(background.slice(i, i + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128 ? "#000" : "#fff";
}

/** The key of a scale of colours: a strip from low to high, and what it means. */
function key(scale, low, high, label) {
  const stops = palette[scale].filter((_, i) => i % 7 === 0).join(", ");
  return html`<span class="eca-edu-key"><span>${label}</span><span>${short(low)}</span>
    <span class="eca-edu-strip" style="background: linear-gradient(to right, ${stops})"></span><span>${short(high)}</span></span>`;
}

// Numbers and words

/** A number with at most this many decimals, with the minus sign of print. */
function short(value, decimals = 2) {
  return String(Number(value.toFixed(decimals)) + 0).replace("-", "−");
}

/**
 * The products of [factor, factor] as text, to be followed by their sum with so many decimals. The factors get as many more as it
 * takes for the sum to be right as it is written, and `least` at least; negative ones stand in brackets.
 */
function products(pairs, sum, decimals, least = 0) {
  const rounded = (value, digits) => Number(Number(value.toPrecision(12)).toFixed(digits)) + 0;
  const added = (digits) => pairs.reduce((total, [a, b]) => total + rounded(a, digits) * rounded(b, digits), 0);
  const same = (digits) => rounded(added(digits), decimals) === rounded(sum, decimals);
  const digits = [2, 3, 4, 5, 6, 7].find((n) => n >= decimals && same(n)) ?? 8;
  const write = (value) => {
    const text = String(Math.abs(rounded(value, digits)));
    const long = (text.split(".")[1]?.length ?? 0) < least ? Math.abs(value).toFixed(least) : text;
    return rounded(value, digits) < 0 ? `(−${long})` : long;
  };
  return pairs.map((pair) => pair.map(write).join(" · ")).join(" + ");
}

/** Numbers that Python sent as base64, little-endian, of a kind such as Float32Array or Int8Array. */
function decode(text, Kind = Float32Array) {
  return new Kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

/** `<eca-edu-map .shown=${{ values, height, width, scale, low, high }}>`: a map of numbers as pixels in colours; with
 * `pixels`, (height, width, 3) of 0 to 255, an image in its own colours. */
class ValueMap extends HTMLElement {
  set shown(shown) {
    const same = this.was && Object.keys(shown).every((name) => shown[name] === this.was[name]);
    this.was = shown;
    if (!same) this.paint(shown);
  }

  paint({ values, pixels, height, width, scale, low, high }) {
    this.canvas ??= this.appendChild(document.createElement("canvas"));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    const pen = this.canvas.getContext("2d", { willReadFrequently: true });
    const image = pen.createImageData(width, height);
    const colours = pixels ? null : bytesOf(scale);
    for (let i = 0; i < width * height; i++) {
      const from = pixels ? 3 * i : 3 * Math.round(Math.min(1, Math.max(0, (values[i] - low) / (high - low || 1))) * (colours.length / 3 - 1));
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = (pixels ?? colours)[from + c];
      image.data[4 * i + 3] = values && Number.isNaN(values[i]) ? 0 : 255;
    }
    pen.putImageData(image, 0, 0);
  }
}
if (!customElements.get("eca-edu-map")) customElements.define("eca-edu-map", ValueMap);

const scalesAsBytes = {};

/** The colours of a scale as red, green, blue, red, … */
function bytesOf(scale) {
  scalesAsBytes[scale] ??= palette[scale].flatMap((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return scalesAsBytes[scale];
}

// Prediction, training

/** Round numbers between low and high, about `count` of them and at least `least` apart. */
function roundNumbers(low, high, count, least = 0) {
  const rough = Math.max((high - low) / count, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((n) => n * power > 0.999 * rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
