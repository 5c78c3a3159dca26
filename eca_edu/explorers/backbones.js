// A network as a row of stages: click one to open its block, set its k; beside it what every gate costs in this network.

explorers.backbones = (view) => {
  const { backbones, gates, sizes, reductions, refusals, largest, gammas, bs } = view.numbers;
  const print = (count) => count.toLocaleString("en");
  const network = () => backbones[view.get("backbone")];
  const several = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const typed = () => view.get("kernel_sizes").trim();

  /** Why a kernel of k cannot be had for C channels, in the words of the package; "" if it can. */
  function refused(k, channels, gate) {
    if (k < 1) return `${refusals.least}; got ${k}`;
    if (k > largest) return `${refusals.most}; got ${k}`;
    if (k % 2 === 0) return `${refusals.odd}; got ${k}`;
    return gate === "eca-circular" && (k - 1) / 2 > channels ? `${refusals.circular}; got ${k} for ${channels} channels` : "";
  }

  /** What a gate adds to each stage, { k, parameters, macs } or { wrong }, and to the network. */
  function costOf(gate) {
    const { stages } = network();
    const { kernel, reduction, costs } = gates[gate];
    const list = kernel && typed() ? (typed().match(/\d+/g) ?? []).map(Number) : null;
    const misfit = list && list.length !== stages.length
      ? `k list must have ${stages.length} odd numbers, one for each stage; got '${view.get("kernel_sizes")}'` : "";
    const made = stages.map(({ channels, modules }, i) => {
      const k = misfit ? "?" : !kernel ? null : list ? list[i] : sizes[`${view.get("gamma")} ${view.get("b")}`][channels];
      const cost = costs[reduction ? `${channels} ${view.get("reduction")}` : channels];
      const wrong = misfit || (kernel && refused(k, channels, gate)) || (typeof cost === "string" ? cost : "");
      if (wrong) return { k, wrong };
      const [parameters, macs] = cost.map((one) => one * modules * (k ?? 1));
      return { k, parameters, macs, wrong };
    });
    const sum = (name) => made.reduce((total, stage) => total + stage[name], 0);
    return { made, parameters: sum("parameters"), macs: sum("macs"), wrong: made.find(({ wrong }) => wrong)?.wrong ?? "" };
  }

  /** The network from the image to the classes; a bar is a block, higher for more channels, its foot is the gate. */
  function row({ made }, opened) {
    const gated = view.seen.before ? "" : "eca-edu-gated";
    const step = (i, by) => {
      const ks = made.map(({ k }) => k);
      ks[i] = Math.max(1, ks[i] + (ks[i] % 2 ? 2 * by : by));
      view.set({ kernel_sizes: ks.join("-") });
    };
    return html`<div class="eca-edu-network ${gated}"><span class="eca-edu-end">image, first layers</span>
      ${network().stages.map(({ channels, modules }, i) => {
        const { k, parameters, wrong } = made[i];
        const open = (event) => view.look({ stage: i, block: Math.min(1, Number(event.target.dataset.block ?? 0)) });
        return html`<div class="eca-edu-stage" data-hover="stage ${i}" style="flex-grow: ${modules}">
          <button type="button" aria-pressed=${i === opened} aria-label="stage ${i + 1}: ${several(modules, "block")} of ${channels}
            channels" @click=${open}><b>${channels}</b> channels<span class="eca-edu-blocks">${[...Array(modules).keys()].map((n) =>
              html`<i data-block=${n} style="height: ${4 * Math.log2(channels)}px"></i>`)}</span>${several(modules, "block")}</button>
          ${k === null ? nothing : html`<span class="eca-edu-step"><button type="button" aria-label="smaller k in stage ${i + 1}"
              ?disabled=${!(k > 1)} @click=${() => step(i, -1)}>−</button> k = ${k}
            <button type="button" aria-label="larger k in stage ${i + 1}" ?disabled=${k === "?"} @click=${() => step(i, 1)}>+</button></span>`}
          <span class=${wrong ? "eca-edu-refused" : ""}>${wrong ? "impossible" : html`<b>+${print(parameters)}</b>
            ${parameters === 1 ? "parameter" : "parameters"}`}</span></div>`;
      })}<span class="eca-edu-end">average, classes</span></div>`;
  }

  /** A block of the opened stage: branch, gate, shortcut and addition, from top to bottom. */
  function drawn({ layers, shortcut, after }, channels, k) {
    const [gate, before] = [view.get("attention"), view.seen.before];
    const [line, side] = [70, 290]; // where the branch and the shortcut run
    const ink = (part) => (view.hover === part ? "var(--vermilion)" : "var(--text)");
    const flow = (d, part) => svg`<path d=${d} fill="none" stroke=${ink(part)} stroke-width=${view.hover === part ? 2.5 : 1.2}></path>`;
    const tip = (x, y) => svg`<path d="M${x - 4} ${y - 7}L${x} ${y}L${x + 4} ${y - 7}Z" fill="var(--text)"></path>`;
    const box = (x, y, text, part) => {
      const lines = text.split(/, (?=\d)/);
      const high = lines.length > 1 ? 36 : 22;
      return { high, drawing: svg`<g data-hover=${part}><rect x=${x - 66} y=${y} width="132" height=${high} rx="4" fill="var(--panel)"
        stroke=${ink(part)} stroke-opacity=${view.hover === part ? 1 : 0.35}></rect>${lines.map((words, n) =>
          svg`<text x=${x} y=${y + 15 + 15 * n} text-anchor="middle">${words}</text>`)}</g>` };
    };
    const stack = (x, y, all, part) => all.map((text) => {
      const { high, drawing } = box(x, y, text, part);
      y += high + 7;
      return { end: y - 7, drawing };
    });
    const branch = stack(line, 24, layers, "branch");
    const from = branch.at(-1).end;
    const [times, plus] = [from + 76, from + 104];
    const own = shortcut ? stack(side, 60, shortcut, "shortcut") : [];
    const end = plus + (shortcut ? 20 : -8) + (after ? 32 : 0);
    const circle = (y, sign, part) => svg`<circle cx=${line} cy=${y} r="10" fill="var(--page)" stroke=${ink(part)}></circle>
      <text x=${line} y=${y + 5} text-anchor="middle" font-size="15">${sign}</text>`;
    return drawing(356, end + 22, "a block", svg`
      <text x=${line + 8} y="10" style="fill: var(--quiet)">from the block before</text>
      ${flow(`M${line} 0V${end + 8}`, "branch")}${tip(line, end + 14)}
      ${shortcut ? svg`${flow(`M${line} 16H${side}V${plus}H${line + 12}`, "shortcut")}${own.map(({ drawing }) => drawing)}
        <text x=${side - 8} y=${plus - 8} text-anchor="end" data-hover="shortcut">shortcut</text>${circle(plus, "+", "shortcut")}`
        : svg`<text x="232" y="60" style="fill: var(--quiet)">no shortcut here</text>`}
      ${branch.map(({ drawing }) => drawing)}
      ${before ? nothing : svg`<g data-hover="gate">${flow(`M${line} ${from + 8}H168V${times}H${line + 12}`, "gate")}
        <rect x="102" y=${from + 18} width="132" height="42" rx="4" fill="var(--page)" stroke="var(--vermilion)" stroke-width="2"></rect>
        <text x="168" y=${from + 35} text-anchor="middle" font-weight="bold">${gate}${k === null ? "" : `, k = ${k}`}</text>
        <text x="168" y=${from + 51} text-anchor="middle">${channels} weights ω</text>
        ${circle(times, "×", "gate")}</g>`}
      ${after ? box(line, end - 26, after, "branch").drawing : nothing}
      <text x=${line + 10} y=${end + 16} style="fill: var(--quiet)">to the next block</text>`);
  }

  /** What every gate adds to this network, as dots on a logarithmic axis that begins at 0; a ring is the stage pointed at. */
  function chart(name, title, width) {
    const x = linear([0, 8], [98, width - 76]);
    const place = (count) => x(count ? Math.log10(count) + 0.5 : 0);
    const all = Object.keys(gates);
    const bottom = 22 * all.length + 24;
    const stage = view.hover?.startsWith("stage") ? Number(view.hover.split(" ")[1]) : -1;
    return drawing(width, bottom + 24, title, svg`<text y="12" font-weight="bold">${title}</text>
      ${axis("bottom", x, [[0, "0"], [2.5, "100"], [5.5, "10⁵"], [8.5, "10⁸"]], { at: bottom, from: x(0), to: x(8) })}
      ${all.map((gate, i) => {
        const [cost, y, chosen] = [costOf(gate), 22 * i + 24, gate === view.get("attention")];
        const lit = view.hover === `gate ${gate}`;
        return svg`<g data-hover="gate ${gate}" class="eca-edu-row" @click=${() => view.set({ attention: gate })}>
          <rect y=${y} width=${width} height="22" fill=${lit ? "var(--panel)" : "transparent"}></rect>
          <text y=${y + 15} font-weight=${chosen ? "bold" : "normal"}>${gate}</text>
          <line x1=${x(0)} x2=${cost.wrong ? x(0) : place(cost[name])} y1=${y + 11} y2=${y + 11} stroke="var(--line)"></line>
          ${cost.wrong ? svg`<text x=${x(0) + 6} y=${y + 15} class="eca-edu-refused">impossible</text>`
            : svg`<circle cx=${place(cost[name])} cy=${y + 11} r="5" fill=${chosen ? "var(--blue)" : "var(--grey)"}></circle>
              <text x=${place(cost[name]) + 9} y=${y + 15} font-weight=${chosen ? "bold" : "normal"}>${print(cost[name])}</text>
              ${cost.made[stage] ? svg`<circle cx=${place(cost.made[stage][name])} cy=${y + 11} r="5" fill="none"
                stroke="var(--vermilion)" stroke-width="2"></circle>` : nothing}`}</g>`;
      })}`);
  }

  return () => {
    const [backbone, attention, r] = ["backbone", "attention", "reduction"].map(view.get);
    const { parameters, stages, reduction } = network();
    const { kernel, kind, reduction: squeezes } = gates[attention];
    const cost = costOf(attention);
    const opened = Math.min(view.seen.stage ?? 0, stages.length - 1);
    const { channels, blocks, modules } = stages[opened];
    const shown = Math.min(view.seen.block ?? 1, blocks.length - 1);
    const ks = cost.made.map(({ k }) => k);
    // A reader who has kept to the paper's r goes on with the paper's.
    const choose = (changes) => view.set({ ...changes, ...(r === reduction ? { reduction: backbones[changes.backbone].reduction } : {}) });
    const looked = { get: (name) => view.seen[name] ?? { before: false, block: shown }[name], set: view.look };
    const wide = view.width < 720 ? view.width : view.width - 376;
    const [each, place] = [wide >= 520 ? (wide - 20) / 2 : wide, blocks[shown].place];
    const norm = `BatchNorm2d(${channels})`;
    const by = kernel ? ` with kernel sizes ${ks.join("-")}` : squeezes ? ` with r = ${r}` : "";
    return {
      controls: html`${choice({ ...view, set: choose }, "backbone", { label: "backbone", options: Object.keys(backbones) })}
        ${choice(view, "attention", { label: "attention", options: Object.keys(gates) })}
        ${kernel ? html`<label class="eca-edu-choice"><span>k list</span><input class="eca-edu-list" placeholder="by γ and b"
            aria-label="k list" .value=${view.get("kernel_sizes")} @change=${(e) => view.set({ kernel_sizes: e.target.value })}></label>
          ${[["gamma", "γ", gammas, 0.25], ["b", "b", bs, 0.5]].map(([name, label, [min, max], step]) =>
            slider(view, name, { label, min, max, step, disabled: Boolean(typed()) }))}` : nothing}
        ${squeezes ? html`${slider(view, "reduction", { label: "r", values: reductions })}
          <span class="eca-edu-hint">the paper's: ${reduction}</span>` : nothing}`,
      picture: html`${row(cost, opened)}
        <div style="width: 356px"><p class="eca-edu-blockhead"><b>Stage ${opened + 1}</b>
          ${blocks.length > 1 ? switches(looked, "block", { label: "", options: [[0, "first block"], [1, several(modules - 1, "other")]] }) : nothing}
          ${switches(looked, "before", { label: "", options: [[true, "before"], [false, "after"]] })}</p>
          ${drawn(blocks[shown], channels, ks[opened])}
          <code>${place} = ${view.seen.before ? norm : `Sequential(${norm}, ${kind}(…))`}</code></div>
        <div style="width: ${wide}px" class="eca-edu-charts">${chart("parameters", "added parameters", each)}
          ${chart("macs", "added multiply-accumulates", each)}</div>`,
      sentence: html`${backbone} and ${attention}${by}: <b>${several(cost.parameters, "parameter").replace(/^\d+/, print(cost.parameters))}</b>
        and ${print(cost.macs)} multiply-accumulates more, on top of ${print(parameters)} parameters
        (+${((100 * cost.parameters) / parameters).toFixed(4)}%).`,
      wrong: cost.wrong,
    };
  };
};
