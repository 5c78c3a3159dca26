// A trained network, run in the page as torch runs it, and run anew from any gate that is touched.

/**
 * Numbers (channels, height, width), row after row, channel after channel.
 * @typedef {Float32Array & {channels: number, height: number, width: number}} FeatureMap
 * @typedef {{shape: number[], values: Float32Array}} Tensor
 * @typedef {{weight: Tensor, bias: Tensor, stride: number, padding: number, relu: boolean}} Convolution
 * Weights (C,) to be used, or what makes them of a gate's own; a block without a gate stays as it is.
 * @typedef {Float32Array | ((omega: Float32Array) => Float32Array) | null} Change
 * The maps are "stem", "block1.conv1", "block1.branch", "block1.shortcut", "block1.out", …; the gate of each block has an
 * input y, logits, weights omega of its own, and those that were used.
 * @typedef {Record<string, Float32Array>} ByBlock
 * @typedef {{maps: Record<string, FeatureMap>, y: ByBlock, logits: ByBlock, omega: ByBlock, used: ByBlock,
 *   scores: Float32Array, probabilities: Float32Array}} State
 */

/** The network that `network_numbers` of network.py describes. */
function makeNetwork(numbers) {
  const { steps } = withTensors(numbers);

  function goOn(from, x, state, changes) {
    for (const step of steps.slice(from)) x = OPERATIONS[step.op](x, step, state, changes);
    return state;
  }

  return {
    /** @type {string[]} */
    blocks: steps.filter(({ op }) => op === "block").map(({ name }) => name),

    /** Run on an image, normalised: (3, height, width). @param {Record<string, Change>} changes @returns {State} */
    forward(x, changes = {}, height = 32, width = 32) {
      const channels = x.length / (height * width);
      const state = { maps: {}, y: {}, logits: {}, omega: {}, used: {}, scores: null, probabilities: null };
      return goOn(0, Object.assign(x.slice(), { channels, height, width }), state, changes);
    },

    /** Run anew what follows the gate of a block; the rest is taken from a state, with the changes that made it.
     * @param {State} state @param {string} block @param {Record<string, Change>} changes @returns {State} */
    rerun(state, block, changes) {
      const next = { ...state };
      for (const part of ["maps", "y", "logits", "omega", "used"]) next[part] = { ...state[part] };
      const at = steps.findIndex(({ name }) => name === block);
      return goOn(at + 1, rescaleAndAdd(steps[at], next, changes), next, changes);
    },
  };
}

/** What a step makes of the map before it; it keeps in the state what can be looked at. */
const OPERATIONS = {
  conv: (x, step, { maps }) => (maps[step.name] = convolve(x, step)),

  maxpool: (x, step, { maps }) => (maps[step.name] = poolMaxima(x, step)),

  block(x, { name, branch, shortcut, gate }, state, changes) {
    const { maps } = state;
    branch.reduce((map, conv) => (maps[`${name}.${conv.name}`] = convolve(map, conv)), x);
    maps[`${name}.shortcut`] = shortcut ? convolve(x, shortcut) : x;
    if (gate) {
      state.y[name] = averages(maps[`${name}.branch`]);
      state.logits[name] = GATES[gate.kind](state.y[name], gate);
      state.omega[name] = state.logits[name].map((logit) => 1 / (1 + Math.exp(-logit)));
    }
    return rescaleAndAdd({ name }, state, changes);
  },

  head(x, step, state) {
    state.scores = multiply(averages(x), step);
    const largest = Math.max(...state.scores); // or a large score is infinite as a power
    const powers = state.scores.map((score) => Math.exp(score - largest));
    const sum = powers.reduce((before, power) => before + power, 0);
    state.probabilities = powers.map((power) => power / sum);
  },
};

/** Logits of the channel weights from the averages y: (C,) -> (C,). */
const GATES = {
  eca: (y, { kernel }) => y.map((_, i) => {
    const first = i - (kernel.values.length - 1) / 2;
    return kernel.values.reduce((sum, weight, j) => sum + weight * (y[first + j] ?? 0), 0);
  }),

  se: (y, { reduce, expand }) => multiply(multiply(y, reduce).map((value) => Math.max(0, value)), expand),
};

function rescaleAndAdd({ name }, { maps, omega, used }, changes) {
  const [branch, shortcut] = [maps[`${name}.branch`], maps[`${name}.shortcut`]];
  if (omega[name]) {
    const change = changes[name] ?? omega[name];
    used[name] = typeof change === "function" ? change(omega[name]) : change;
  }
  const out = featureMap(branch.channels, branch.height, branch.width);
  const pixels = branch.height * branch.width;
  for (let channel = 0; channel < branch.channels; channel++) {
    const weight = used[name] ? used[name][channel] : 1;
    for (let i = channel * pixels; i < (channel + 1) * pixels; i++) {
      out[i] = Math.max(0, weight * branch[i] + shortcut[i]);
    }
  }
  return (maps[`${name}.out`] = out);
}

/**
 * Two pixels and four channels at a time, so that a number that was loaded is used several times: it is the loading that
 * takes long. Where pixels or channels are left over, the last one is computed again.
 * @param {FeatureMap} x @param {Convolution} step
 */
function convolve(x, { weight, bias, stride, padding, relu }) {
  const [channels, size, , inputs] = weight.shape;
  const [w, b, image] = [weight.values, bias.values, padded(x, padding, 0)];
  const row = (x.width + 2 * padding) * inputs;
  const run = size * inputs; // so many numbers lie side by side in a row of the kernel, and under it in the image
  const out = slid(x, channels, size, stride, padding);
  const pixels = out.height * out.width;
  const start = (pixel) => stride * (Math.floor(pixel / out.width) * row + (pixel % out.width) * inputs);
  for (let p = 0; p < pixels; p += 2) {
    const q = Math.min(p + 1, pixels - 1);
    const [startP, startQ] = [start(p), start(q)];
    for (let c0 = 0; c0 < channels; c0 += 4) {
      const c1 = Math.min(c0 + 1, channels - 1);
      const c2 = Math.min(c0 + 2, channels - 1);
      const c3 = Math.min(c0 + 3, channels - 1);
      let [p0, p1, p2, p3] = [b[c0], b[c1], b[c2], b[c3]];
      let [q0, q1, q2, q3] = [p0, p1, p2, p3];
      for (let r = 0; r < size; r++) {
        const [atP, atQ] = [startP + r * row, startQ + r * row];
        const k0 = (c0 * size + r) * run, k1 = (c1 * size + r) * run;
        const k2 = (c2 * size + r) * run, k3 = (c3 * size + r) * run;
        for (let i = 0; i < run; i++) {
          const w0 = w[k0 + i], w1 = w[k1 + i], w2 = w[k2 + i], w3 = w[k3 + i];
          const xP = image[atP + i], xQ = image[atQ + i];
          p0 += w0 * xP; p1 += w1 * xP; p2 += w2 * xP; p3 += w3 * xP;
          q0 += w0 * xQ; q1 += w1 * xQ; q2 += w2 * xQ; q3 += w3 * xQ;
        }
      }
      out[c0 * pixels + p] = p0; out[c1 * pixels + p] = p1; out[c2 * pixels + p] = p2; out[c3 * pixels + p] = p3;
      out[c0 * pixels + q] = q0; out[c1 * pixels + q] = q1; out[c2 * pixels + q] = q2; out[c3 * pixels + q] = q3;
    }
  }
  if (relu) out.forEach((value, i) => (out[i] = Math.max(0, value)));
  return out;
}

/** @param {FeatureMap} x @param {{size: number, stride: number, padding: number}} step */
function poolMaxima(x, { size, stride, padding }) {
  const image = padded(x, padding, -Infinity);
  const width = x.width + 2 * padding;
  const out = slid(x, x.channels, size, stride, padding).fill(-Infinity);
  for (let i = 0; i < out.length; i++) {
    const row = Math.floor(i / out.width);
    const [channel, top, left] = [Math.floor(row / out.height), stride * (row % out.height), stride * (i % out.width)];
    for (let j = 0; j < size * size; j++) {
      const pixel = (top + Math.floor(j / size)) * width + left + (j % size);
      out[i] = Math.max(out[i], image[pixel * x.channels + channel]);
    }
  }
  return out;
}

/** The map with an edge around it, pixel after pixel, so that a kernel needs to ask for no bounds. */
function padded(x, padding, edge) {
  const [rows, columns, { channels }] = [x.height + 2 * padding, x.width + 2 * padding, x];
  const image = new Float32Array(rows * columns * channels).fill(edge);
  let i = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = padding; row < rows - padding; row++) {
      for (let column = padding; column < columns - padding; column++) {
        image[(row * columns + column) * channels + channel] = x[i++];
      }
    }
  }
  return image;
}

/** An empty map, as large as what a kernel leaves that slides over x. */
function slid(x, channels, size, stride, padding) {
  const places = (length) => Math.floor((length + 2 * padding - size) / stride) + 1;
  return featureMap(channels, places(x.height), places(x.width));
}

/** @returns {FeatureMap} */
function featureMap(channels, height, width) {
  return Object.assign(new Float32Array(channels * height * width), { channels, height, width });
}

/** The average of each channel: (C,). */
function averages(map) {
  const pixels = map.height * map.width;
  const average = (_, channel) => {
    let sum = 0;
    for (let i = channel * pixels; i < (channel + 1) * pixels; i++) sum += map[i];
    return sum / pixels;
  };
  return Float32Array.from({ length: map.channels }, average);
}

/** A matrix times x, plus a bias: (in,) -> (out,). @param {Float32Array} x @param {{weight: Tensor, bias: Tensor}} layer */
function multiply(x, { weight: { values }, bias }) {
  return bias.values.map((start, i) => x.reduce((sum, value, j) => sum + value * values[i * x.length + j], start));
}

/** The same values with each {shape, float32} of Python as {shape, values}. */
function withTensors(node) {
  if (node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map(withTensors);
  if ("float32" in node) {
    const text = atob(node.float32);
    const bytes = new Uint8Array(text.length); // its `from` would take a tenth of a second for all weights
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return { shape: node.shape, values: new Float32Array(bytes.buffer) };
  }
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, withTensors(value)]));
}
