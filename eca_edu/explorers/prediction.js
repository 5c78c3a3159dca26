// A guess is committed before the truth shows: numbers on a line, one of several options, an order, or a curve.

explorers.prediction = (view) => {
  const { kind, question, truth, because, reasons, unit, low, high, step, options, shown, x: names,
    not_graded: notGraded } = view.numbers;
  const ROW = kind === "numbers" ? 82 : 40;
  const resetAll = view.reset;
  view.reset = () => view.get("revealed") || resetAll(); // what was committed stays
  const digits = step ? Math.max(1, 1 - Math.floor(Math.log10(step))) : 0; // one more than an answer can have
  const text = (value) => `${short(value, digits)}${unit}`;
  const ordered = () => (view.get("answer").length ? view.get("answer") : shown);
  const inside = (value, from, to) => Math.min(to, Math.max(from, value));
  const sign = (right) => html`<b class=${right ? "eca-edu-right" : "eca-edu-missed"}>${right ? "✓" : "✗"}</b>`;

  /** A finger that scrolls the page must not answer: it takes the handle, or taps. A mouse presses anywhere. */
  const held = (start) => (event) => {
    if (event.pointerType === "mouse" || event.target.closest(".eca-edu-grip, .eca-edu-dots")) start(event);
  };

  const possible = (value) => snap(value, low, high, step);

  function guess(label, value) {
    if (!view.get("revealed")) view.set({ answer: { ...view.get("answer"), [label]: possible(value) } });
  }

  function line(label, row, x, [left, right]) {
    const [said, revealed, y, top] = [view.get("answer")[label], view.get("revealed"), ROW * row + 48, ROW * row + 14];
    const [is, stride, told] = [truth[label], Math.max(step, (high - low) / 100), revealed && !notGraded];
    const at = (value, words) => inside(x(value), 3.6 * words.length, right + left - 3.6 * words.length); // its middle
    const off = told ? Number((said - is).toPrecision(6)) : 0;
    const [saying, truly] = [said === undefined ? "" : `${revealed ? "you said " : ""}${text(said)}`, `it is ${text(is)}`];
    const tapped = ({ clientX, currentTarget }) => clientX - currentTarget.closest("svg").getBoundingClientRect().left;
    const first = (by) => (Number.isFinite(by) ? (low + high) / 2 : by); // an arrow key starts in the middle
    const arrow = (by) => guess(label, said === undefined ? first(by) : said + by * stride);
    return svg`<g class="eca-edu-guess" data-hover=${label} tabindex=${revealed ? nothing : 0} role="slider"
        aria-label=${label} aria-valuemin=${low} aria-valuemax=${high} aria-valuenow=${said ?? nothing}
        aria-valuetext=${said === undefined ? "no answer yet" : text(said)} @keydown=${arrows(arrow)}
        aria-disabled=${revealed} @pointerdown=${held(drag((place) => guess(label, x.invert(place.x))))}
        @click=${(event) => guess(label, x.invert(tapped(event)))}>
      <rect x="0" y=${y - 46} width=${right + left} height=${ROW - 4} fill="transparent"></rect>
      <text x="0" y=${top} font-weight="bold" font-size="13">${label}</text>
      <line x1=${left} x2=${right} y1=${y} y2=${y} stroke=${view.hover === label ? "var(--text)" : "var(--grey)"}
        stroke-width="2" stroke-linecap="round" stroke-dasharray=${said === undefined ? "1 6" : nothing}></line>
      ${told ? svg`<text x=${right + left} y=${top} text-anchor="end">
          ${off ? `${short(Math.abs(off), digits)} too ${off > 0 ? "high" : "low"}` : "exact"}</text>
        <line x1=${x(said)} x2=${x(is)} y1=${y} y2=${y} stroke="var(--orange)" stroke-width="6"></line>` : nothing}
      ${said === undefined ? nothing : svg`<text x=${at(said, saying)} y=${y - 14} text-anchor="middle">
          ${saying}</text>
        <g class="eca-edu-grip"><circle cx=${x(said)} cy=${y} r="20" class="eca-edu-reach"></circle>
          <circle cx=${x(said)} cy=${y} r="8"></circle></g>`}
      ${told ? svg`<path d="M${x(is)} ${y - 10}v20" stroke="var(--blue)" stroke-width="5"></path>
        <text x=${at(is, truly)} y=${y + 25} text-anchor="middle" font-weight="bold">${truly}</text>` : nothing}</g>`;
  }

  function numbers() {
    const [answer, labels, revealed] = [view.get("answer"), Object.keys(truth), view.get("revealed")];
    const width = Math.min(view.width, 760) - 68;
    const [left, right, bottom] = [12, width - 12, ROW * labels.length + 6];
    const x = linear([low, high], [left, right]);
    const written = (value) => (unit.length > 3 ? short(value, digits) : text(value)); // a long unit is not repeated
    const ticks = roundNumbers(low, high, width < 480 ? 4 : 8).map((value) => [value, written(value)]);
    const field = (label) => typed(view, `${label}, typed`,
      { value: answer[label], low, high, possible, placeholder: "?", set: (number) => guess(label, number) });
    return html`${drawing(width, bottom + 24, question, svg`
        ${axis("bottom", x, ticks, { at: bottom, from: left, to: right })}
        ${labels.map((label, row) => line(label, row, x, [left, right]))}`)}
      ${revealed ? nothing : html`<div>${labels.map((label) => html`<label style="height: ${ROW}px">${field(label)}</label>`)}</div>`}`;
  }

  function choices() {
    const [answer, revealed] = [view.get("answer"), view.get("revealed")];
    const words = (option) => (option !== truth ? "you said this" : answer === truth ? "right" : "this is right");
    const mark = (option) => html`<em>${sign(option === truth)} ${words(option)}</em>`;
    return options.map((option) => html`<label class=${option === answer ? "eca-edu-chosen" : nothing}><input type="radio" name=${view.get("key")} ?disabled=${revealed}
      .checked=${option === answer} @change=${() => view.set({ answer: option })}><span>${option}</span>
      ${revealed && [truth, answer].includes(option) ? mark(option) : nothing}</label>`);
  }

  function put(from, to, focus = ".eca-edu-handle") {
    const answer = [...ordered()];
    const [item] = answer.splice(from, 1);
    answer.splice(to, 0, item);
    view.look({ moved: item });
    view.set({ answer });
    view.root.querySelectorAll(focus)[to].focus(); // the focus goes with the item, at once: another key may come before a frame does
  }

  function order() {
    const last = truth.length - 1;
    const keyed = (from) => arrows((by) => put(from, inside(Number.isFinite(by) ? from - by : by, 0, last)));
    const dragged = (from) => {
      let now = from; // the element that is held stays where it was; the item moves on
      return drag(({ y }) => {
        const to = inside(from + Math.floor(y / ROW), 0, last);
        if (to !== now) put(now, to);
        now = to;
      });
    };
    const mover = (item, from, to, word, arrow) => html`<button type="button" class="eca-edu-${word}"
      aria-label="${item} ${word}" ?disabled=${to < 0 || to > last}
      @click=${() => put(from, to, `.eca-edu-${word}`)}>${arrow}</button>`;
    return html`<ol>${ordered().map((item, i) => html`<li>
      <button type="button" class="eca-edu-handle ${item === view.seen.moved ? "eca-edu-lit" : ""}" @keydown=${keyed(i)}
        aria-label="${item}, place ${i + 1} of ${last + 1}, moved by arrow keys" @pointerdown=${held(dragged(i))}>
        <span class="eca-edu-dots" aria-hidden="true">⠿</span>${item}</button>
      ${mover(item, i, i - 1, "up", "↑")}${mover(item, i, i + 1, "down", "↓")}</li>`)}</ol>`;
  }

  /** A curve is drawn from left to right; the first touch sets all of it, so that it is complete. */
  function curve() {
    const [answer, revealed, last] = [view.get("answer"), view.get("revealed"), names.length - 1];
    const [width, height, left] = [Math.min(view.width, 620), 240, 48];
    const [x, y] = [linear([0, last], [left, width - 16]), linear([low, high], [height, 10])];
    const put = (i, value) => view.set({ answer: truth.map((_, j) => (j === i ? possible(value) : answer[j] ?? possible(value))) });
    let before = null; // a fast hand leaves out columns: they lie on the line to where it is now
    const drawn = drag((place) => {
      const [i, value] = [inside(Math.round(x.invert(place.x)), 0, last), y.invert(place.y)];
      const from = before ?? { i, value };
      const now = view.get("answer");
      const between = (j) => (i === from.i ? value : from.value + ((value - from.value) * (j - from.i)) / (i - from.i));
      const passed = (j) => j >= Math.min(i, from.i) && j <= Math.max(i, from.i);
      before = { i, value };
      view.set({ answer: truth.map((_, j) => (passed(j) ? possible(between(j)) : now[j] ?? possible(value))) });
    });
    const pressed = (event) => {
      before = null;
      if (!revealed) drawn(event);
    };
    const stride = Math.max(step, (high - low) / 50);
    const keyed = (i) => arrows((by) => put(i, Number.isFinite(by) ? (answer[i] ?? (low + high) / 2) + by * stride : by > 0 ? high : low));
    const line = (values, colour) => svg`<path d=${path(values.map((value, i) => [x(i), y(value)]))} fill="none" stroke=${colour}
      stroke-width="3"></path>`;
    const place = (i) => svg`<circle class="eca-edu-column" cx=${x(i)} cy=${y(answer[i] ?? (low + high) / 2)} r="7" role="slider"
      aria-label=${names[i]} tabindex=${revealed ? nothing : 0} aria-disabled=${revealed} aria-valuemin=${low} aria-valuemax=${high}
      aria-valuenow=${answer[i] ?? nothing} aria-valuetext=${answer.length ? text(answer[i]) : "no answer yet"}
      fill=${answer.length ? "var(--vermilion)" : "transparent"} stroke="var(--line)" @keydown=${keyed(i)}></circle>`;
    return drawing(width, height + 26, question, svg`
      ${axis("bottom", x, names.map((name, i) => [i, name]), { at: height, from: left, to: width - 16 })}
      ${axis("left", y, roundNumbers(low, high, 5).map((value) => [value, text(value)]), { at: left, from: 10, to: height, grid: width - 16 })}
      ${line(answer, "var(--vermilion)")}
      <rect class="eca-edu-paper" x=${left} y="10" width=${width - 16 - left} height=${height - 10} fill="transparent" @pointerdown=${pressed}></rect>
      ${names.map((_, i) => place(i))}
      ${revealed ? svg`${line(truth, "var(--blue)")}
        <text x=${width - 20} y=${y(truth[last]) - 10} text-anchor="end" font-weight="bold">it is ${text(truth[last])}</text>` : nothing}`);
  }

  function rightOrder() {
    const [middle, lit] = [(place) => ROW * (place + 0.5), (item) => item === view.hover];
    const column = (name, items, mark) => html`<ol aria-label=${name}>${items.map((item, i) => html`<li
      class=${lit(item) ? "eca-edu-lit" : ""} data-hover=${item}>${mark(item, i)}<span>${item}</span></li>`)}</ol>`;
    return html`${column("your order", ordered(), (item, i) => sign(item === truth[i]))}
      ${drawing(56, ROW * truth.length, "from your order to the right one", ordered().map((item, i) => svg`<line
        x1="4" x2="52" y1=${middle(i)} y2=${middle(truth.indexOf(item))} stroke-width=${lit(item) ? 4 : 2}
        data-hover=${item} stroke=${item === truth[i] ? "var(--green)" : "var(--vermilion)"}></line>`))}
      ${column("the right order", truth, (item, i) => html`<b>${i + 1}</b>`)}`;
  }

  const how = { numbers: "Click on each line, or type.", choice: "Choose one.", order: "Drag an item, press its ↑ or ↓ button, or use the arrow keys.",
    curve: "Draw it from left to right, or use Tab and arrows." }[kind];
  const said = {
    numbers: (answer) => Object.entries(answer).map(([label, number]) => `${label} ${text(number)}`).join(", "),
    choice: (answer) => bare(answer),
    order: (answer) => answer.join(", "),
    curve: (answer) => answer.length === 0 ? "" : `from ${text(answer[0])} to ${text(answer.at(-1))}`,
  }[kind];
  const compared = {
    numbers: (answer) => Object.keys(truth).map((label, i) => html`${i ? "; " : ""}${label}: you said
      ${text(answer[label])}, it is <b>${text(truth[label])}</b>`),
    choice: (answer) => html`You said: ${bare(answer)}. ${answer === truth ? html`<b>Right</b>` : html`Right is: <b>${bare(truth)}</b>`}`,
    order: (answer) => html`${answer.filter((item, i) => item === truth[i]).length} of ${truth.length} stand where they
      belong; the right order is <b>${truth.join(", ")}</b>`,
    curve: (answer) => html`At the end you said ${text(answer.at(-1))}, it is <b>${text(truth.at(-1))}</b>; in the mean
      you were ${short(truth.reduce((sum, is, i) => sum + Math.abs(is - answer[i]), 0) / truth.length, 1)}${unit} off`,
  }[kind];
  const bare = (option) => option.replace(/\.$/, ""); // some options are sentences
  const why = (answer) => because || [...new Set([answer, truth])].map((option) => reasons?.[option]).join(" ");

  return () => {
    const [answer, revealed] = [view.get("answer"), view.get("revealed")];
    const complete = Object.keys(answer).length >= (kind === "numbers" ? Object.keys(truth).length : 1);
    const picture = { numbers, choice: choices, curve, order: revealed ? rightOrder : order }[kind];
    const body = html`<div class="eca-edu-prediction eca-edu-ask-${kind} ${revealed ? "eca-edu-committed" : ""}"
      role="group" aria-label=${question} @dblclick=${(event) => event.stopPropagation()}>${picture()}</div>`;
    return {
      asks: !revealed,
      controls: html`<p class="eca-edu-question"><b>${view.numbers.title ?? "Predict:"}</b> ${question}</p>`,
      body,
      picture: html`${body}
        ${kind === "numbers" ? Object.keys(truth).map((label) => noteOn(view, `${label}, typed`)) : nothing}
        ${revealed ? nothing : html`<button type="button" class="eca-edu-main" ?disabled=${!complete}
        @click=${() => view.set({ revealed: true })}>Reveal</button>`}`,
      sentence: revealed && notGraded ? html`You said: ${said(answer)}. <b>Not graded.</b> ${notGraded} ${because}`
        : revealed ? html`${compared(answer)}. ${why(answer)}`
        : html`${said(answer) && `You ${view.numbers.title === undefined ? "predict" : "say"}: ${said(answer)}. `}
          ${complete ? html`Press <b>Reveal</b>; then it stays.` : how}`,
    };
  };
};
