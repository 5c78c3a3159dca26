// Slide the kernel over the channels; drag an average, a weight, or the kernel along. What follows is computed at once.

explorers.convolution = (view) => {
  const { reach, kernel_reach: kernelReach } = view.numbers;
  const PACE = 900; // ms for each channel while it plays
  const rounded = (value, step) => Number((Math.round(value / step) * step).toFixed(3));
  const number = (value) => String(Number(value.toFixed(3)) + 0).replace("-", "−");

  /** The average that stands at a place, also beyond the ends. */
  function at(place) {
    const y = view.get("y");
    if (view.get("padding") === "circular") return y[(place + y.length) % y.length];
    return y[place] ?? 0;
  }

  const logit = (i) => view.get("kernel").reduce((sum, weight, j) => sum + weight * at(i + j - (view.get("kernel").length - 1) / 2), 0);
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));

  function setOne(name, i, value) {
    const values = [...view.get(name)];
    values[i] = value;
    view.set({ [name]: values });
  }

  function go(by) {
    const last = view.get("y").length - 1;
    view.set({ channel: Math.min(last, Math.max(0, view.get("channel") + by)) });
  }

  /** Play on from the channel that is shown; at the last one it ends, or begins again. */
  function play() {
    const last = view.get("y").length - 1;
    view.look({ playing: true });
    const tick = () => {
      if (!view.seen.playing || !view.root.isConnected) return;
      if (view.get("channel") < last) go(1);
      else if (view.get("loop")) view.set({ channel: 0 });
      else return view.look({ playing: false });
      setTimeout(tick, view.numbers.pace ?? PACE);
    };
    if (view.get("channel") === last) view.set({ channel: 0 });
    setTimeout(tick, view.numbers.pace ?? PACE);
  }

  /** For what stands in the box of the kernel: dragged sideways it takes the box `along`; else, or if it is clicked, `lift`. */
  const sideways = (along, lift) => (event) => {
    let way = null;
    drag((place) => {
      const [across, down] = [Math.abs(place.dx), Math.abs(place.dy)];
      if (across + down > 3) way ??= across > down ? along() : lift;
      if (place.done) way ??= lift;
      way?.(place);
    })(event);
  };

  /** A bar from zero that is dragged up and down, with its number above or below. */
  function bar({ x, wide, middle, high, value, most, name, set, color, ghost, lit, along }) {
    const y = linear([-most, most], [middle + high, middle - high]);
    const step = most > 2 ? 0.25 : 0.125;
    const to = (wanted) => set(Math.min(2 * most, Math.max(-2 * most, rounded(wanted, step))));
    const place = Math.max(middle - high - 4, Math.min(middle + high + 4, y(value)));
    const lift = ({ y: py }) => to(Math.min(most, Math.max(-most, y.invert(py))));
    const keys = arrows((by) => Number.isFinite(by) && to(value + by * step));
    const touch = ghost ? {} : { move: along ? sideways(along, lift) : drag(lift), keys };
    return svg`<g class=${ghost ? "" : "eca-edu-pull"} pointer-events=${ghost ? "none" : nothing} tabindex=${ghost ? nothing : 0}
        role=${ghost ? nothing : "slider"} aria-label=${ghost ? nothing : name}
        aria-valuenow=${ghost ? nothing : value} @pointerdown=${touch.move} @keydown=${touch.keys}>
      <rect x=${x - wide / 2} width=${wide} y=${middle - high - 12} height=${2 * high + 24} fill=${lit ? "var(--panel)" : "transparent"}></rect>
      <rect x=${x - wide * 0.28} width=${wide * 0.56} y=${Math.min(middle, place)} height=${Math.max(1, Math.abs(place - middle))} fill=${color}
        opacity=${ghost ? 0.35 : 1} stroke-dasharray="3 2" stroke=${ghost ? "var(--text)" : "none"}></rect>
      <text x=${x} y=${value < 0 ? place + 14 : place - 5} text-anchor="middle" style=${ghost ? "fill: var(--quiet)" : ""}>${number(value)}</text></g>`;
  }

  function picture(width) {
    const [y, kernel, channel, ring] = [view.get("y"), view.get("kernel"), view.get("channel"), view.get("padding") === "circular"];
    const margin = (kernel.length - 1) / 2;
    const left = width < 480 ? 46 : 62;
    const wide = Math.min(78, (width - left - 6) / (y.length + 2 * margin));
    const brief = (value) => (wide < 36 ? String(Number(value.toFixed(1)) + 0) : value.toFixed(2)).replace("-", "−"); // or they would touch
    const x = (place) => left + (place + margin + 0.5) * wide;
    const places = [...Array(y.length + 2 * margin).keys()].map((i) => i - margin);
    const met = (place) => Math.abs(place - channel) <= margin;
    const [from, to] = [x(-0.5), x(y.length - 0.5)];
    const along = () => {
      const from = view.get("channel");
      return ({ dx }) => view.set({ channel: Math.min(y.length - 1, Math.max(0, from + Math.round(dx / wide))) });
    };
    return drawing(width, 372, "averages, kernel, logits and channel weights", svg`
      ${[["y", 66], ["kernel", 178], ["product", 240], ["logit", 274], ["ω", 326]].map(([name, place]) => svg`<text x="0" y=${place}>${name}</text>`)}
      ${y.map((_, i) => svg`<text x=${x(i)} y="12" text-anchor="middle" style="fill: var(--quiet)">${i}</text>`)}
      ${ring && margin ? svg`<path d=${`M${from} 126 C${from - 26} 142 ${to + 26} 142 ${to} 126`} fill="none" stroke="var(--green)" stroke-width="2"></path>
        <text x=${(from + to) / 2} y="136" text-anchor="middle" style="fill: var(--quiet)">the ends meet</text>` : nothing}
      <g class="eca-edu-pull" role="slider" tabindex="0" aria-label="kernel, along the channels" aria-valuenow=${channel}
          @pointerdown=${(event) => drag(along())(event)} @keydown=${arrows((by) => go(Number.isFinite(by) ? by : by * 99))}>
        <rect x=${x(channel - margin - 0.5)} width=${kernel.length * wide} y="20" height="228" rx="5"
          fill="var(--blue)" fill-opacity="0.1" stroke="var(--blue)"></rect></g>
      <line x1=${from} x2=${to} y1="70" y2="70" stroke="var(--line)"></line>
      ${places.map((place) => bar({ x: x(place), wide, middle: 70, high: 36, value: at(place), most: reach, ghost: place < 0 || place >= y.length,
        color: met(place) ? "var(--blue)" : "var(--grey)", name: `average of channel ${place}`, along: met(place) && along,
        set: (value) => setOne("y", place, value) }))}
      ${kernel.map((weight, j) => bar({ x: x(channel + j - margin), wide, middle: 176, high: 26, value: weight, most: kernelReach, color: "var(--orange)",
        name: `weight ${j} of the kernel`, along, set: (value) => setOne("kernel", j, value) }))}
      ${kernel.map((weight, j) => {
        const product = weight * at(channel + j - margin);
        return svg`<text x=${x(channel + j - margin)} y="240" text-anchor="middle" pointer-events="none">
          ${wide < 36 ? brief(product) : number(product)}</text>`;
      })}
      ${y.map((_, i) => {
        const omega = sigmoid(logit(i));
        return svg`<g data-hover=${`channel ${i}`} @click=${() => view.set({ channel: i })}>
          <rect x=${x(i) - wide / 2} width=${wide} y="256" height="108" stroke-width="2"
            fill=${i === channel ? "var(--panel)" : "transparent"} stroke=${i === channel ? "var(--vermilion)" : "none"}></rect>
          <text x=${x(i)} y="274" text-anchor="middle">${brief(logit(i))}</text>
          <rect x=${x(i) - wide * 0.28} width=${wide * 0.56} y=${346 - 52 * omega} height=${52 * omega} fill="var(--vermilion)"></rect>
          <text x=${x(i)} y="360" text-anchor="middle">${omega.toFixed(2)}</text></g>`;
      })}`);
  }

  return () => {
    const [kernel, channel] = [view.get("kernel"), view.get("channel")];
    const last = view.get("y").length - 1;
    const margin = (kernel.length - 1) / 2;
    const value = logit(channel);
    const sum = products(kernel.map((weight, j) => [weight, at(channel + j - margin)]), value, 3);
    return {
      controls: html`${view.seen.playing ? button("Stop", () => view.look({ playing: false })) : button("Play", play)}
        ${button("Back", () => go(-1), channel === 0)}${button("Forward", () => go(1), channel === last)}
        ${slider(view, "channel", { label: "channel", min: 0, max: last })}
        ${switches(view, "padding", { label: "the ends", options: [["zeros", "zeros"], ["circular", "circular"]] })}
        ${switches(view, "loop", { label: "at the last", options: [[false, "end"], [true, "again"]] })}`,
      picture: picture(view.width),
      sentence: html`Channel ${channel}: ${sum} = ${number(value)}, and its weight is <b>ω = σ(${number(value)}) = ${sigmoid(value).toFixed(2)}</b>.`,
    };
  };
};
