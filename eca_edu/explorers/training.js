// Loss and accuracy as they grow; point at an epoch for its numbers. The buttons ask the kernel, which trains.

explorers.training = (view) => {
  const { epochs, classes, schedule } = view.numbers;
  const splits = { train: "var(--orange)", test: "var(--blue)" };
  const FOOT = 236; // where the axis of the epochs lies
  const inWords = (quantity, value) => {
    if (value === null) return "no number";
    return quantity === "loss" ? value.toFixed(2) : `${(100 * value).toFixed(1)} %`;
  };
  const chosen = () => view.get("epochs_done").find(({ epoch }) => epoch === view.seen.epoch);

  /** Batches may begin with a loss far above all others: it must not press the curves to the floor. */
  function highest(done, losses) {
    const ofEpochs = done.flatMap(({ train_loss, test_loss }) => [train_loss ?? 0, test_loss ?? 0]);
    return 1.05 * Math.max(2.4, ...ofEpochs, Math.min(4, Math.max(...losses.map(([, loss]) => loss))));
  }

  function curve(split, quantity, done, x, y) {
    const points = done.map((record) => [x(record.epoch), record[`${split}_${quantity}`]])
      .filter(([, value]) => value !== null).map(([place, value]) => [place, y(value)]);
    const mark = ([px, py]) => (split === "train" ? svg`<rect x=${px - 3.5} y=${py - 3.5} width="7" height="7"></rect>`
      : svg`<circle cx=${px} cy=${py} r="4"></circle>`);
    return svg`<g fill=${splits[split]} stroke=${splits[split]}>
      <path d=${path(points)} fill="none" stroke-width="2"></path>
      ${points.length <= 40 ? points.map(mark) : nothing}</g>`;
  }

  /** The names of the curves with their numbers, at the epoch that is pointed at or else at the last one. */
  function labels(quantity, record, x, y) {
    const shown = Object.keys(splits).map((split) => {
      const value = record[`${split}_${quantity}`];
      return { at: y(value ?? 0), words: `${split} ${inWords(quantity, value)}` };
    }).sort((a, b) => a.at - b.at);
    const apart = Math.max(0, 15 - (shown[1].at - shown[0].at)) / 2; // else one would lie on the other
    return shown.map(({ at, words }, i) => svg`<text x=${x(record.epoch) + 9} y=${at + 4 + (i ? apart : -apart)}
      style="stroke: var(--page); stroke-width: 4px; paint-order: stroke">${words}</text>`);
  }

  function rate(x, right) {
    const y = linear([0, 1], [FOOT - 4, FOOT - 34]);
    const points = schedule.map((share, step) => [x((epochs * (step + 1)) / (schedule.length + 1)), y(share)]);
    const area = path([[x(0), y(0)], ...points, [x(epochs), y(0)]]);
    return svg`<path d=${area} fill="var(--panel)" stroke="var(--grey)"></path>
      <text x=${right + 9} y=${FOOT - 14} style="fill: var(--quiet)">learning rate</text>`;
  }

  function chart(quantity, width) {
    const [done, losses] = [view.get("epochs_done"), view.get("losses")];
    const ofLoss = quantity === "loss";
    const [left, right, top, bottom] = [46, width - 88, 26, ofLoss ? FOOT - 46 : FOOT];
    const x = linear([0, epochs], [left, right]);
    const most = ofLoss ? highest(done, losses) : 1;
    const y = linear([0, most], [bottom, top]);
    const percent = (value) => `${short(100 * value, 1)} %`;
    const record = chosen();
    const named = record ?? done.at(-1); // the epoch at which the names of the curves stand
    const near = (split) => Math.abs(y(named[`${split}_accuracy`]) - y(1 / classes)) < 30;
    const crowded = named && x(named.epoch) > right - 100 && Object.keys(splits).some(near);
    const look = (epoch) => view.look({ epoch: Math.min(done.length, Math.max(1, Math.round(epoch))) });
    const leave = () => view.look({ epoch: null });
    const pick = ({ clientX, currentTarget }) =>
      look(x.invert(clientX - currentTarget.closest("svg").getBoundingClientRect().left));
    const read = (split) => `${split} ${inWords(quantity, record[`${split}_${quantity}`])}`;
    return drawing(width, FOOT + 42, `${quantity} over epochs`, svg`
      <text x=${left} y="14" font-size="13"><tspan font-weight="bold">${quantity}</tspan>
        ${record ? `in epoch ${record.epoch}` : ofLoss && losses.length ? "(thin: of the batches)" : nothing}</text>
      ${axis("left", y, roundNumbers(0, most, 5).map((value) => [value, ofLoss ? short(value) : percent(value)]),
        { at: left, from: bottom, to: top, grid: right })}
      ${axis("bottom", x, roundNumbers(0, epochs, width < 400 ? 5 : 10, 1).map((value) => [value, String(value)]),
        { at: FOOT, from: left, to: right, label: "epoch" })}
      ${ofLoss ? svg`${rate(x, right)}<path fill="none" stroke="var(--orange)" stroke-opacity="0.6"
        d=${path(losses.map(([at, loss]) => [x(at), y(Math.min(most, loss))]))}></path>` : nothing}
      ${!ofLoss && classes ? svg`<path d=${path([[left, y(1 / classes)], [right, y(1 / classes)]])} stroke="var(--grey)"
          stroke-dasharray="5 4"></path><text x=${crowded ? left + 6 : right + 9} y=${y(1 / classes) + (crowded ? -5 : 4)}
          style="fill: var(--quiet)">chance ${percent(1 / classes)}</text>` : nothing}
      ${record ? svg`<path d=${path([[x(record.epoch), top], [x(record.epoch), FOOT]])} stroke="var(--text)"></path>`
        : nothing}
      ${Object.keys(splits).map((split) => curve(split, quantity, done, x, y))}
      ${named ? svg`${labels(quantity, named, x, y)}
        <rect x=${left - 8} width=${right - left + 16} y=${top} height=${FOOT - top} fill="transparent" tabindex="0"
          role="slider" aria-label="epoch, ${quantity}" aria-valuemin="1" aria-valuemax=${done.length}
          aria-valuenow=${record?.epoch ?? done.length} @pointermove=${pick} @pointerdown=${pick} @blur=${leave}
          aria-valuetext=${record ? `${record.epoch}: ${Object.keys(splits).map(read).join(", ")}` : "the last epoch"}
          @pointerleave=${(event) => event.pointerType === "mouse" && leave()}
          @keydown=${arrows((by) => look((view.seen.epoch ?? done.length) + by))}></rect>` : nothing}`);
  }

  function buttons() {
    const [phase, still] = [view.get("phase"), view.model.still];
    const runs = phase === "running";
    const ask = (asked, text, disabled) => button(text, () => view.model.send({ asked }), still || disabled);
    return html`${ask("start", ["paused", "stopping", "stopped"].includes(phase) ? "Go on" : "Start", runs)}
      ${ask("pause", "Pause", !runs)}${ask("stop", "Stop", !runs && phase !== "paused")}
      <progress aria-label="batches done" max="1" .value=${view.get("progress")}></progress>
      <span class="eca-edu-status">${still ? "The buttons need a running kernel." : view.get("status")}</span>`;
  }

  function sentence() {
    const record = view.get("epochs_done").at(-1);
    if (!record) return "No epoch is done yet.";
    const left = epochs - record.epoch;
    const goesOn = !view.model.still && ["running", undefined].includes(view.get("phase"));
    const estimate = goesOn ? `About ${(left * record.seconds).toFixed(0)} seconds are left.` : "";
    const share = (name) => `${(100 * record[name]).toFixed(1)}%`;
    return html`Epoch ${record.epoch} of ${epochs}: <b>${share("test_accuracy")} of the test images are right</b>,
      ${share("train_accuracy")} of the training images. ${left ? estimate : "Done."}`;
  }

  return () => {
    const width = view.width >= 720 ? (view.width - 20) / 2 : view.width;
    return {
      controls: view.get("phase") === undefined ? nothing : buttons(),
      picture: html`<div class="eca-edu-curves">${chart("loss", width)}</div><div>${chart("accuracy", width)}</div>`,
      sentence: sentence(),
    };
  };
};
