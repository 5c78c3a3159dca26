// What was predicted against what is true: each number as a point in its own range, each choice and order as a sign.

explorers.summary = (view) => {
  document.addEventListener("eca-edu-kept", view.draw);
  const share = ({ low, high }, value) => (value - low) / (high - low);
  const forget = () => {
    for (const name of Object.keys(view.numbers.names)) localStorage.removeItem(`eca-edu prediction ${name}`);
    location.reload();
  };

  /** All that is committed: [{ name, chapter, question, pairs: [[said, is], …] of 0 to 1, right: the share that is, words }]. */
  function committed() {
    const { names, kept } = view.numbers;
    const here = view.model.still ? Object.keys(names).map((name) => [name, remembered(`prediction ${name}`)]) : [];
    const stills = here.filter(([, said]) => said?.revealed).map(([name, { numbersThen, answer }]) => [name, { asked: numbersThen, answer }]);
    return Object.entries({ ...kept, ...Object.fromEntries(stills) }).map(([name, { asked, answer }]) => {
      const { kind, truth, unit } = asked;
      if (asked.not_graded) return { name, pairs: [], right: null };
      const labels = kind === "numbers" ? Object.keys(truth) : kind === "curve" ? truth.map((_, i) => i) : [];
      const pairs = labels.map((label) => [share(asked, answer[label]), share(asked, truth[label])]);
      const same = kind === "order" ? answer.filter((item, i) => item === truth[i]).length / truth.length : Number(answer === truth);
      const text = (all) => labels.map((label) => `${short(all[label])}${unit}`).join(", ") || [].concat(all).join(", ");
      return { name, chapter: names[name], question: asked.question, pairs, right: labels.length ? null : same,
        words: `you said ${text(answer)}; it is ${text(truth)}` };
    });
  }

  function scatter(numbers, lit) {
    const [side, left] = [Math.min(view.width - 60, 260), 44];
    const [x, y] = [linear([0, 1], [left, left + side]), linear([0, 1], [side + 8, 8])];
    const ticks = [[0, "least"], [1, "most"]];
    return drawing(left + side + 16, side + 50, "numbers: what you said over what it is", svg`
      ${axis("bottom", x, ticks, { at: side + 8, from: left, to: left + side, label: "it is" })}
      ${axis("left", y, ticks, { at: left, from: 8, to: side + 8 })}
      <text x=${left + 6} y="20">you said</text>
      <path d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}" stroke="var(--grey)" stroke-dasharray="4 4"></path>
      ${numbers.map(({ name, pairs }) => pairs.map(([said, is]) => svg`<circle cx=${x(is)} cy=${y(said)} r=${lit(name) ? 8 : 5}
        data-hover=${name} fill="var(--blue)" fill-opacity=${lit(name) ? 1 : 0.6}></circle>`))}`);
  }

  return () => {
    const all = committed();
    const lit = (name) => name === view.hover;
    const numbers = all.filter(({ pairs }) => pairs.length);
    const others = all.filter(({ right }) => right !== null);
    const off = numbers.flatMap(({ pairs }) => pairs.map(([said, is]) => Math.abs(said - is))).sort((a, b) => a - b);
    const sign = ({ name, right, question }) => html`<span class="eca-edu-sign ${lit(name) ? "eca-edu-lit" : ""}" tabindex="0" role="img"
      data-hover=${name} aria-label=${`${question}: ${right === 1 ? "right" : "missed"}`}><b
      class=${right === 1 ? "eca-edu-right" : "eca-edu-missed"}>${right === 1 ? "✓" : "✗"}</b></span>`;
    const at = all.find(({ name }) => lit(name));
    const summary = [
      others.length && `${others.filter(({ right }) => right === 1).length} of ${others.length} choices and orders are right`,
      off.length && `half of your numbers lie within ${Math.round(100 * off[Math.ceil(off.length / 2) - 1])} % of their range`,
    ].filter(Boolean).join("; ");
    return {
      controls: html`<b>Predicted and true</b> ${all.length} of ${Object.keys(view.numbers.names).length} predictions
        ${view.model.still ? button("Forget them", forget, !all.length) : nothing}`,
      picture: html`${numbers.length ? scatter(numbers, lit) : nothing}<div class="eca-edu-signs">${others.map(sign)}</div>`,
      sentence: at ? html`<b>${at.chapter}</b> ${at.question} ${at.words}.`
        : summary ? `${summary}. On the dashed line you said what is true.`
          : `Nothing is ${all.length ? "graded" : "predicted"} yet.`,
    };
  };
};
