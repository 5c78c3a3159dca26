// Drag C along the staircase, b with the dashed line, γ with its end; hover a step or the stage of a network.
// With a rule of the reader's own there is no γ and no b to move: its staircase is drawn on that of the paper.

explorers.kernel_size = (view) => {
  const { gammas, bs, choices, largest, stages, steps, rule } = view.numbers;
  const exponent = Math.log2(largest);
  const highest = 17;
  const stepsOf = (gamma, b) => steps[`${gamma} ${b}`];
  const sizeOf = (channels, gamma, b) => stepsOf(gamma, b).findLast(([from]) => from <= channels)[1];
  const chosen = () => (rule ? [2, 1] : [view.get("gamma"), view.get("b")]);
  const mine = (channels) => (rule ? rule.sizes[channels] : sizeOf(channels, ...chosen()));
  const closest = (list, value) => list.reduce((best, v) => (Math.abs(v - value) < Math.abs(best - value) ? v : best));
  const move = (name, list) => (by) => {
    const at = list.indexOf(view.get(name)) + by;
    view.set({ [name]: list[Math.min(list.length - 1, Math.max(0, at))] });
  };

  function staircase(x, y, own) {
    return path(own.flatMap(([from, k], i) => [[x(Math.log2(from)), y(k)], [x(Math.log2(own[i + 1]?.[0] ?? largest)), y(k)]]));
  }

  function chart(width) {
    const [[gamma, b], channels] = [chosen(), view.get("channels")];
    const k = mine(channels);
    const [left, right, bottom] = [46, width - 18, 262];
    const x = linear([0, exponent], [left, right]);
    const y = linear([0, highest + 1], [bottom, 8]);
    const t = (log) => (log + b) / gamma;
    const every = width < 480 ? 2 : 1;
    const ticks = [...Array(exponent + 1).keys()].filter((n) => n % every === 0).map((n) => [n, String(2 ** n)]);
    const sizes = Array.from({ length: 9 }, (_, i) => [2 * i + 1, String(2 * i + 1)]);
    const own = stepsOf(gamma, b);
    const lit = own.findIndex(([from]) => view.hover === `step ${from}`);
    // The dashed line leaves the picture at its top or at its right edge; there stands the grip of γ.
    const end = Math.min(exponent, gamma * (highest + 1) - b);
    const at = Math.log2(channels);
    const guide = view.hover?.startsWith("stage") ? Math.log2(Number(view.hover.split(" ")[1])) : null;
    return drawing(width, 302, "kernel size k over channels C", svg`
      ${axis("bottom", x, ticks, { at: bottom, from: left, to: right, label: "channels C" })}
      ${axis("left", y, sizes, { at: left, from: bottom, to: 8, label: "kernel size k", grid: right })}
      <path d=${staircase(x, y, rule ? rule.steps : own)} fill="none" stroke="var(--blue)" stroke-width="5" stroke-opacity="0.75"></path>
      <path d=${staircase(x, y, stepsOf(2, 1))} fill="none" stroke="var(--text)"></path>
      ${rule ? nothing : svg`<line x1=${x(0)} y1=${y(t(0))} x2=${x(end)} y2=${y(t(end))} stroke="var(--blue)" stroke-dasharray="5 4"></line>`}
      ${guide === null ? nothing : svg`<line x1=${x(guide)} x2=${x(guide)} y1="8" y2=${bottom} stroke="var(--text)"></line>`}
      ${own.map(([from, size], i) => {
        const to = own[i + 1]?.[0] ?? largest;
        const [start, stop] = [x(Math.log2(from)), x(Math.log2(to))];
        const said = `${rule ? "the paper's " : ""}k = ${size} from C = ${from}${i + 1 < own.length ? ` to ${to - 1}` : " on"}`;
        return svg`<g data-hover=${`step ${from}`}><rect x=${start} width=${stop - start} y=${y(size) - 12} height="24" fill="transparent"></rect>
          ${i === lit ? svg`<line x1=${start} x2=${stop} y1=${y(size)} y2=${y(size)} stroke="var(--vermilion)" stroke-width="5"></line>
            <text x=${Math.min(start, right - (rule ? 215 : 150))} y=${y(size) - 10}>${said}</text>` : nothing}</g>`;
      })}
      ${(rule ? ["thick: your rule", "thin: the paper's rule, k = ψ(C)"]
        : ["thick: k = ψ(C) for your γ and b", "thin: the paper's γ = 2, b = 1", "dashed: t = (log₂C + b) / γ"])
        .map((words, i) => svg`<text x=${left + 8} y=${20 + 16 * i}>${words}</text>`)}
      ${rule ? nothing : [
        grip({ x: x(0), y: y(Math.max(0, t(0))), r: 6, label: "b, the height of the dashed line", value: b, hover: "b",
          move: (at) => view.set({ b: closest(bs, y.invert(at.y) * gamma) }), step: move("b", bs) }),
        grip({ x: x(end), y: y(t(end)), r: 6, label: "γ, the slope of the dashed line", value: gamma, hover: "gamma",
          move: (at) => view.set({ gamma: closest(gammas, (x.invert(at.x) + b) / Math.max(0.1, y.invert(at.y))) }),
          step: move("gamma", gammas) })]}
      ${grip({ x: x(at), y: y(Math.min(k, highest)), label: "C, your channels", value: channels, hover: "C",
        move: (to) => view.set({ channels: choices[choices.map(Math.log2).indexOf(closest(choices.map(Math.log2), x.invert(to.x)))] }),
        step: move("channels", choices) })}
      ${[["b", x(0) + 10, y(Math.max(0, t(0))) + 4], ["γ", x(end) - 4, y(t(end)) + 22],
        [`C = ${channels}`, x(at) + 12, y(Math.min(k, highest)) + 18]].slice(rule ? 2 : 0)
        .map(([name, at, height]) => svg`<text x=${Math.min(at, right - 10 * name.length)} y=${height}
          style="stroke: var(--page); stroke-width: 4px; paint-order: stroke">${name}</text>`)}`);
  }

  /** A row for each network: its stages from left to right, the channels above and k in a disc. */
  function networks(width) {
    const apart = (counts) => Math.min(44, (width - 108) / (counts.length - 1));
    return drawing(width, 44 * Object.keys(stages).length, `the kernel size of each stage of ${rule ? "three" : "four"} networks`,
      Object.entries(stages).map(([name, counts], row) => svg`<text x="0" y=${44 * row + (rule ? 24 : 34)} style="fill: var(--quiet)">${name}</text>
        ${rule ? svg`<text x="0" y=${44 * row + 40} font-weight=${rule.spent[name] > rule.budget ? "bold" : "normal"}>
          ${rule.spent[name]}${rule.spent[name] > 999 ? "" : ` of ${rule.budget}`}</text>` : nothing}
        ${counts.map((c, i) => {
          const [k, paper, at] = [mine(c), sizeOf(c, 2, 1), { x: 94 + apart(counts) * i, y: 44 * row + 30 }];
          const words = `${name}, ${c} channels: k = ${k}${k === paper ? "" : `, the paper's ${paper}`}`;
          return svg`<g data-hover=${`stage ${c}`} tabindex="0" role="img" aria-label=${words}>
            <circle cx=${at.x} cy=${at.y} r="10.5" fill="var(--page)" stroke=${k === paper ? "var(--grey)" : "var(--vermilion)"}
              stroke-width=${view.hover === `stage ${c}` ? 3.5 : k === paper ? 1 : 2}></circle>
            <text x=${at.x} y=${at.y + 4} text-anchor="middle" font-weight=${k === paper ? "normal" : "bold"}>${k > 99 ? "99+" : k}</text>
            <text x=${at.x} y=${at.y - 14} text-anchor="middle" style="fill: var(--quiet)">${c}</text></g>`;
        })}`));
  }

  /** A window on the channels around the middle one, with an arc to each that it meets. */
  function neighbours(width) {
    const channels = view.get("channels");
    const k = mine(channels);
    const shown = Math.min(channels, 21);
    const middle = Math.floor(shown / 2);
    const size = (width - 20) / shown;
    const x = (i) => 10 + (i + 0.5) * size;
    const met = (i) => Math.abs(i - middle) <= (k - 1) / 2;
    const first = Math.floor(channels / 2) - middle;
    return drawing(width, 128, `channel ${first + middle} and the channels that it meets`, svg`
      <text x="10" y="14">${k === 1 ? "a channel meets only itself" : "whom a channel meets"}</text>
      ${[...Array(shown).keys()].map((i) => svg`<rect x=${x(i) - size * 0.42} y="84" width=${size * 0.84} height="18" rx="2"
          fill=${i === middle ? "var(--vermilion)" : met(i) ? "var(--blue)" : "var(--panel)"} stroke="var(--line)"></rect>
        ${met(i) && i !== middle ? svg`<path d=${`M${x(i)} 82 Q${(x(i) + x(middle)) / 2} ${82 - 9 * Math.abs(i - middle) - 8} ${x(middle)} 82`}
          fill="none" stroke="var(--blue)" stroke-width="1.5"></path>` : nothing}`)}
      <text x=${x(middle)} y="120" text-anchor="middle">i = ${first + middle}</text>
      ${first > 0 ? svg`<text x="10" y="120">${first} more</text>` : nothing}
      ${first + shown < channels ? svg`<text x=${width - 10} y="120" text-anchor="end">${channels - first - shown} more</text>` : nothing}`);
  }

  function meaning(channels, k) {
    if (k > 2 * channels - 1) return "that is wider than the layer, so that the outer weights meet only padding";
    if (k === 1) return "each channel meets only itself";
    if (k === 2 * channels - 1) return "all channels meet";
    return `each channel meets up to ${Math.min(k, channels) - 1} neighbours`;
  }

  /** What the reader's rule gives, and what it spends. */
  function ruled(channels, k) {
    const over = Object.keys(stages).filter((name) => rule.spent[name] > rule.budget);
    return html`For C = ${channels} your rule gives <b>k = ${k}</b>: ${meaning(channels, k)}. The paper's gives ${sizeOf(channels, 2, 1)}.
      Your gates spend ${Object.keys(stages).map((name) => `${rule.spent[name]} parameters in ${name}`).join(", ")};
      ${over.length ? html`<b>above the budget of ${rule.budget}: ${over.join(", ")}</b>` : `the budget of ${rule.budget} is kept`}.`;
  }

  return () => {
    const [[gamma, b], channels] = [chosen(), view.get("channels")];
    const k = mine(channels);
    const t = (Math.log2(channels) + b) / gamma;
    const tie = Number.isInteger(t) && t % 2 === 0 && t > 0; // log2 is exact where C is a power of 2
    const beside = view.width >= 600;
    const wide = beside ? Math.round(view.width * (view.width < 720 ? 0.55 : 0.62)) : view.width;
    return {
      controls: html`
        ${rule ? nothing : slider(view, "gamma", { label: "γ", min: gammas[0], max: gammas.at(-1), step: 0.25 })}
        ${rule ? nothing : slider(view, "b", { label: "b", min: bs[0], max: bs.at(-1), step: 0.5 })}
        ${slider(view, "channels", { label: "C", values: choices })}`,
      picture: html`<div>${chart(wide)}</div>
        <div>${neighbours(beside ? view.width - wide - 20 : view.width)}${networks(beside ? view.width - wide - 20 : view.width)}</div>`,
      sentence: rule ? ruled(channels, k) : html`
        t = (log₂ ${channels} ${b < 0 ? "−" : "+"} ${short(Math.abs(b))}) / ${gamma} = ${short(t)}, and <b>k = ${k}</b>: ${meaning(channels, k)}.
        ${tie ? html`<b>A tie</b>: ${t} is as near to ${t - 1} as to ${t + 1}, and goes up.` : nothing}
        The stages get: ${Object.entries(stages).map(([name, counts]) => `${name} ${counts.map(mine).join("-")}`).join("; ")}.`,
    };
  };
};
