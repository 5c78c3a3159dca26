// A trained network, run anew from the gate that is touched: drag weights, change whole gates, turn the stripes.

const KINDS = { own: "its own", open: "all 1", closed: "all 0", mean: "mean of all images", other: "of another image" };

explorers.live_network = (view) => {
  const { networks, means, classes, size, mean, std } = view.numbers;
  const [height, width] = size;
  const made = Object.fromEntries(Object.entries(networks).map(([name, numbers]) => [name, makeNetwork(numbers)]));
  const untouched = new Map(); // what a network does by itself, for each picture that was looked at
  let last = null; // what it did in the frame before, from which the next one goes on

  const pictures = () => view.get("pictures");
  const pixelsOf = memo((image, turned) => decode(pictures()[image].pixels[Number(turned)], Uint8Array));
  /** (3, H, W) -> (H, W, 3), as the screen wants it. */
  const shownOf = memo((image, turned) => {
    const pixels = pixelsOf(image, turned);
    return Uint8Array.from(pixels, (_, i) => pixels[(i % 3) * height * width + Math.floor(i / 3)]);
  });

  function memo(make) {
    const known = new Map();
    return (...names) => {
      const name = names.join(" ");
      if (!known.has(name)) known.set(name, make(...names));
      return known.get(name);
    };
  }

  function natural(name, image, turned) {
    const place = `${name} ${image} ${turned}`;
    if (!untouched.has(place)) {
      const x = Float32Array.from(pixelsOf(image, turned), (pixel, i) => {
        const channel = Math.floor(i / (height * width));
        return (pixel / 255 - mean[channel]) / std[channel];
      });
      untouched.set(place, made[name].forward(x, {}, height, width));
    }
    return untouched.get(place);
  }

  /** The weights that a change makes of a gate's own. */
  function changed(name, block, change) {
    const [image, turned] = [view.get("image"), view.get("turned")];
    return (own) => {
      const far = (image + Math.floor(pictures().length / 2)) % pictures().length; // in the other context, if there is one
      const other = () => natural(name, far, turned).omega[block];
      const whole = { own: () => own, open: () => own.map(() => 1), closed: () => own.map(() => 0), mean: () => means[name][block], other };
      const weights = Float32Array.from(whole[change.kind ?? "own"]());
      for (const [channel, weight] of Object.entries(change.channels ?? {})) weights[channel] = weight;
      return weights;
    };
  }

  /** What the network does with all changes; only what follows the first one that is new is computed. */
  function run(name) {
    const start = natural(name, view.get("image"), view.get("turned"));
    const changes = view.get("changes");
    const said = made[name].blocks.map((block) => JSON.stringify(changes[block] ?? {}));
    if (last?.start !== start) last = { start, state: start, said: made[name].blocks.map(() => "{}") };
    const first = said.findIndex((text, i) => text !== last.said[i]);
    if (first < 0) return last.state;
    const functions = Object.fromEntries(Object.entries(changes).map(([block, change]) => [block, changed(name, block, change)]));
    last = { start, said, state: made[name].rerun(last.state, made[name].blocks[first], functions) };
    return last.state;
  }

  function setChange(block, change) {
    const changes = { ...view.get("changes"), [block]: { ...view.get("changes")[block], ...change } };
    view.set({ changes });
  }

  function paint(block, channel, weight) {
    const rounded = Math.round(100 * Math.min(1, Math.max(0, weight))) / 100;
    view.seen.channel = `${block} ${channel}`;
    setChange(block, { channels: { ...view.get("changes")[block]?.channels, [channel]: rounded } });
  }

  function thumbnails() {
    const rows = Map.groupBy(pictures().map((picture, i) => ({ ...picture, i })), ({ context }) => context);
    return html`<div class="eca-edu-thumbnails" role="group" aria-label="images">${[...rows.values()].map((row) => html`<div>${row.map(({ i, index }) => html`
      <button type="button" aria-pressed=${i === view.get("image")} aria-label=${`image ${index}: ${classes[pictures()[i].labels[0]]}`}
        @click=${() => view.set({ image: i, turned: false, beside: -1 })}>
        <eca-edu-map .shown=${{ pixels: shownOf(i, false), height, width }}></eca-edu-map></button>`)}</div>`)}</div>`;
  }

  function picture(image, turned, words) {
    const of = pictures()[image];
    return html`<figure><eca-edu-map class="eca-edu-large" role="img" aria-label=${`${words}, image ${of.index}`}
      .shown=${{ pixels: shownOf(image, turned), height, width }}></eca-edu-map>
      <figcaption>${words}: <b>${classes[of.labels[Number(turned)]]}</b></figcaption></figure>`;
  }

  /** One column for each channel: its weight as a bar that can be dragged, and below it its map times the weight. */
  function blockRow(name, block, state, reference, wide) {
    const { channels, height: h, width: w } = state.maps[`${block}.branch`];
    const [omega, own] = [state.used[block], reference.omega[block]];
    const column = wide / channels;
    const top = 46;
    const change = view.get("changes")[block] ?? {};
    const at = Number(view.seen.channel?.startsWith(`${block} `) ? view.seen.channel.split(" ")[1] : 0);
    const lit = view.hover?.startsWith(`${block} `) ? Number(view.hover.split(" ")[1]) : null;
    const touch = drag(({ x, y }) => paint(block, Math.min(channels - 1, Math.max(0, Math.floor(x / column))), 1 - y / top));
    const keys = (event) => {
      const to = { ArrowLeft: Math.max(0, at - 1), ArrowRight: Math.min(channels - 1, at + 1), Home: 0, End: channels - 1 }[event.key];
      const step = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key];
      if (to === undefined && step === undefined) return;
      event.preventDefault();
      view.hover = `${block} ${to ?? at}`;
      view.look({ channel: `${block} ${to ?? at}` });
      if (step) paint(block, at, omega[at] + step);
    };
    const bars = omega && svg`<rect width=${wide} height=${top} fill="var(--panel)"></rect>
      <line x2=${wide} y1=${top / 2} y2=${top / 2} stroke="var(--line)"></line>
      ${[...omega].map((weight, i) => svg`<g data-hover=${`${block} ${i}`}><rect x=${i * column} width=${column} height=${top} fill="transparent"></rect>
        <rect x=${(i + 0.1) * column} width=${0.8 * column} y=${top * (1 - weight)} height=${Math.max(0.5, top * weight)}
          fill=${i === lit ? "var(--vermilion)" : change.channels?.[i] === undefined ? "var(--blue)" : "var(--orange)"}></rect>
        <line x1=${i * column} x2=${(i + 1) * column} y1=${top * (1 - own[i])} y2=${top * (1 - own[i])} stroke="var(--text)" stroke-width="1.5"></line></g>`)}`;
    const kinds = Object.entries(KINDS);
    return html`<section style=${`width: ${wide}px`}><header><b>${block}</b> <span>${channels} channels of ${h} × ${w}${omega ? "" : ", no gate"}</span>
        ${omega ? html`<select aria-label=${`weights of ${block}`} @change=${({ target }) => setChange(block, { kind: kinds[target.selectedIndex][0], channels: {} })}>
          ${kinds.map(([kind, text]) => html`<option .selected=${kind === (change.kind ?? "own")}>ω: ${text}</option>`)}</select>` : nothing}</header>
      ${omega ? html`<svg width=${wide} height=${top} tabindex="0" role="slider" aria-label=${`${block}: channel ${at}, its weight`} aria-valuemin="0"
        aria-valuemax="1" aria-valuenow=${short(omega[at])} class="eca-edu-bars" @pointerdown=${touch} @keydown=${keys}>${bars}</svg>` : nothing}
      <eca-edu-map class="eca-edu-row" style=${`width: ${wide}px; height: ${Math.round((column * h) / w)}px`} role="img"
        aria-label=${`the ${channels} maps of ${block}, each times its weight`} .shown=${side(state.maps[`${block}.branch`], omega)}></eca-edu-map></section>`;
  }

  /** All maps of a block side by side, each times its weight. */
  function side(map, omega) {
    const { channels, height: h, width: w } = map;
    const values = new Float32Array(channels * h * (w + 1)).fill(NaN); // a gap of one pixel beside each map
    let reach = 0;
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < h * w; i++) {
        const value = map[c * h * w + i];
        reach = Math.max(reach, Math.abs(value));
        values[Math.floor(i / w) * channels * (w + 1) + c * (w + 1) + (i % w)] = value * (omega ? omega[c] : 1);
      }
    }
    return { values, height: h, width: channels * (w + 1), scale: "signed", low: -reach, high: reach };
  }

  function probabilities(state, reference, wide) {
    const x = linear([0, 1], [92, wide - 44]);
    return drawing(wide, 22 * classes.length + 4, "probability of each class", classes.map((text, i) => {
      const [now, before, y] = [state.probabilities[i], reference.probabilities[i], 22 * i + 4];
      return svg`<g data-hover=${`class ${i}`}><text x="86" y=${y + 12} text-anchor="end" font-weight=${i === argmax(state.probabilities) ? "bold" : "normal"}>${clipped(text)}
          <title>${text}</title></text>
        <rect x=${x(0)} y=${y} width=${x(1) - x(0)} height="15" fill="var(--panel)"></rect>
        <rect x=${x(0)} y=${y} width=${x(now) - x(0)} height="15" fill="var(--blue)"></rect>
        <line x1=${x(before)} x2=${x(before)} y1=${y - 2} y2=${y + 17} stroke="var(--text)" stroke-width="2"></line>
        <text x=${x(1) + 5} y=${y + 12}>${percent(now)}</text></g>`;
    }));
  }

  const argmax = (values) => values.indexOf(Math.max(...values));
  const clipped = (text) => (text.length > 13 ? `${text.slice(0, 12)}…` : text);
  const percent = (share) => `${Math.round(100 * share)} %`;

  /** The touched channel, larger, and how its weight came about. */
  function detail(name, state) {
    const gated = (place) => state.omega[place?.split(" ")[0]];
    const place = [view.hover, view.seen.channel, `${made[name].blocks[0]} 0`].find(gated);
    if (!place) return nothing; // a network without gates
    const [block, number] = place.split(" ");
    const c = Number(number);
    const map = state.maps[`${block}.branch`];
    const values = map.subarray(c * map.height * map.width, (c + 1) * map.height * map.width);
    const reach = Math.max(...map.map(Math.abs));
    return html`<figure class="eca-edu-detail"><eca-edu-map class="eca-edu-large" role="img" aria-label=${`channel ${c} of ${block}`}
      .shown=${{ values, height: map.height, width: map.width, scale: "signed", low: -reach, high: reach }}></eca-edu-map>
      <figcaption><b>${block}, channel ${c}</b><br>average ${short(state.y[block][c])} → logit ${short(state.logits[block][c])}
        → ω = ${short(state.omega[block][c])}${state.used[block][c] === state.omega[block][c] ? "" : `, set to ${short(state.used[block][c])}`}
        <br>${key("signed", -reach, reach, "maps")}</figcaption></figure>`;
  }

  function said(name, state, reference, beside) {
    const [image, turned] = [view.get("image"), view.get("turned")];
    const right = classes[pictures()[image].labels[Number(turned)]];
    const [now, before] = [argmax(state.probabilities), argmax(reference.probabilities)];
    const touched = made[name].blocks.filter((block) => {
      const change = view.get("changes")[block];
      return change && (change.kind !== "own" || Object.keys(change.channels ?? {}).length) && state.used[block];
    });
    const answer = html`it says <b>${classes[now]}</b> (${percent(state.probabilities[now])})`;
    const start = `${name === "network" ? "" : `${name}, `}image ${pictures()[image].index}${turned ? " with its stripes turned" : ""}: the right answer is ${right}`;
    if (beside) return html`${start}, and ${answer}; the picture beside it, it calls <b>${classes[before]}</b>. Lines: weights and probabilities of that one.`;
    if (!touched.length) return html`${start}, and ${answer}.`;
    const own = natural(name, image, turned);
    return html`${start}. With other weights in ${touched.join(" and ")} ${answer}; with its own ${classes[argmax(own.probabilities)]}
      (${percent(Math.max(...own.probabilities))}). Lines: untouched.`;
  }

  return () => {
    const [name, image, turned, beside] = ["network", "image", "turned", "beside"].map(view.get);
    const state = run(name);
    const other = beside >= 0 ? [beside % pictures().length, beside >= pictures().length] : [image, turned];
    const reference = natural(name, ...other);
    const canTurn = pictures()[image].pixels.length > 1;
    const narrow = view.width < 560;
    const left = narrow ? 112 : 124;
    const right = narrow ? view.width - left - 18 : Math.min(230, Math.round(view.width * 0.3));
    const middle = narrow ? view.width : view.width - left - right - 32;
    const turn = () => view.set({ turned: !turned, beside: image + (turned ? pictures().length : 0) });
    const last = view.numbers.images - 1;
    const ask = (number) => {
      const shown = pictures().findIndex(({ index }) => index === number);
      view.set(shown < 0 ? { asked: number } : { image: shown, turned: false, beside: -1 });
    };
    const asking = { low: 0, high: last, whole: true, set: ask,
      possible: (number) => (Number.isInteger(number) && number >= 0 && number <= last ? number : undefined) };
    const anyImage = html`<span class="eca-edu-choice"><span>any of ${last + 1}</span>${typed(view, "number of an image", asking)}${noteOn(view, "number of an image")}</span>`;
    const keep = () => view.set({ beside: image + (turned ? pictures().length : 0) });
    return {
      controls: html`${Object.keys(networks).length > 1 ? switches(view, "network", { label: "network", options: Object.keys(networks) }) : nothing}
        ${canTurn ? html`<button type="button" class="eca-edu-main" @click=${turn}>Turn the stripes</button>` : nothing}
        ${beside >= 0 ? button("Nothing beside", () => view.set({ beside: -1 })) : button("Keep this one beside", keep)}
        ${view.lost ? html`<span>To see any of the ${last + 1} images, run this cell again.</span>` : view.model.still ? nothing : anyImage}`,
      picture: html`${thumbnails()}<div class="eca-edu-live">
        <div style=${`width: ${left}px`}>${picture(image, turned, "right")}
          ${beside >= 0 ? picture(...other, "beside") : narrow ? nothing : detail(name, state)}</div>
        <div style=${`order: ${narrow ? 1 : 0}`}>${made[name].blocks.map((block) => blockRow(name, block, state, reference, middle))}</div>
        <div style=${`width: ${right}px`}>${probabilities(state, reference, right)}${beside >= 0 || narrow ? detail(name, state) : nothing}</div></div>`,
      sentence: said(name, state, reference, beside >= 0),
    };
  };
};
