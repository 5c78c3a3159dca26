// A table of rules and channels: click a column for C, point at a cell to see how its rule gets to its k.

explorers.conventions = (view) => {
  const { rules, channels, sizes } = view.numbers;
  const inks = ["var(--blue)", "var(--vermilion)"]; // of the paper's rule, and of the one that is pointed at
  const chosen = (c) => (c === view.get("channels") ? "eca-edu-chosen" : "");
  // A step takes the number before, and gives its words and the number after.
  const t = (c, gamma, b) => [`(log₂ ${c} + ${b}) / ${gamma} =`, (Math.log2(c) + b) / gamma];
  const apart = (c, gamma, b) => [`log₂ ${c} / ${gamma} + ${b} =`, Math.log2(c) / gamma + b];
  const [cut, up] = [(n) => ["cut:", Math.floor(n)], (n) => ["rounded up:", Math.ceil(n)]];
  const odd = (by) => (n) => (n % 2 ? ["odd:", n] : [`even, ${by < 0 ? "−" : "+"} 1:`, n + by]);
  const least = (low) => (n) => [`at least ${low}:`, Math.max(low, n)];
  const halfToEven = (n) => (Math.abs(n % 1) === 0.5 ? 2 * Math.round(n / 2) : Math.round(n));
  const stepsOf = {
    paper: [t, cut, odd(1)],
    timm: [t, cut, odd(1), least(3)],
    "b-not-divided": [apart, cut, odd(1)],
    "official-mobilenetv2": [(c) => (c < 96 ? [`${c} channels, below 96:`, 1] : [`${c} channels, 96 or more:`, 3])],
    "ties-down": [t, (n) => ["half:", n / 2], up, (n) => ["doubled, − 1:", 2 * n - 1], least(1)],
    "bankers-rounding": [t, (n) => ["− 1, then half:", (n - 1) / 2], (n) => ["rounded, a half to even:", halfToEven(n)],
      (n) => ["doubled, + 1:", 2 * n + 1], least(1)],
    "round-then-bump": [t, (n) => ["rounded:", Math.floor(n + 0.5)], least(1), odd(1)],
    "ceil-then-bump": [t, up, least(1), odd(1)],
    "floor-then-drop": [t, cut, odd(-1), least(1)],
  };

  const known = new Map();

  /** How a rule gets from c channels to its k: [words, number] of each step. */
  function way(rule, c) {
    const [gamma, b] = [view.get("gamma"), view.get("b")];
    const name = `${rule} ${c} ${gamma} ${b}`;
    const steps = known.get(name) ?? [];
    known.set(name, steps);
    if (!steps.length) {
      for (const step of stepsOf[rule]) {
        const [words, n] = step(steps.at(-1)?.[1] ?? c, gamma, b);
        steps.push([`${words} ${short(n)}`, n]);
      }
    }
    return steps;
  }

  /** Rules are rows, or columns where the page is narrow; a sign, too, marks where k is not the paper's. */
  function table(k, row, column) {
    const [down, across, turned] = view.width < 600 ? [channels, rules, "eca-edu-upright"]
      : [rules, channels, view.width < 800 ? "eca-edu-tight" : ""];
    const set = (j) => view.set({ channels: channels[j] });
    const pick = (i, j) => [view.look({ row: i }), set(j)];
    const head = (list, n) => html`<th class="${n === (list === rules ? row : column) ? "eca-edu-at" : ""}
      ${chosen(list[n])}" @click=${() => list === channels && set(n)}><span>${list[n]}</span></th>`;
    const keys = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across.length, ArrowUp: -across.length }[event.key];
      if (by) event.preventDefault();
      const cells = [...event.currentTarget.closest("table").querySelectorAll("td")];
      cells[cells.indexOf(event.currentTarget) + by]?.focus();
    };
    const cell = (i, j) => {
      const [more, words] = [Math.sign(k[i][j] - k[0][j]) + 1, way(rules[i], channels[j]).map(([said]) => said)];
      return html`<td class="${["eca-edu-less", "", "eca-edu-more"][more]} ${chosen(channels[j])}"
        tabindex=${i === row && j === column ? 0 : -1} data-hover="cell ${i} ${j}" @focus=${() => pick(i, j)}
        @click=${() => pick(i, j)} @keydown=${keys} aria-label="${rules[i]}, C = ${channels[j]}: ${words.join(" → ")}"
        >${k[i][j]}<sup>${["▼", "", "▲"][more]}</sup></td>`;
    };
    return html`<table role="grid" class="eca-edu-rules ${turned}" aria-label="k by rule and channels">
      <tr><th>channels C</th>${across.map((_, n) => head(across, n))}</tr>${down.map((_, m) => html`<tr>${head(down, m)}
        ${across.map((_, n) => (across === rules ? cell(n, m) : cell(m, n)))}</tr>`)}</table>`;
  }

  /** From t to an odd number: the paper's rule above the line, the other one below it. */
  function landing(pair, width) {
    const [x, y, ends] = [linear([0, 17.5], [5, width]), 34, pair.map(([, steps]) => steps.at(-1)[1])];
    return drawing(width, 68, "from t to an odd number", svg`
      <line x1=${x(0)} x2=${width} y1=${y} y2=${y} stroke="var(--line)"></line>
      ${[1, 3, 5, 7, 9, 11, 13, 15, 17].map((n) => svg`<circle cx=${x(n)} cy=${y} r="11" fill="var(--page)"
        stroke=${inks[ends.indexOf(n)] ?? "var(--line)"} stroke-width=${ends.includes(n) ? 2.5 : 1}></circle>
        <text x=${x(n)} y=${y + 4} text-anchor="middle">${n}</text>`)}
      ${pair.map(([, [[, t]]], i) => svg`<circle cx=${x(t)} cy=${y} r="4" fill=${inks[i]}></circle>
        <path d="M${x(t)} ${y}Q${x((t + ends[i]) / 2)} ${i ? 82 : -14} ${x(ends[i])} ${i ? 45 : 23}" fill="none"
          stroke=${inks[i]} stroke-width="2.5"></path>`)}`);
  }

  return () => {
    const [c, k] = [view.get("channels"), sizes[`${view.get("gamma")} ${view.get("b")}`]];
    const at = channels.indexOf(c);
    const [row, column] = view.hover?.match(/\d+/g).map(Number) ?? [view.seen.row ?? 2, at];
    const pair = [...new Set(["paper", rules[row]])].map((rule) => [rule, way(rule, channels[column])]);
    const others = rules.flatMap((rule, i) => (k[i][at] === k[0][at] ? [] : [`${rule} ${k[i][at]}`])).join(", ");
    return {
      controls: html`${slider(view, "gamma", { label: "γ", min: 1, max: 4, step: 0.25 })}
        ${slider(view, "b", { label: "b", max: 4, step: 0.5 })}
        ${slider(view, "channels", { label: "C", values: channels })}`,
      picture: html`${table(k, row, column)}<p>k is <span class="eca-edu-more">▲ larger</span> or
        <span class="eca-edu-less">▼ smaller</span> than by the paper's rule. Point at a cell to see why.</p>
        <div class="eca-edu-ways">${pair.map(([rule, steps], i) => html`<p style="border-color: ${inks[i]}">
          <b>${rule}</b> ${steps.map(([words], n) => html`${n ? "→" : ""} <span>${words}</span> `)}</p>`)}</div>
        ${landing(pair, view.width)}`,
      sentence: html`C = ${c}: t = ${short(way("paper", c)[0][1])}, and <b>the paper's rule gives k = ${k[0][at]}</b>;
        ${others ? `other rules give another: ${others}` : "all rules agree"}.`,
    };
  };
};
