// Point at a row of the matrix: whom its channel meets, in it and on a strip of channels; what all gates cost.

explorers.interaction = (view) => {
  const [{ gates, choices }, drawn] = [view.numbers, decode(view.numbers.drawn)];
  const symbols = { channels: "C", reduction: "r", groups: "G", kernel_size: "k" };
  const inside = (place, count) => Math.min(count - 1, Math.max(0, Math.floor(place)));
  const print = (count) => count.toLocaleString("en");
  const below = (number) => [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
  const made = ({ option, settings }) => settings[`${view.get("channels")}${option ? ` ${view.get(option)}` : ""}`];
  const moves = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  let last = {}; // the matrix of the frame before

  /** The matrix W that the package's gate makes of the drawn weights: NaN where two channels never meet. */
  function matrix() {
    const [gate, C, r, G, k] = ["gate", "channels", "reduction", "groups", "kernel_size"].map(view.get);
    const name = [gate, C, r, G, k].join(" ");
    if (last.name === name) return last;
    const { wrong } = made(gates[gate]);
    const [size, half, waist] = [C / G, (k - 1) / 2, gate === "se" && !wrong ? Math.floor(C / r) : 0];
    const [W1, W2] = [drawn.subarray(0, waist * C), drawn.subarray(waist * C, 2 * waist * C)]; // (C/r, C) and (C, C/r)
    const entry = {
      se: (i, j) => {
        let sum = 0; // a million products: no array in between
        for (let u = 0; u < waist; u++) sum += W2[i * waist + u] * W1[u * C + j];
        return sum;
      },
      "se-var1": (i, j) => (i === j ? 1 : NaN),
      "se-var2": (i, j) => (i === j ? drawn[i] : NaN),
      "se-var3": (i, j) => drawn[i * C + j],
      "se-gc": (i, j) => (Math.floor(i / size) === Math.floor(j / size) ? drawn[i * size + (j % size)] : NaN),
      "eca-ns": (i, j) => (Math.abs(j - i) <= half ? drawn[i * k + j - i + half] : NaN),
      eca: (i, j) => (Math.abs(j - i) <= half ? drawn[j - i + half] : NaN),
      "eca-circular": (i, j) => [j - i - C, j - i, j - i + C] // a kernel wider than the ring meets a channel twice
        .reduce((sum, apart) => (Math.abs(apart) <= half ? (sum || 0) + drawn[apart + half] : sum), NaN),
    }[gate];
    const values = Float32Array.from({ length: C * C }, (_, n) => (wrong ? NaN : entry(Math.floor(n / C), n % C)));
    const all = [...Array(C).keys()];
    const met = all.map((i) => all.filter((j) => !Number.isNaN(values[i * C + j])));
    const reach = values.reduce((most, weight) => Math.max(most, Math.abs(weight) || 0), 0) || 1;
    return (last = { name, gate, C, all, values, waist, W1, W2, met, reach, wrong });
  }

  /** What is pointed at, in words: a number of the waist, an entry, or the row. */
  function words({ C, values, met, wrong, row, column, unit }) {
    const [meets, weight] = [met[row], (j) => values[row * C + j]];
    if (wrong) return "";
    if (unit >= 0) return `z${below(unit)} of the waist: row ${unit} of W₁ makes it, column ${unit} of W₂ uses it`;
    if (column >= 0) return `entry (${row}, ${column}): ${meets.includes(column) ? short(weight(column)) : "always 0"}`;
    const largest = [...meets].sort((a, b) => weight(b) ** 2 - weight(a) ** 2).slice(0, 5).sort((a, b) => a - b);
    const sum = largest.map((j) => `${short(weight(j))} · y${below(j)}`).join(" + ").replaceAll("+ −", "− ");
    return `logit ${row} = ${sum}${meets.length > 5 ? ` and ${meets.length - 5} smaller terms` : ""}`;
  }

  /** W, and for SE its factors as one writes a product: W2 left of it, W1 above it. */
  function maps(shown, width) {
    const { C, values, waist, W1, W2, reach, row, column, unit } = shown;
    const exact = (Math.min(324, width - 44) - (waist ? 14 : 0)) / (C + waist);
    const cell = exact < 2 ? Math.floor(4 * exact) / 4 : Math.floor(exact); // whole pixels: all rows look alike
    const [left, top, size] = [42, 18, cell * C]; // where the factors begin, or W where it has none
    const [x, y] = [left, top].map((at) => (waist ? at + cell * waist + 14 : at));
    const area = (at, from, w, h, numbers, high) => html`<eca-edu-map
      style=${`translate: ${at}px ${from}px; width: ${cell * w}px; height: ${cell * h}px`}
      .shown=${{ values: numbers, width: w, height: h, scale: "signed", low: -high, high }}></eca-edu-map>`;
    const box = (at, from, w, h, ink = "var(--green)") => svg`<rect x=${at - 1} y=${from - 1} width=${cell * w + 2}
      height=${cell * h + 2} fill="none" stroke=${ink} stroke-width="1.5"></rect>`;
    const look = (event) => {
      const around = event.currentTarget.getBoundingClientRect();
      const [i, j] = [(event.clientY - around.top - y) / cell, (event.clientX - around.left - x) / cell];
      view.look({ row: i < 0 ? row : inside(i, C), column: j < 0 ? -1 : inside(j, C) });
    };
    const keys = (event) => {
      const [down, right] = moves[event.key] ?? [0, 0];
      if (!down && !right) return;
      event.preventDefault();
      view.look({ row: inside(row + down, C), column: right ? inside(column + right, C) : column });
    };
    const side = (name, from, at, label, hidden = -C) => axis(name, linear([0, C], [from, from + size]), [0, C - 1]
      .filter((n) => Math.abs(n - hidden) * cell > 16).map((n) => [n + 0.5, n]), { at, from, to: from + size, label });
    return html`<div class="eca-edu-matrix" style=${`height: ${y + size + 42}px`}>
      ${waist ? [area(left, y, waist, C, W2, 1), area(x, top, C, waist, W1, 1)] : nothing}
      ${area(x, y, C, C, values, reach)}
      <svg width=${x + size} height=${y + size} tabindex="0" role="slider" aria-label="row of the matrix"
        aria-valuemax=${C - 1} aria-valuenow=${row} aria-valuetext=${words(shown)}
        @pointermove=${look} @pointerdown=${look} @keydown=${keys}>
        ${side("left", y, left, "logit of channel i", row)}
        ${side("bottom", x, y + size, `average y of channel j${waist ? ", for W = W₂W₁" : ""}`)}
        ${waist ? svg`<text x=${left} y=${y - 4}>W₂</text><text x=${x} y="12">W₁: ${waist} × ${C}</text>` : nothing}
        ${unit < 0 ? nothing : [box(left + cell * unit, y, 1, C), box(x, top + cell * unit, C, 1)]}
        ${box(left, y + cell * row, C + (x - left) / cell, 1, "var(--vermilion)")}
        ${column < 0 ? nothing : [[top, waist], [y + cell * row, 1]].map(([at, h]) => box(x + cell * column, at, 1, h))}
        <text class="eca-edu-here" x="34" y=${y + cell * (row + 0.5) + 4} text-anchor="end">${row}</text></svg></div>
      <div class="eca-edu-keys">${key("signed", -reach, reach, waist ? "W" : "weight")}${waist
        ? key("signed", -1, 1, "W₁, W₂") : html`<span class="eca-edu-key eca-edu-never">never meet: 0</span>`}</div>`;
  }

  /** The averages above, the logits below, a line to each one that the row meets; SE has its waist between them. */
  function strip(shown, width) {
    const { C, all, values, waist, W1, W2, met, reach, row, column, unit } = shown;
    const [step, top, middle, bottom, through] = [width / C, 18, 66, 114, all.slice(0, waist)];
    const [x, z] = [(j) => (j + 0.5) * step, (u) => width / 2 + (u + 0.5 - waist / 2) * step];
    const line = (from, y1, to, y2, w) => svg`<line x1=${from} y1=${y1 + 16} x2=${to} y2=${y2}
      stroke=${colour("signed", Math.sign(w) * 0.65, -1, 1)} stroke-width=${0.6 + (2.4 * Math.abs(w)) / reach}></line>`;
    const cell = (at, y, fill, name, look = {}) => svg`<rect x=${at - step / 2} y=${y} width=${step} height="16"
      fill=${fill} stroke="var(--page)" stroke-width=${Math.min(1, step / 8)} data-hover=${name}
      @pointerover=${() => view.look(look)}></rect>`;
    const outline = (at, y, n) => (n < 0 ? nothing : svg`<rect class="eca-edu-outline" x=${at(n) - step / 2} y=${y}
      width=${step} height="16"></rect>`);
    const fill = (j) => (met[row].includes(j) ? colour("signed", values[row * C + j], -reach, reach) : "var(--never)");
    return html`<svg width=${width} height="150" role="img" aria-label="strip of channels">
      <text y="12">averages y, coloured by their weight in row ${row}</text>
      <text y="146">logits, here that of channel ${row}</text>
      ${waist ? svg`<path class="eca-edu-funnel" d=${`M0 34H${width}L${z(waist - 0.5)} ${middle}H${z(-0.5)}Z`}></path>
          ${through.map((u) => line(z(u), middle, x(row), bottom, W2[row * waist + u]))}
          ${unit < 0 ? nothing : all.map((j) => line(x(j), top, z(unit), middle, W1[unit * C + j]))}
          ${through.map((u) => cell(z(u), middle, "var(--blue)", `waist ${u}`))}${outline(z, middle, unit)}
          <text x=${z(waist - 0.5) + 8} y=${middle + 12}>C / r = ${waist}</text>`
        : met[row].map((j) => line(x(j), top, x(row), bottom, values[row * C + j]))}
      ${all.map((j) => [cell(x(j), top, fill(j), `average ${j}`, { column: j }),
        cell(x(j), bottom, j === row ? "var(--vermilion)" : "var(--never)", `logit ${j}`, { row: j, column: -1 })])}
      ${outline(x, top, column)}</svg>`;
  }

  /** A bar for each gate on an axis from 0; zoomed, the long ones run out of the picture. */
  function parameters(width) {
    const zoom = Boolean(view.seen.zoom);
    const rows = Object.entries(gates).map(([name, gate]) => ({ name, ...gate, ...made(gate) }));
    const end = Math.max(...(zoom ? [view.get("channels"), view.get("kernel_size")] : rows.map(({ count }) => count)));
    const [x, base] = [linear([0, end], [128, width - 112]), 22 * rows.length + 2];
    const quiet = (text) => svg`<tspan style="fill: var(--quiet)" font-weight="normal">${text}</tspan>`;
    return html`<div class="eca-edu-parameters"><b>Parameters</b> <button type="button" aria-pressed=${zoom}
        @click=${() => view.look({ zoom: !zoom })}>zoom to the small ones</button></div>
      ${drawing(width, base + 24, "parameters of each gate", svg`
        ${axis("bottom", x, [0, end / 2, end].map((n) => [n, print(n)]), { at: base, from: x(0), to: x(end) })}
        <line x1=${x(0)} x2=${x(0)} y2=${base} stroke="var(--text)"></line>
        ${rows.map(({ name, option, cost, count, wrong }, n) => {
          const [y, to, chosen] = [22 * n + 3, x(Math.min(end, count)), name === view.get("gate")];
          return svg`<g class="eca-edu-gate" data-chosen=${chosen} @click=${() => view.set({ gate: name })}>
            <rect y=${y - 2} width=${width} height="22" fill="transparent"></rect>
            <text y=${y + 13}>${name} ${option ? quiet(`${symbols[option]} = ${view.get(option)}`) : nothing}</text>
            <rect x=${x(0)} y=${y + 1} width=${count ? Math.max(2, to - x(0)) : 0} height="15"></rect>
            ${count > end ? svg`<path class="eca-edu-cut" d=${`M${to} ${y}l-8 19m-6 0l8-19`}></path>` : nothing}
            <text x=${to + 7} y=${y + 13} class=${wrong ? "eca-edu-impossible" : ""}>
              ${wrong ? "impossible" : print(count)} ${count ? quiet(`= ${cost}`) : nothing}</text></g>`;
        })}`)}`;
  }

  return () => {
    const { gate, C, waist, met, wrong } = matrix();
    const { row = C / 2, column = -1 } = view.seen;
    const unit = Math.min(waist - 1, Number(view.hover?.match(/^waist (\d+)/)?.[1] ?? -1));
    const shown = { ...last, row: inside(row, C), column: Math.min(column, C - 1), unit };
    const { option, cost } = gates[gate];
    const left = Math.min(view.width, view.width < 720 ? 300 : 368);
    const right = view.width < 600 ? view.width : view.width - left - 20;
    const others = Math.max(...met.map((js) => js.length)) - 1;
    const through = waist ? `, through a bottleneck of ${waist}` : "";
    const meets = others > 0 ? `${others} other${others > 1 ? "s" : ""}` : "only itself";
    return {
      controls: html`<div class="eca-edu-gates">${(view.width < 600 ? choice : switches)(view, "gate",
          { label: "gate", options: Object.keys(gates) })}</div>
        ${["channels", ...(option ? [option] : [])].map((name) =>
          slider(view, name, { label: symbols[name], values: choices[name] }))}`,
      picture: html`<div style=${`width: ${left}px`}>${maps(shown, left)}</div>
        <div style=${`width: ${right}px`}><p class="eca-edu-reading">${words(shown)}</p>${strip(shown, right)}${parameters(right)}</div>`,
      sentence: html`${gate} on ${C} channels: a channel meets ${meets}${through}.
        ${print(met.flat().length)} of ${print(C * C)} entries can differ from zero, made of
        <b>${print(made(gates[gate]).count)} parameters</b> (${cost}).`,
      wrong,
    };
  };
};
