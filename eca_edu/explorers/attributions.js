// Which pixels counted? Point at one for its value in every method; two lights say how far a map can be trusted.

explorers.attributions = (view) => {
  const { layers, methods, targets, classes, labels, indices, size, pixels, masks, answers, probabilities, found } = view.numbers;
  const [height, width] = size;
  const SIGNS = { good: ["✓", "var(--green)"], bad: ["✗", "var(--vermilion)"], none: ["–", "var(--grey)"] };
  const known = new Map();

  /** Numbers of base64 as bytes of a kind, decoded once: the same object is the same picture. */
  function bytes(text, Kind = Uint8Array) {
    if (!known.has(text)) known.set(text, decode(text, Kind));
    return known.get(text);
  }

  /** What was found by a method with the settings as they are; those that it does not take play no part. */
  function of(method) {
    const takes = methods[method];
    const count = takes.steps.findLast((number) => number <= view.get("steps")) ?? 0;
    const layer = takes.layer ? view.get("layer") : "";
    return found[`${method}|${view.get("target")}|${layer}|${count}`];
  }

  const valueAt = (map, i) => (bytes(map.values, Int8Array)[i] / 127) * map.reach;

  function border() {
    const mask = masks && view.get("outline") ? bytes(masks[view.get("image")]) : null;
    if (!mask) return "";
    const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x];
    let line = "";
    for (let y = 0; y <= height; y++) {
      for (let x = 0; x <= width; x++) {
        if (inside(x, y) !== inside(x, y - 1) && !(!inside(x, y) && !inside(x, y - 1))) line += `M${x} ${y}h1`;
        if (inside(x, y) !== inside(x - 1, y) && !(!inside(x, y) && !inside(x - 1, y))) line += `M${x} ${y}v1`;
      }
    }
    return line;
  }

  function pick(side) {
    return ({ clientX, clientY, currentTarget }) => {
      const box = currentTarget.getBoundingClientRect();
      const place = (at, from, count) => Math.min(count - 1, Math.max(0, Math.floor(((at - from) / side) * count)));
      view.look({ pixel: [place(clientX, box.left, width), place(clientY, box.top, height)] });
    };
  }

  function step(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const [x, y] = view.seen.pixel ?? [Math.floor(width / 2), Math.floor(height / 2)];
    view.look({ pixel: [Math.min(width - 1, Math.max(0, x + by[0])), Math.min(height - 1, Math.max(0, y + by[1]))] });
  }

  /** An image or a map, with the outline of the mask and the pixel that is pointed at; `over` is laid over an image. */
  function square(title, side, shown, over) {
    const [x, y] = view.seen.pixel ?? [];
    return html`<figure style=${`width: ${side}px`}><figcaption>${title}</figcaption>
      <div class="eca-edu-stack" style=${`width: ${side}px; height: ${side}px`} tabindex="0" role="img" aria-label=${`${title}; arrow keys move the pixel`}
        @pointermove=${pick(side)} @pointerdown=${pick(side)} @keydown=${step}>
        <eca-edu-map .shown=${shown}></eca-edu-map>${over ? html`<eca-edu-map style=${`opacity: ${view.get("blend")}`} .shown=${over}></eca-edu-map>` : nothing}
        <svg viewBox=${`0 0 ${width} ${height}`} width=${side} height=${side} preserveAspectRatio="none">
          <path d=${border()} fill="none" stroke="#000" stroke-width=${width / side} ></path>
          ${x === undefined ? nothing : svg`<rect x=${x} y=${y} width="1" height="1" fill="none" stroke="var(--vermilion)" stroke-width=${(2 * width) / side}></rect>`}
        </svg></div></figure>`;
  }

  const shownMap = (map) => ({ values: bytes(map.values, Int8Array), height, width, scale: "signed", low: -127, high: 127 });

  /** The channels of a gate as bars around 0. */
  function channels(title, map, wide) {
    const values = [...bytes(map.values, Int8Array)].map((value) => (value / 127) * map.reach);
    const y = linear([-1, 1], [104, 8]);
    const column = (wide - 4) / values.length;
    const lit = view.hover?.startsWith("channel") ? Number(view.hover.split(" ")[1]) : null;
    return html`<figure style=${`width: ${wide}px`}><figcaption>${title}, ± ${map.reach.toPrecision(2)}</figcaption>
      ${drawing(wide, 130, title, svg`<line x2=${wide} y1=${y(0)} y2=${y(0)} stroke="var(--line)"></line>
        ${values.map((value, i) => {
          const share = map.reach ? value / map.reach : 0;
          return svg`<g data-hover=${`channel ${i}`}><rect x=${i * column} width=${column} height="112" fill="transparent"></rect>
            <rect x=${(i + 0.1) * column} width=${0.8 * column} y=${y(Math.max(0, share))} height=${Math.abs(y(share) - y(0))}
              fill=${i === lit ? "var(--vermilion)" : share < 0 ? "var(--purple)" : "var(--orange)"}></rect></g>`;
        })}
        <text x="0" y="126">${lit === null ? "point at a channel" : `channel ${lit}: ${short(values[lit], 3)}`}</text>`)}</figure>`;
  }

  /** The pixel that is pointed at, in every method: each on its own scale, for their units differ. */
  function everywhere(wide) {
    const [x, y] = view.seen.pixel ?? [];
    const image = view.get("image");
    const place = linear([-1, 1], [140, wide - 62]);
    const names = Object.keys(methods).filter((name) => name !== "gate");
    return html`<figure style=${`width: ${wide}px`}><figcaption>${x === undefined ? "Point at a pixel for its value in every method." : `Pixel (${x}, ${y}) in every method, each on its own scale`}</figcaption>
      ${drawing(wide, 20 * names.length + 4, "the pixel in every method", names.map((name, i) => {
        const map = of(name)[image].maps[0];
        const value = x === undefined ? null : valueAt(map, y * width + x);
        const share = value === null || !map.reach ? 0 : value / map.reach;
        return svg`<text x="132" y=${20 * i + 14} text-anchor="end" text-decoration=${name === view.get("method") ? "underline" : nothing}>${name}</text>
          <rect x=${place(-1)} width=${place(1) - place(-1)} y=${20 * i + 3} height="14" fill="var(--panel)"></rect>
          <rect x=${Math.min(place(0), place(share))} width=${Math.abs(place(share) - place(0))} y=${20 * i + 3} height="14"
            fill=${share < 0 ? "var(--purple)" : "var(--orange)"}></rect>
          <line x1=${place(0)} x2=${place(0)} y1=${20 * i + 1} y2=${20 * i + 19} stroke="var(--text)"></line>
          <text x=${wide - 56} y=${20 * i + 14}>${value === null ? "" : value.toPrecision(2).replace("-", "−")}</text>`;
      }))}</figure>`;
  }

  function lights(pairs) {
    return html`<ul class="eca-edu-lights" aria-live="polite">${pairs.map(([state, words]) => html`<li><b style=${`color: ${SIGNS[state][1]}`}>${SIGNS[state][0]}</b> ${words}</li>`)}</ul>`;
  }

  return () => {
    const [image, method, target] = ["image", "method", "target"].map(view.get);
    const all = of(method);
    const wrong = typeof all === "string" ? all : null;
    const one = wrong ? null : all[image];
    const takes = methods[method];
    const side = Math.floor(Math.min(210, (view.width - 24) / (view.width < 560 ? 2 : 3.6)));
    const beside = view.width - 3 * side - 62; // what the three pictures leave
    const rest = beside < 260 ? view.width : beside;
    const answer = answers[image];
    const bars = view.width < 560 ? view.width : Math.min(480, view.width - side - 20);
    const maps = one && (method === "gate"
      ? html`<div>${channels("this network", one.maps[0], bars)}${channels("untrained", one.maps[1], bars)}</div>`
      : [square(`this network, ± ${one.maps[0].reach.toPrecision(2)}`, side, shownMap(one.maps[0])),
        square(`untrained, ± ${one.maps[1].reach.toPrecision(2)}`, side, shownMap(one.maps[1]))]);
    return {
      wrong,
      controls: html`${choice(view, "method", { label: "method", options: Object.keys(methods) })}
        ${switches(view, "target", { label: "why", options: targets })}
        ${takes.layer ? choice(view, "layer", { label: "layer", options: layers }) : nothing}
        ${takes.steps.length ? switches(view, "steps", { label: "steps", options: takes.steps }) : nothing}
        ${method === "gate" ? nothing : slider(view, "blend", { label: "map over image", min: 0, max: 1, step: 0.05, ticks: [] })}
        ${masks && method !== "gate" ? button(view.get("outline") ? "Hide the outline" : "Show the outline", () => view.set({ outline: !view.get("outline") })) : nothing}`,
      picture: html`<div class="eca-edu-thumbnails" role="group" aria-label="images"><div>${pixels.map((text, i) => html`
          <button type="button" aria-pressed=${i === image} aria-label=${`image ${indices[i]}: ${classes[labels[i]]}`} @click=${() => view.set({ image: i })}>
            <eca-edu-map .shown=${{ pixels: bytes(text), height, width }}></eca-edu-map></button>`)}</div></div>
        ${wrong ? nothing : html`${square("the image", side, { pixels: bytes(pixels[image]), height, width }, method === "gate" ? null : shownMap(one.maps[0]))}${maps}
        <div class="eca-edu-charts" style=${`width: ${rest}px`}><div>${lights(one.lights)}${key("signed", -1, 1, "against, for")}</div>
          ${method === "gate" ? nothing : everywhere(rest < 560 ? rest : rest - 350)}</div>`}`,
      sentence: wrong ? nothing : html`Image ${indices[image]}: the right class is ${classes[labels[image]]}, the network says ${classes[answer]}
        (${Math.round(100 * probabilities[image][answer])} %). Why ${classes[one.target]}? By ${method}: <b>${one.words}</b>`,
    };
  };
};
