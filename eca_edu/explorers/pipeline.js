// The four steps of ECA in a real block: point at a channel, drag an average or a weight of the kernel, lay SE on the same averages.

explorers.pipeline = (view) => {
  const { pixels, names, indices, size, se, shape, maps } = view.numbers;
  const [channels, height, width] = shape;
  const area = height * width;
  const known = new Map();
  const once = (name, make) => known.get(name) ?? known.set(name, make()).get(name);
  const mapOf = (image) => once(`map ${image}`, () => decode(maps[image]));
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));
  const number = (value, decimals = 2) => (Number(value.toFixed(decimals)) + 0).toFixed(decimals).replace("-", "−");

  const averages = (image) => once(`averages ${image}`, () => Array.from({ length: channels }, (_, c) =>
    mapOf(image).subarray(c * area, (c + 1) * area).reduce((sum, value) => sum + value, 0) / area));

  const layer = ({ weight, bias }, x) => weight.map((row, i) => row.reduce((sum, w, j) => sum + w * x[j], bias[i % bias.length]));

  function logitsOf(y, kernel) {
    if (view.get("gate") === "SE") return layer(se.expand, layer(se.reduce, y).map((value) => Math.max(0, value)));
    const margin = (kernel.length - 1) / 2;
    return y.map((_, i) => kernel.reduce((sum, weight, j) => sum + weight * (y[i + j - margin] ?? 0), 0));
  }

  /** All maps below each other, each times its weight, with a gap of one pixel. */
  function column(image, omega, reach) {
    const values = new Float32Array(channels * (height + 1) * width).fill(NaN);
    const map = mapOf(image);
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < area; i++) values[c * (area + width) + i] = map[c * area + i] * (omega ? omega[c] : 1);
    }
    return { values, height: channels * (height + 1), width, scale: "signed", low: -reach, high: reach };
  }

  /** A number in a coloured cell; with `set` it can be dragged sideways, or moved by arrow keys. */
  function cell({ x, y, wide, high, value, fill, name, set, moved, lit }) {
    const by = (steps) => Number.isFinite(steps) && set(Math.round((value + steps * 0.1) * 100) / 100);
    const pull = (event) => {
      let moved = false;
      drag(({ dx }) => {
        moved ||= dx !== 0;
        if (moved) set(dx ? Math.round((value + dx / 40) * 100) / 100 : value);
      })(event);
    };
    return svg`<g class=${set ? "eca-edu-sideways" : ""} tabindex=${set ? 0 : nothing} role=${set ? "slider" : nothing} aria-label=${set ? name : nothing}
        aria-valuenow=${set ? value : nothing} @pointerdown=${set ? pull : nothing} @keydown=${set ? arrows(by) : nothing}>
      <rect x=${x} y=${y + 1} width=${wide} height=${high - 2} rx="2" fill=${fill} stroke=${moved ? "var(--vermilion)" : lit ? "var(--text)" : "none"} stroke-width="2"></rect>
      <text x=${x + wide / 2} y=${y + high / 2 + 4} text-anchor="middle" style=${`fill: ${ink(fill)}`}>${number(value)}</text></g>`;
  }

  function steps(state, wide, row) {
    const { y, logits, omega, kernel, reach, own, ownLogits } = state;
    const box = Math.min(56, wide * 0.2);
    const [atY, atLogits, atOmega] = [18, wide * 0.62 - box / 2, wide - box];
    const at = view.get("channel");
    const margin = view.get("gate") === "SE" ? channels : (kernel.length - 1) / 2;
    const changes = view.get("y");
    const meets = (c) => Math.abs(c - at) <= margin;
    return drawing(wide, channels * row + 22, "averages, logits and weights of all channels", svg`
      ${[["y", atY], ["logit", atLogits], ["ω", atOmega]].map(([name, x]) => svg`<text x=${x + box / 2} y="13" text-anchor="middle">${name}</text>`)}
      <text x=${(atY + box + atLogits) / 2} y="13" text-anchor="middle" style="fill: var(--blue)">${view.get("gate") === "SE" ? "W₂ ReLU(W₁ y)" : `C1D, k = ${kernel.length}`}</text>
      ${y.map((_, c) => meets(c) ? svg`<line x1=${atY + box} y1=${22 + (c + 0.5) * row} x2=${atLogits} y2=${22 + (at + 0.5) * row} stroke="var(--blue)"
        stroke-width=${view.get("gate") === "SE" ? 0.8 : 2}></line>` : nothing)}
      ${y.map((value, c) => {
        const place = 22 + c * row;
        return svg`<g data-hover=${`channel ${c}`} @click=${() => view.set({ channel: c })}>
          <rect width=${wide} height=${row} y=${place} fill=${c === at ? "var(--panel)" : "transparent"} fill-opacity="0.6"></rect>
          <text x="0" y=${place + row / 2 + 4} style="fill: var(--quiet)">${c}</text>
          ${cell({ x: atY, y: place, wide: box, high: row, value, fill: colour("signed", value, -reach, reach), name: `average of channel ${c}`,
            set: (to) => view.set({ y: { ...changes, [c]: to }, channel: c }), moved: value !== own[c], lit: meets(c) })}
          ${cell({ x: atLogits, y: place, wide: box, high: row, value: logits[c], fill: colour("signed", logits[c], -reach, reach),
            moved: Math.abs(logits[c] - ownLogits[c]) > 1e-6, lit: c === at })}
          ${cell({ x: atOmega, y: place, wide: box, high: row, value: omega[c], fill: colour("weight", omega[c], 0, 1), lit: c === at })}
          <line x1=${atLogits + box + 3} x2=${atOmega - 3} y1=${place + row / 2} y2=${place + row / 2} stroke=${c === at ? "var(--blue)" : "var(--line)"}></line></g>`;
      })}`);
  }

  function sum({ y, kernel, logits, omega }) {
    const at = view.get("channel");
    if (view.get("gate") === "SE") return html`channel ${at}: all ${channels} averages meet in two layers, logit ${number(logits[at])}, <b>ω = ${number(omega[at])}</b>`;
    const margin = (kernel.length - 1) / 2;
    const decimals = [2, 3, 4].find((n) => number(sigmoid(Number(logits[at].toFixed(n)))) === number(omega[at])) ?? 5;
    const terms = products(kernel.map((weight, j) => [weight, y[at + j - margin] ?? 0]), logits[at], decimals, 2);
    const logit = number(logits[at], decimals);
    return html`channel ${at}: ${terms} = ${logit}, and <b>ω = σ(${logit}) = ${number(omega[at])}</b>`;
  }

  return () => {
    const [image, kernel, changes, at] = ["image", "kernel", "y", "channel"].map(view.get);
    const own = averages(image);
    const y = own.map((value, c) => changes[c] ?? value);
    const logits = logitsOf(y, kernel);
    const ownLogits = logitsOf(own, view.model.get("start").kernel);
    const omega = logits.map(sigmoid);
    // Of the image as it came: colours must not change where nothing else does.
    const reach = Math.max(...own.map(Math.abs), ...ownLogits.map(Math.abs), 0.01);
    const mapReach = once(`reach ${image}`, () => mapOf(image).reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    const state = { y, logits, omega, kernel, reach, own, ownLogits };
    const row = channels > 20 ? 20 : 24;
    const tall = channels * row;
    const side = Math.round((row * width) / (height + 1));
    const narrow = view.width < 620;
    const wide = Math.min(560, (narrow ? view.width : view.width - 200) - 2 * side - 24);
    const large = { values: mapOf(image).subarray(at * area, (at + 1) * area), height, width, scale: "signed", low: -mapReach, high: mapReach };
    const setWeight = (j) => (to) => view.set({ kernel: kernel.map((weight, i) => (i === j ? to : weight)) });
    const tower = (name, omegas) => html`<div><div class="eca-edu-tower">${name}</div><eca-edu-map role="img" aria-label=${`${name}, one map for each channel`}
      style=${`width: ${side}px; height: ${tall}px`} .shown=${column(image, omegas, mapReach)}></eca-edu-map></div>`;
    return {
      controls: html`${pixels.length ? html`<div class="eca-edu-thumbnails" role="group" aria-label="images"><div>${pixels.map((text, i) => html`
          <button type="button" aria-pressed=${i === image} aria-label=${`image ${indices[i]}: ${names[i]}`} @click=${() => view.set({ image: i, y: {} })}>
            <eca-edu-map .shown=${{ pixels: once(`pixels ${i}`, () => decode(text, Uint8Array)), height: size[0], width: size[1] }}></eca-edu-map></button>`)}</div></div>` : nothing}
        ${se ? switches(view, "gate", { label: "gate on the same y", options: ["ECA", "SE"] }) : nothing}`,
      picture: html`<div class="eca-edu-pipeline">${tower("X")}${steps(state, wide, row)}${tower("X̃", omega)}</div>
        <div class="eca-edu-beside" style=${`width: ${narrow ? view.width : 172}px`}>
          <figure class="eca-edu-detail"><eca-edu-map class="eca-edu-large" role="img" aria-label=${`channel ${at} of X`} .shown=${large}></eca-edu-map>
            <figcaption><b>channel ${at}</b> of X</figcaption></figure>
          ${view.get("gate") === "SE" ? nothing : html`<div>the kernel: drag a weight</div>${drawing(166, 30, "the kernel", kernel.map((weight, j) => cell({ x: j * (166 / kernel.length), y: 0,
            wide: Math.min(52, 166 / kernel.length - 3), high: 28, value: weight, fill: colour("signed", weight, -2, 2), name: `weight ${j} of the kernel`, set: setWeight(j) })))}`}
          ${key("signed", -mapReach, mapReach, "X, X̃")}${key("signed", -reach, reach, "y, logit")}${key("weight", 0, 1, "ω")}</div>`,
      sentence: html`${names.length ? `Image ${indices[image]} (${names[image]}), ` : ""}${sum(state)}.`,
    };
  };
};
