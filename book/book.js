// Flipbooks: each holds all states of an explorer, drawn by Python; this only shows the one that its controls choose.

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

async function image(source) {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  return picture;
}

function makeControl({ label, values, start, menu }, changed) {
  const name = document.createElement("label");
  const input = document.createElement(menu ? "select" : "input");
  const shown = document.createElement("output");
  if (menu) {
    input.append(...values.map((value, i) => new Option(value, i)));
  } else {
    Object.assign(input, { type: "range", min: 0, max: values.length - 1 });
    shown.textContent = values[start];
  }
  input.value = start;
  input.setAttribute("aria-label", label);
  input.addEventListener("input", () => {
    if (!menu) shown.textContent = values[input.value];
    changed();
  });
  name.append(label, " ", input, menu ? "" : shown);
  return [name, input];
}

async function openFlipbook(figure) {
  const { controls, states, tile, columns, row, sheet } = await unpack(figure.dataset.states);
  const first = figure.querySelector("img");
  const [still, tiles] = await Promise.all([image(first.src), image(sheet)]);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: still.width, height: still.height });
  canvas.setAttribute("role", "img");
  first.replaceWith(canvas);
  const pen = canvas.getContext("2d");
  const caption = figure.querySelector("figcaption");

  function show() {
    const index = inputs.reduce((sum, input, i) => sum * controls[i].values.length + Number(input.value), 0);
    const [sentence, places] = states[index];
    pen.drawImage(still, 0, 0);
    for (let i = 0; i < places.length; i += 2) {
      const [place, number] = [places[i], places[i + 1]];
      const from = [(number % row) * tile, Math.floor(number / row) * tile];
      const to = [(place % columns) * tile, Math.floor(place / columns) * tile];
      pen.drawImage(tiles, ...from, tile, tile, ...to, tile, tile);
    }
    caption.innerHTML = sentence;
    canvas.setAttribute("aria-label", caption.textContent);
  }

  const made = controls.map((control) => makeControl(control, show));
  const inputs = made.map(([, input]) => input);
  figure.querySelector(".controls").append(...made.map(([name]) => name));
  const thinned = controls.filter((control) => control.values.length < control.all);
  if (thinned.length) {
    const note = document.createElement("p");
    note.className = "still";
    const counts = thinned.map(({ label, values, all }) => `${values.length} of ${all} values of ${label}`);
    note.textContent = `The book has ${counts.join(" and ")}. In JupyterLab you can set all of them.`;
    figure.append(note);
  }
  show();
  figure.dataset.ready = "yes";
}

document.querySelectorAll(".flipbook").forEach(openFlipbook);

// On a narrow screen the table of contents begins folded.
if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".contents details").open = false;
