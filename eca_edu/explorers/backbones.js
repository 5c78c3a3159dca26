// A network as a row of stages: open the block of one, set its k; what every gate would cost in this network.

explorers.backbones = (view) => {
  const { backbones, gates, sizes, reductions, refusals, largest, gammas, bs } = view.numbers;
  const network = () => backbones[view.get("backbone")];
  const LIST = /^\[?\d+([-–,;\s]+\d+)*\]?$/; // "3-5-5-7", "3, 5, 5, 7"
  const typed = () => view.get("kernel_sizes").trim();
  const print = (count) => count.toLocaleString("en");
  const several = (count, word) => `${print(count)} ${word}${count === 1 ? "" : "s"}`;

  /** Why a kernel of k cannot be had for C channels, in the words of the package; "" if it can. */
  function refused(k, channels, gate) {
    if (k < 1 || k > largest) return `${k < 1 ? refusals.least : refusals.most}; got ${k}`;
    if (k % 2 === 0) return `${refusals.odd}; got ${k}`;
    const round = gate === "eca-circular" && (k - 1) / 2 > channels;
    return round ? `${refusals.circular}; got ${k} for ${channels} channels` : "";
  }

  /** What a gate adds to each stage, { k, parameters, macs } or { k, wrong }, and to the network. */
  function costOf(gate) {
    const { stages } = network();
    const { kernel, reduction, costs } = gates[gate];
    const list = kernel && typed() ? (LIST.test(typed()) ? typed().match(/\d+/g).map(Number) : []) : null;
    const odd = `k list must have ${stages.length} odd numbers, one for each stage; got '${view.get("kernel_sizes")}'`;
    const misfit = list && list.length !== stages.length ? odd : "";
    const made = stages.map(({ channels, modules }, i) => {
      const byRule = sizes[`${view.get("gamma")} ${view.get("b")}`][channels];
      const k = !kernel ? null : misfit ? "?" : list ? list[i] : byRule;
      const option = kernel ? Math.min(k, 3) : reduction ? view.get("reduction") : null;
      const wrong = misfit || (kernel && refused(k, channels, gate));
      const cost = wrong || costs[option === null ? channels : `${channels} ${option}`];
      if (typeof cost === "string") return { k, wrong: cost };
      const [parameters, macs] = cost.map((one) => one * modules * (kernel ? k / option : 1));
      return { k, parameters, macs };
    });
    const sum = (name) => made.reduce((total, stage) => total + stage[name], 0);
    return { made, parameters: sum("parameters"), macs: sum("macs"), wrong: made.find(({ wrong }) => wrong)?.wrong };
  }

  /** The network from the image to the classes; a bar is a block, higher for more channels, its foot is the gate. */
  function row({ made }, opened) {
    const ends = (words) => (view.width < 600 ? nothing : html`<span class="eca-edu-end">${words}</span>`);
    const step = (i, by) => {
      const ks = costOf(view.get("attention")).made.map(({ k }) => k); // two clicks may come before the next frame
      ks[i] = Math.max(1, ks[i] + (ks[i] % 2 ? 2 * by : by));
      view.set({ kernel_sizes: ks.join("-") });
    };
    const stage = ({ channels, modules }, i) => {
      const { k, parameters, wrong } = made[i];
      const open = (event) => view.look({ stage: i, block: Math.min(1, Number(event.target.dataset.block ?? 1)) });
      const bar = (n) => html`<i data-block=${n} style="height: ${2.6 * Math.log2(channels)}px"></i>`;
      const change = (by, words) => html`<button type="button" aria-label="${words} k in stage ${i + 1}"
        ?disabled=${k === "?" || k + by < 1} @click=${() => step(i, by)}>${by > 0 ? "+" : "−"}</button>`;
      return html`<div class="eca-edu-stage" data-hover="stage ${i}" style="flex-grow: ${modules}">
        <button type="button" aria-pressed=${i === opened} @click=${open}
          aria-label="open stage ${i + 1}: ${several(modules, "block")} of ${channels} channels">
          <b>${channels}</b> channels<span class="eca-edu-blocks">${[...Array(modules).keys()].map(bar)}</span>
          ${several(modules, "block")}</button>
        ${k === null ? nothing : html`<span class="eca-edu-step">${change(-1, "smaller")}<span>k = ${k}</span>
          ${change(1, "larger")}</span>`}
        ${wrong ? html`<span class="eca-edu-refused">impossible</span>`
          : html`<span><b>+${print(parameters)}</b> parameter${parameters === 1 ? "" : "s"}</span>`}</div>`;
    };
    return html`<div class="eca-edu-network ${view.seen.before ? "" : "eca-edu-gated"}"
      @dblclick=${(event) => event.stopPropagation()}>${ends("image, first layers →")}
      ${network().stages.map(stage)}${ends("→ average, classes")}</div>`;
  }

  /** A block of the opened stage: branch, gate, shortcut and addition, from top to bottom. */
  function block({ layers, shortcut, after }, channels, k) {
    const wide = Math.min(358, view.width);
    const [line, middle, side] = [78, 170, wide - 80]; // where the branch, the gate and the shortcut run
    const lit = (part) => view.hover === part;
    const ink = (part) => (lit(part) ? "var(--vermilion)" : "var(--text)");
    const text = (x, y, words, anchor = "middle", weight = "normal") => svg`<text x=${x} y=${y} text-anchor=${anchor}
      font-weight=${weight}>${words}</text>`;
    const flow = (d, part) => svg`<path d=${d} fill="none" stroke=${ink(part)}
      stroke-width=${lit(part) ? 2.5 : 1.2}></path>`;
    const sign = (y, words, part) => svg`<circle cx=${line} cy=${y} r="9" fill="var(--page)"
      stroke=${ink(part)}></circle><g font-size="15">${text(line, y + 5, words)}</g>`;
    const box = (x, y, lines, part) => svg`<rect x=${x - 78} y=${y} width="156" height=${6 + 14 * lines.length} rx="4"
      fill="var(--panel)" stroke=${ink(part)} stroke-opacity=${lit(part) ? 1 : 0.35}></rect>
      ${lines.map((words, n) => text(x, y + 14 + 14 * n, words))}`;
    // Boxes below each other, and where the last one ends.
    const stack = (x, top, all, part) => all.reduce(([boxes, y], layer) => {
      const lines = layer.split(/\n|, (?=stride)/);
      return [[...boxes, box(x, y + 4, lines, part)], y + 10 + 14 * lines.length];
    }, [[], top]);
    const [branch, from] = stack(line, 16, layers, "branch");
    const [times, plus] = [from + 62, from + 84];
    const end = plus + (shortcut ? 12 : -14) + (after ? 26 : 0);
    const ways = shortcut ? svg`<g data-hover="shortcut">${flow(`M${line} 16H${side}V${plus}H${line + 10}`, "shortcut")}
        ${stack(side, 50, shortcut, "shortcut")[0]}${text(side - 8, plus - 6, "shortcut", "end")}
        ${sign(plus, "+", "shortcut")}</g>` : text(side, 50, "no shortcut here");
    const gate = svg`<g data-hover="gate">${flow(`M${line} ${from + 7}H${middle}V${times}H${line + 10}`, "gate")}
      <rect x=${middle - 62} y=${from + 15} width="124" height="38" rx="4" fill="var(--page)" stroke="var(--vermilion)"
        stroke-width="2"></rect>${text(middle, from + 46, `${channels} weights ω`)}${sign(times, "×", "gate")}
      ${text(middle, from + 31, view.get("attention") + (k === null ? "" : `, k = ${k}`), "middle", "bold")}</g>`;
    return drawing(wide, end + 24, "a block", svg`${flow(`M${line} 0V${end + 12}`, "branch")}
      <path d="M${line - 4} ${end + 10}h8l-4 8Z" fill="var(--text)"></path>
      <g class="eca-edu-axis">${text(line + 10, 10, "from the block before", "start")}
        ${text(line + 10, end + 20, "to the next block", "start")}</g>
      ${ways}<g data-hover="branch">${branch}</g>${view.seen.before ? nothing : gate}
      ${after ? box(line, end - 18, [after], "after") : nothing}`);
  }

  /** What every gate adds to this network, as dots on a logarithmic axis with a 0; a ring is the stage pointed at. */
  function chart(name, title, width) {
    const x = linear([0, 8.6], [92, width - 72]);
    const place = (count) => x(count ? Math.log10(count) + 0.5 : 0);
    const stage = view.hover?.startsWith("stage") ? Number(view.hover.split(" ")[1]) : -1;
    const bottom = 21 * Object.keys(gates).length + 20;
    const dot = (count, y, fill, stroke) => svg`<circle cx=${place(count)} cy=${y} r="5" fill=${fill} stroke=${stroke}
      stroke-width="2"></circle>`;
    const line = (gate, i) => {
      const [cost, y, chosen] = [costOf(gate), 21 * i + 31, gate === view.get("attention")];
      const [count, part] = [cost[name], cost.made[stage]?.[name]];
      const behind = view.hover === `gate ${gate}` ? "var(--panel)" : "transparent";
      return svg`<g data-hover="gate ${gate}" class="eca-edu-row" font-weight=${chosen ? "bold" : "normal"}
        @click=${() => view.set({ attention: gate })}>
        <rect y=${y - 11} width=${width} height="22" fill=${behind}></rect><text y=${y + 4}>${gate}</text>
        ${cost.wrong ? svg`<text x=${x(0)} y=${y + 4} class="eca-edu-refused">impossible</text>`
          : svg`<line x1=${x(0)} x2=${place(count)} y1=${y} y2=${y} stroke="var(--line)"></line>
            ${dot(count, y, chosen ? "var(--blue)" : "var(--grey)", "none")}
            ${part === undefined ? nothing : dot(part, y, "none", "var(--vermilion)")}
            <text x=${place(count) + 9} y=${y + 4}>${print(count)}</text>`}</g>`;
    };
    const ring = stage < 0 ? "" : `, ○ stage ${stage + 1}`;
    const ticks = [[0, "0"], [2.5, "100"], [5.5, "10⁵"], [8.5, "10⁸"]];
    return drawing(width, bottom + 24, title, svg`<text y="12"><tspan font-weight="bold">${title}</tspan>${ring}</text>
      ${axis("bottom", x, ticks, { at: bottom, from: x(0), to: x(8.6) })}${Object.keys(gates).map(line)}`);
  }

  return () => {
    const [backbone, attention, r] = ["backbone", "attention", "reduction"].map(view.get);
    const { parameters, stages, reduction } = network();
    const { kernel, kind, reduction: squeezes } = gates[attention];
    const cost = costOf(attention);
    const opened = Math.min(view.seen.stage ?? 0, stages.length - 1);
    const { channels, blocks, modules } = stages[opened];
    const shown = Math.min(view.seen.block ?? 1, blocks.length - 1);
    const { place } = blocks[shown];
    // A reader who has kept to the paper's r goes on with the paper's.
    const moved = (name) => (r === reduction ? { reduction: backbones[name].reduction } : {});
    const choosing = { ...view, set: (changes) => view.set({ ...changes, ...moved(changes.backbone) }) };
    const seen = { block: shown, before: Boolean(view.seen.before), chart: view.seen.chart ?? "parameters" };
    const looking = { ...view, get: (name) => seen[name], set: view.look };
    const wide = view.width < 660 ? view.width : view.width - 400;
    const each = wide >= 500 ? (wide - 20) / 2 : wide;
    const charts = [["parameters", "parameters"], ["macs", "MACs"]];
    const titles = { parameters: "added parameters", macs: "added multiply-accumulates" };
    const norm = `BatchNorm2d(${channels})`;
    const pair = `Sequential(${norm}, ${kind}(${channels}))`;
    const ks = cost.made.map(({ k }) => k).join("-");
    const by = kernel ? ` with kernel sizes ${ks}` : squeezes ? ` with r = ${r}` : "";
    const psi = (name, label, [min, max], step) =>
      slider(view, name, { label, min, max, step, disabled: Boolean(typed()) });
    return {
      controls: html`<div class="eca-edu-controls">
          ${choice(choosing, "backbone", { label: "backbone", options: Object.keys(backbones) })}
          ${choice(view, "attention", { label: "attention", options: Object.keys(gates) })}
          ${kernel ? html`<label class="eca-edu-choice"><span>k list</span><input class="eca-edu-number eca-edu-list"
            placeholder="by γ and b" .value=${view.get("kernel_sizes")} aria-label="k list"
            @change=${(event) => view.set({ kernel_sizes: event.target.value })}></label>
            ${typed() ? button("clear the list", () => view.set({ kernel_sizes: "" })) : nothing}` : nothing}</div>
        ${kernel ? [psi("gamma", "γ", gammas, 0.25), psi("b", "b", bs, 0.5)] : nothing}
        ${squeezes ? html`${slider(view, "reduction", { label: "r", values: reductions })}
          <span>${reduction} in the paper</span>` : nothing}`,
      picture: html`${row(cost, opened)}<div style="width: min(380px, 100%)"><div class="eca-edu-looks">
          ${blocks.length > 1 ? switches(looking, "block", { label: "block", options: [[0, "first"],
            [1, modules > 2 ? `${modules - 1} others` : "other"]] }) : nothing}
          ${switches(looking, "before",
            { label: "insert_attention", options: [[true, "before"], [false, "after"]] })}</div>
        ${block(blocks[shown], channels, cost.made[opened].k)}</div>
        <div class="eca-edu-charts" style="width: ${wide}px">
          ${each < wide ? nothing : switches(looking, "chart", { label: "added", options: charts })}
          ${charts.filter(([name]) => each < wide || name === seen.chart).map(([name]) => chart(name, titles[name], each))}</div>
        <p><code>insert_attention</code> ${cost.wrong ? "refuses this." : html`${view.seen.before ? "looks for" : "replaces"} <code>${place}</code>
          ${view.seen.before ? ", a" : "by"} <code>${view.seen.before ? norm : pair}</code>`}</p>`,
      sentence: html`${backbone} and ${attention}${by}: <b>${several(cost.parameters, "parameter")}</b> and
        ${print(cost.macs)} multiply-accumulates more, on top of ${print(parameters)} parameters
        (+${((100 * cost.parameters) / parameters).toFixed(4)}%).`,
      wrong: cost.wrong,
    };
  };
};
