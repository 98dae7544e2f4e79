// Reads the model files of `apd fit` and predicts from them, in a browser or node: docs/format.md says what such a file holds.
//
// Networks are evaluated in f32, operation by operation as the command does it; averages and calibration are in f64.

const { fround, exp, log, sqrt, abs, min, max, hypot, PI } = Math;

const STEPS = 256; // of the reference's rows, in a whitened coordinate
const STRANGE = 0.99; // share of held-out rows from which on a row is too strange to be answered
const OUTLIER_WIDTH = 4; // how many times further off outliers are
const MOST_PARAMETERS = 2 ** 27; // of all networks, so that a damaged file asks for no more memory

function need(condition, fact) {
  if (!condition) throw new Error(fact);
}

const isFinite = (numbers) => numbers.every(Number.isFinite);
const isNumbers = (value, length) => Array.isArray(value) && value.length === length && isFinite(value);
const isNames = (value) => Array.isArray(value) && value.every((name) => typeof name === "string");

// ---- the file ----

function json(text, key) {
  need(typeof text === "string", `\`${key}\` is missing`);
  let value;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`\`${key}\` is no JSON: ${cause.message}`);
  }
  need(value !== null && typeof value === "object", `\`${key}\` is neither an object nor a list`);
  return value;
}

// The tensors of a safetensors file, each checked when it is asked for, and the JSON under `apd` among its metadata.
function container(buffer) {
  need(buffer instanceof ArrayBuffer, "expected the file's bytes as an ArrayBuffer");
  need(buffer.byteLength >= 8, `${buffer.byteLength} bytes, a safetensors file has at least 8`);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  need(length <= buffer.byteLength - 8, `a header of ${length} bytes in a file of ${buffer.byteLength}`);
  const header = json(new TextDecoder().decode(new Uint8Array(buffer, 8, length)), "header");
  const apd = json(header.__metadata__?.apd, "__metadata__.apd");
  const start = 8 + length;
  const bytes = (name, dtype, size, shape) => {
    const tensor = Object.hasOwn(header, name) ? header[name] : undefined;
    const wanted = `\`${name}\`: expected ${dtype} [${shape}]`;
    need(tensor?.dtype === dtype, `${wanted}, found ${tensor?.dtype ?? "nothing"}`);
    need(String(tensor.shape) === String(shape), `${wanted}, found [${tensor.shape}]`);
    const [from, to] = Array.isArray(tensor.data_offsets) ? tensor.data_offsets : [];
    const count = shape.reduce((count, axis) => count * axis, 1);
    need(Number.isSafeInteger(from) && from >= 0 && to - from === count * size, `${wanted}, at [${from}, ${to}]`);
    need(start + to <= buffer.byteLength, `${wanted}, which ends at ${start + to} of ${buffer.byteLength} bytes`);
    return new DataView(buffer, start + from, count * size);
  };
  const numbers = {
    F32: (view, i) => view.getFloat32(4 * i, true),
    F16: (view, i) => half(view.getUint16(2 * i, true)),
    I8: (view, i) => view.getInt8(i),
  };
  const tensor = (name, dtype, shape) => {
    const size = { F32: 4, F16: 2, I8: 1 }[dtype];
    const view = bytes(name, dtype, size, shape);
    const values = Float32Array.from({ length: view.byteLength / size }, (_, i) => numbers[dtype](view, i));
    need(isFinite(values), `\`${name}\` holds numbers that are not finite`);
    return values;
  };
  // A matrix in one of the formats, in f32.
  const matrix = (name, format, rows, columns) => {
    if (format === "f32" || format === "f16") return tensor(name, format.toUpperCase(), [rows, columns]);
    need(format === "int8", `\`${name}\`: format ${format}, expected f32, f16 or int8`);
    const scale = tensor(`${name}.scale`, "F32", [rows]);
    return tensor(name, "I8", [rows, columns]).map((code, i) => scale[Math.floor(i / columns)] * code);
  };
  return { apd, tensor, matrix };
}

function half(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

// The networks that a prediction averages, one after the other: count × dim.
function readNetworks({ apd, tensor, matrix }) {
  const { format: kind, generator } = apd;
  const { dim, format } = generator ?? {};
  need(Number.isSafeInteger(dim) && dim > 0, `networks of ${dim} parameters`);
  if (kind === "apd-subsample-1") {
    const { count, noise, standardized } = generator;
    need(Number.isSafeInteger(count) && count > 0, `${count} networks`);
    need(!noise, "its networks are drawn with noise, which only the library does");
    const points = matrix("points", format, count, dim);
    if (!standardized) return { count, points };
    const [mean, scale] = ["mean", "scale"].map((name) => tensor(name, "F32", [dim]));
    return { count, points: points.map((x, i) => fround(x * scale[i % dim]) + mean[i % dim]) };
  }
  need(kind === "apd-subspace-1", `format ${kind}, expected apd-subsample-1 or apd-subspace-1`);
  const { rank, residual, coefficients } = generator;
  const rows = coefficients?.mixture?.centres;
  need(Number.isSafeInteger(rank) && rank >= 0 && Number.isSafeInteger(rows) && rows > 0, "a subspace without centres");
  const vectors = format === "int8" ? "f16" : format;
  const mean = tensor("mean", vectors.toUpperCase(), [dim]);
  const directions = matrix("directions", format, rank, dim);
  const centres = matrix("centres", vectors, rows, rank);
  need(!residual && tensor("sd", "F32", [rank]).every((sd) => sd === 0), "its networks are drawn with noise, which only the library does");
  const components = json(apd.metadata?.["apd.components"], "apd.components");
  const isRow = (row) => Number.isSafeInteger(row) && row >= 0 && row < rows;
  need(Array.isArray(components) && components.length > 0 && components.every(isRow), `\`apd.components\`: expected rows of ${rows} centres`);
  const count = components.length;
  need(count * dim <= MOST_PARAMETERS, `${count} networks of ${dim} parameters are more than can be kept`);
  const points = new Float32Array(count * dim);
  components.forEach((row, s) => {
    const point = points.subarray(s * dim, (s + 1) * dim);
    point.set(mean);
    for (let k = 0; k < rank; k++) {
      const coefficient = centres[row * rank + k];
      for (let j = 0; j < dim; j++) point[j] += coefficient * directions[k * dim + j];
    }
  });
  return { count, points };
}

function readFeatures(schema) {
  need(Array.isArray(schema?.columns), "`apd.table` has no columns");
  const features = [];
  let target;
  for (const { name, role } of schema.columns) {
    need(typeof name === "string" && role, "a column has no name or no role");
    if (role.target) target = { name, classes: role.target.classes ?? null };
    const { number, category } = role.feature ?? {};
    if (number) {
      const { mean, sd, indicator } = number;
      need(Number.isFinite(mean) && Number.isFinite(sd) && sd > 0, `\`${name}\`: mean ${mean} and sd ${sd}`);
      features.push({ name, kind: "number", mean, sd, indicator: Boolean(indicator) });
    } else if (category) {
      need(isNames(category.levels), `\`${name}\` has no levels`);
      features.push({ name, kind: "category", levels: category.levels });
    }
  }
  need(target, "no column is the target");
  need(target.classes === null || isNames(target.classes), `the classes of \`${target.name}\` are no names`);
  return { target, features };
}

const width = (feature) => (feature.kind === "number" ? 1 + feature.indicator : feature.levels.length + 1);

function base64(text, type, key) {
  need(typeof text === "string", `\`reference.${key}\` is missing`);
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new Error(`\`reference.${key}\` is no base64`);
  }
  need(bytes.length % type.BYTES_PER_ELEMENT === 0, `\`reference.${key}\` ends within a number`);
  return new type(bytes.buffer);
}

function readReference(reference, inputs) {
  need(reference?.inputs === inputs && isNumbers(reference.mean, inputs), `a reference of ${reference?.inputs} inputs for ${inputs}`);
  const whitening = base64(reference.whitening, Float32Array, "whitening");
  const rows = base64(reference.rows, Int16Array, "rows");
  const heldOut = base64(reference.held_out, Float32Array, "held_out");
  need(whitening.length === 0 || whitening.length === (inputs * (inputs + 1)) / 2, `a whitening of ${whitening.length} numbers for ${inputs} inputs`);
  need(rows.length % inputs === 0, `${rows.length} numbers in reference rows of ${inputs}`);
  need(isFinite(whitening) && isFinite(heldOut), "the reference holds numbers that are not finite");
  return { mean: reference.mean, whitening, rows, heldOut };
}

function readCalibration(calibration, classes) {
  const { classes: ofClasses, numbers: ofNumbers } = calibration ?? {};
  if (classes) {
    const { threshold, power = 1 } = ofClasses ?? {};
    need(threshold >= 0 && threshold <= 1 && power > 0 && power < Infinity, `a calibration of threshold ${threshold} and power ${power}`);
    return { threshold, power };
  }
  const { masses, factors, spread = 1, outliers = 0 } = ofNumbers ?? {};
  const rising = (mass, i) => mass > (i ? masses[i - 1] : 0) && mass < 1;
  need(Array.isArray(masses) && masses.length > 0 && masses.every(rising), "the masses of the calibration do not rise from 0 to 1");
  need(isNumbers(factors, masses.length) && factors.every((factor) => factor >= 0), "the calibration needs a factor for each mass");
  need(spread > 0 && spread < Infinity && outliers >= 0 && outliers < 1, `a calibration of spread ${spread} and outliers ${outliers}`);
  return { masses, factors, spread, outliers };
}

// ---- the network ----

const isSize = (size) => Number.isSafeInteger(size) && size > 0;

// A network is a list of steps. Each makes an image of another, as [channels, rows, columns]: one channel after the other, row by row. Of a
// perceptron, they are images of one pixel.

function perceptron({ widths }) {
  need(Array.isArray(widths) && widths.length > 1 && widths.every(isSize), "the widths of its network are no numbers of units");
  const step = (outputs, l) => ({ kind: "linear", module: l, from: [widths[l], 1, 1], to: [outputs, 1, 1], shape: [outputs, widths[l]] });
  return widths.slice(1).map(step);
}

function convolutions({ channels, height, width, layers }) {
  let from = [channels, height, width];
  need(from.every(isSize) && Array.isArray(layers), "its network has no images, or no layers");
  // The modules of PyTorch's `Sequential`, which parameters are called after: activations and `Flatten` are some, too.
  let [module, flat] = [0, false];
  const last = layers.findLastIndex((layer) => layer?.conv || layer?.linear);
  return layers.map((layer, i) => {
    const { conv, linear, "max-pool": pool } = layer ?? {};
    const [channels, height, width] = from;
    if (!!linear !== flat) module++;
    flat = !!linear;
    const step = { module: module++, from };
    if (conv || linear) {
      if (i !== last) module++;
      const { outputs } = conv ?? linear;
      need(isSize(outputs) && !conv?.batch_norm, `layer ${i}: ${conv?.batch_norm ? "batch normalization, which only the library evaluates" : `${outputs} outputs`}`);
      if (linear) {
        Object.assign(step, { kind: "linear", to: [outputs, 1, 1], shape: [outputs, channels * height * width] });
      } else {
        const { kernel } = conv;
        const padding = conv.padding === "same" ? kernel >> 1 : 0;
        const shrinks = kernel - 1 - 2 * padding;
        need(isSize(kernel) && ["same", "valid"].includes(conv.padding), `layer ${i}: a kernel of ${kernel}, padding ${conv.padding}`);
        Object.assign(step, { kind: "conv", kernel, padding, to: [outputs, height - shrinks, width - shrinks], shape: [outputs, channels, kernel, kernel] });
      }
    } else if (pool) {
      need(isSize(pool.size), `layer ${i}: windows of ${pool.size}`);
      Object.assign(step, { kind: "pool", size: pool.size, to: [channels, Math.floor(height / pool.size), Math.floor(width / pool.size)] });
    } else {
      need(layer === "global-average-pool", `layer ${i}: ${JSON.stringify(layer)}, which only the library evaluates`);
      Object.assign(step, { kind: "average", to: [channels, 1, 1] });
    }
    need(step.to.every(isSize), `layer ${i} leaves images of ${step.to.slice(1).join("×")}`);
    from = step.to;
    return step;
  });
}

const numbersOf = (image) => image.reduce((count, axis) => count * axis, 1);

// What a convolution's output at row or column `at` has of a kernel: from where to where, inside an image of `length`.
const within = (at, { kernel, padding }, length) => [max(0, padding - at), min(kernel, length + padding - at)];

// One step of a network whose parameters begin at `base`, from units at `start` to those at `at`: each is its bias, and its products added one by one.
const FORWARD = {
  linear({ inputs, outputs, weight, bias }, points, base, from, start, units, at) {
    for (let j = 0; j < outputs; j++) {
      let z = points[base + bias + j];
      const row = base + weight + j * inputs;
      for (let i = 0; i < inputs; i++) z = fround(z + points[row + i] * from[start + i]);
      units[at + j] = z;
    }
  },

  conv(step, points, base, from, start, units, at) {
    const { from: [channels, height, width], to: [outputs, rows, columns], kernel, padding, weight, bias } = step;
    for (let o = 0; o < outputs; o++) {
      for (let y = 0; y < rows; y++) {
        const [top, bottom] = within(y, step, height);
        for (let x = 0; x < columns; x++) {
          const [left, right] = within(x, step, width);
          let z = points[base + bias + o];
          for (let c = 0; c < channels; c++) {
            for (let u = top; u < bottom; u++) {
              const row = base + weight + ((o * channels + c) * kernel + u) * kernel;
              const pixels = start + (c * height + y + u - padding) * width + x - padding;
              for (let v = left; v < right; v++) z = fround(z + points[row + v] * from[pixels + v]);
            }
          }
          units[at++] = z;
        }
      }
    }
  },

  pool(step, points, base, from, start, units, at) {
    eachWindow(step, (pixels, to) => {
      units[at + to] = pixels.reduce((most, pixel) => max(most, from[start + pixel]), -Infinity);
    });
  },

  average({ from: [channels, height, width] }, points, base, from, start, units, at) {
    const pixels = height * width;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let i = 0; i < pixels; i++) sum = fround(sum + from[start + c * pixels + i]);
      units[at + c] = fround(sum / pixels);
    }
  },
};

// Adds to `before`, the gradient with respect to a step's input, what `delta` has, that with respect to its output.
const BACKWARD = {
  linear({ inputs, outputs, weight }, points, base, delta, before) {
    for (let j = 0; j < outputs; j++) {
      const row = base + weight + j * inputs;
      for (let i = 0; i < inputs; i++) before[i] += delta[j] * points[row + i];
    }
  },

  conv(step, points, base, delta, before) {
    const { from: [channels, height, width], to: [outputs, rows, columns], kernel, padding, weight } = step;
    for (let [o, at] = [0, 0]; o < outputs; o++) {
      for (let y = 0; y < rows; y++) {
        const [top, bottom] = within(y, step, height);
        for (let x = 0; x < columns; x++) {
          const [left, right] = within(x, step, width);
          const d = delta[at++];
          for (let c = 0; d !== 0 && c < channels; c++) {
            for (let u = top; u < bottom; u++) {
              const row = base + weight + ((o * channels + c) * kernel + u) * kernel;
              const pixels = (c * height + y + u - padding) * width + x - padding;
              for (let v = left; v < right; v++) before[pixels + v] += d * points[row + v];
            }
          }
        }
      }
    }
  },

  pool(step, points, base, delta, before, from, start) {
    eachWindow(step, (pixels, to) => {
      before[pixels.reduce((most, pixel) => (from[start + pixel] > from[start + most] ? pixel : most))] += delta[to];
    });
  },

  average({ from: [channels, height, width] }, points, base, delta, before) {
    const pixels = height * width;
    for (let i = 0; i < channels * pixels; i++) before[i] += delta[Math.floor(i / pixels)] / pixels;
  },
};

// Where the pixels of each window of a pool lie in its input, and where what it makes of them in its output.
function eachWindow({ from: [channels, height, width], to: [, rows, columns], size }, task) {
  const pixels = new Array(size * size);
  for (let [c, to] = [0, 0]; c < channels; c++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, to++) {
        const first = (c * height + y * size) * width + x * size;
        for (let i = 0; i < pixels.length; i++) pixels[i] = first + Math.floor(i / size) * width + (i % size);
        task(pixels, to);
      }
    }
  }
}

// A model from the bytes of its file.
export function parse(buffer) {
  const file = container(buffer);
  const { metadata, layout } = file.apd;
  const [description] = json(metadata?.["apd.fitted"], "apd.fitted");
  need(description?.version === 1, `format version ${description?.version}, expected 1`);
  const { network, likelihood, scaling } = description;
  const { mlp, cnn } = network ?? {};
  need(mlp || cnn, "its network is neither a perceptron nor a convolutional one: only the library evaluates it");
  const { activation } = mlp ?? cnn;
  const isActivation = activation === "tanh" || activation === "relu" || Number.isFinite(activation?.["leaky-relu"]);
  need(isActivation, `activation ${JSON.stringify(activation)}, expected tanh, relu or leaky-relu`);
  const table = json(metadata["apd.table"], "apd.table");
  const { target, features } = readFeatures(table.schema);
  const inputs = features.reduce((sum, feature) => sum + width(feature), 0);
  const steps = mlp ? perceptron(mlp) : convolutions(cnn);
  const weighted = steps.filter(({ shape }) => shape);
  need(weighted.length > 0, "its network has no weights");
  need(inputs === numbersOf(steps[0].from), `columns of ${inputs} inputs for a network of ${numbersOf(steps[0].from)}`);
  const outputs = numbersOf(steps.at(-1).to);
  const classes = target.classes;
  const kind = classes ? "categorical" : "heteroscedastic-gaussian";
  need(likelihood?.kind === kind, `likelihood ${likelihood?.kind}, expected ${kind}`);
  need(outputs === (classes ? classes.length : 2), `${outputs} outputs for ${classes ? `${classes.length} classes` : "a number"}`);
  const floor = likelihood.floor ?? 0;
  need(floor >= 0 && floor < Infinity, `a floor of ${floor}`);
  const { mean, sd } = scaling ?? { mean: [0], sd: [1] };
  need(isNumbers(mean, 1) && isNumbers(sd, 1) && sd[0] > 0, "the scaling of the target cannot be undone");

  const { count, points } = readNetworks(file);
  let [entries, offset, units] = [0, 0, 0];
  const expectEntry = (name, shape) => {
    const entry = layout?.entries?.[entries++];
    const fits = entry?.name === name && entry.offset === offset && String(entry.shape) === String(shape);
    need(fits, `layout: expected \`${name}\` [${shape}] at ${offset}, found ${JSON.stringify(entry)}`);
    offset += numbersOf(shape);
    return entry.offset;
  };
  for (const step of steps) {
    Object.assign(step, { inputs: numbersOf(step.from), outputs: numbersOf(step.to), units });
    units += step.outputs;
    if (!step.shape) continue;
    step.weight = expectEntry(`layers.${step.module}.weight`, step.shape);
    step.bias = expectEntry(`layers.${step.module}.bias`, [step.shape[0]]);
    step.activate = step !== weighted.at(-1);
  }
  need(units * count <= MOST_PARAMETERS, `${count} networks of ${units} units, expected ${MOST_PARAMETERS} at most`);
  need(offset * count === points.length, `networks of ${points.length / count} parameters, expected ${offset}`);
  const reference = readReference(table.reference, inputs);
  const calibration = readCalibration(table.calibration, classes !== null);
  return new Model({ target: target.name, classes, features, count, network: { inputs, activation } },
    { points, steps, floor, scale: sd[0], shift: mean[0], reference, calibration });
}

// ---- functions in f32, rounded after each operation as the command does it ----

const TANH_MOST = fround(7.9053111);
const [P0, P1, P2, P3, P4, P5, P6] = [
  -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8, 1.48572235717979e-5,
  6.37261928875436e-4, 4.89352455891786e-3].map(fround);
const [Q0, Q1, Q2, Q3] = [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3].map(fround);

function tanh(z) {
  const x = z < -TANH_MOST ? -TANH_MOST : z > TANH_MOST ? TANH_MOST : z;
  const y = fround(x * x);
  let p = fround(fround(P0 * y) + P1);
  p = fround(fround(p * y) + P2);
  p = fround(fround(p * y) + P3);
  p = fround(fround(p * y) + P4);
  p = fround(fround(p * y) + P5);
  p = fround(fround(p * y) + P6);
  let q = fround(fround(Q0 * y) + Q1);
  q = fround(fround(q * y) + Q2);
  q = fround(fround(q * y) + Q3);
  return fround(fround(x * p) / q);
}

const LOG2_E = fround(Math.LOG2E);
const ROUND = 12582912; // 1.5 · 2²³: adding it rounds to an integer
const LN2_LOW = fround(2.1219444e-4);
const [E0, E1, E2, E3, E4, E5] = [1.98756915e-4, 1.39819995e-3, 8.3334519e-3, 4.1665796e-2, 1.66666655e-1, 5.0000001e-1].map(fround);

// eˣ of x ≤ 0.
function expOf(x) {
  if (x < fround(-87.33654)) return 0;
  const n = fround(fround(fround(x * LOG2_E) + ROUND) - ROUND);
  const r = fround(fround(x - fround(n * 0.693359375)) + fround(n * LN2_LOW));
  let p = fround(fround(E0 * r) + E1);
  p = fround(fround(p * r) + E2);
  p = fround(fround(p * r) + E3);
  p = fround(fround(p * r) + E4);
  p = fround(fround(p * r) + E5);
  return fround(fround(fround(fround(fround(p * r) * r) + r) + 1) * 2 ** n);
}

// ---- functions in f64 ----

const entropyOf = (p) => p.reduce((sum, p) => (p > 0 ? sum - p * log(p) : sum), 0);

// 1 − erf x: a series near 0, a continued fraction beyond.
function erfc(x) {
  if (abs(x) >= 2) {
    let tail = 0;
    for (let k = 40; k > 0; k--) tail = k / 2 / (abs(x) + tail);
    const value = exp(-x * x) / sqrt(PI) / (abs(x) + tail);
    return x > 0 ? value : 2 - value;
  }
  let [term, sum] = [x, x];
  for (let n = 1; abs(term) > 1e-17 * abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return 1 - (2 / sqrt(PI)) * exp(-x * x) * sum;
}

const normalCdf = (z) => 0.5 * erfc(-z * Math.SQRT1_2);
const normalDensity = (z, sd) => exp(-0.5 * z * z) / sd / sqrt(2 * PI);

function interpolate(x, y, at) {
  const above = x.findIndex((x) => x >= at);
  if (above === 0) return y[0];
  if (above < 0) return y[x.length - 1];
  const part = (at - x[above - 1]) / (x[above] - x[above - 1]);
  return y[above - 1] + part * (y[above] - y[above - 1]);
}

// ---- the model ----

class Model {
  #points; #steps; #floor; #scale; #shift; #reference; #calibration;
  // Of all networks, the units of all layers: written by each evaluation, and reused by the next.
  #units;

  constructor(seen, { points, steps, floor, scale, shift, reference, calibration }) {
    Object.assign(this, seen);
    [this.#points, this.#steps, this.#floor, this.#scale, this.#shift] = [points, steps, floor, scale, shift];
    [this.#reference, this.#calibration] = [reference, calibration];
    this.#units = new Float32Array(this.count * this.#stride);
  }

  get #stride() {
    const last = this.#steps.at(-1);
    return last.units + last.outputs;
  }

  // A network's inputs from a row's values by their columns' names; null, an empty text and NaN are missing.
  encode(row) {
    const x = new Float32Array(this.network.inputs);
    let start = 0;
    for (const feature of this.features) {
      const value = Object.hasOwn(row, feature.name) ? row[feature.name] : null;
      const missing = value === null || value === undefined || value === "" || Number.isNaN(value);
      if (feature.kind === "category") {
        const place = missing ? -1 : feature.levels.indexOf(String(value));
        x[start + (place < 0 ? feature.levels.length : place)] = 1;
      } else if (!missing) {
        x[start] = (Number(value) - feature.mean) / feature.sd;
        need(Number.isFinite(x[start]), `\`${feature.name}\`: ${value} is no number that the network takes`);
      } else if (feature.indicator) {
        x[start + 1] = 1;
      }
      start += width(feature);
    }
    return x;
  }

  // The values of a row that has these inputs, by their columns' names.
  decode(x) {
    const row = {};
    let start = 0;
    for (const feature of this.features) {
      const own = x.subarray(start, (start += width(feature)));
      if (feature.kind === "category") row[feature.name] = feature.levels[own.indexOf(max(...own))] ?? null;
      else row[feature.name] = own[1] > 0.5 ? null : feature.mean + feature.sd * own[0];
    }
    return row;
  }

  #inputs(x) {
    const inputs = x instanceof Float32Array ? x : this.encode(x);
    need(inputs.length === this.network.inputs, `${inputs.length} inputs, expected ${this.network.inputs}`);
    return inputs;
  }

  // Fills the units.
  #evaluate(x) {
    const [points, units, stride] = [this.#points, this.#units, this.#stride];
    const { activation } = this.network;
    const slope = activation === "relu" ? 0 : fround(activation["leaky-relu"]);
    const dim = points.length / this.count;
    for (let s = 0; s < this.count; s++) {
      let [from, start] = [x, 0];
      for (const step of this.#steps) {
        const at = s * stride + step.units;
        FORWARD[step.kind](step, points, s * dim, from, start, units, at);
        for (let i = at; step.activate && i < at + step.outputs; i++) {
          units[i] = activation === "tanh" ? tanh(units[i]) : units[i] > 0 ? units[i] : fround(slope * units[i]);
        }
        [from, start] = [units, at];
      }
    }
  }

  // What each network says: its probabilities of the classes, as they are before calibration (count × classes), or the means and scales of
  // its laws of a number, calibrated and in the target's units.
  outputs(x) {
    this.#evaluate(this.#inputs(x));
    const [units, stride, first, count] = [this.#units, this.#stride, this.#steps.at(-1).units, this.count];
    if (this.classes) {
      const classes = this.classes.length;
      const p = new Float64Array(count * classes);
      for (let s = 0; s < count; s++) {
        const z = units.subarray(s * stride + first, s * stride + first + classes);
        let [most, sum] = [-Infinity, 0];
        for (let c = 0; c < classes; c++) most = max(most, z[c]);
        for (let c = 0; c < classes; c++) sum = fround(sum + (z[c] = expOf(fround(z[c] - most))));
        for (let c = 0; c < classes; c++) p[s * classes + c] = fround(z[c] / sum);
      }
      return { p };
    }
    const [mean, sd] = [new Float64Array(count), new Float64Array(count)];
    for (let s = 0; s < count; s++) {
      const at = s * stride + first;
      mean[s] = this.#shift + this.#scale * units[at];
      sd[s] = this.#scale * hypot(exp(units[at + 1]), this.#floor);
    }
    const { spread } = this.#calibration;
    const center = average(mean);
    return { mean: mean.map((mean) => center + spread * (mean - center)), sd: sd.map((sd) => spread * sd) };
  }

  // The prediction for a row, or for a network's inputs, and how sure it is.
  predict(row, coverages = [0.9]) {
    const x = this.#inputs(row);
    const ood = this.#strangeness(x);
    return this.classes ? this.#predictClass(x, ood) : this.#predictNumber(x, ood, coverages);
  }

  #predictClass(x, ood) {
    const { p } = this.outputs(x);
    const { threshold, power } = this.#calibration;
    const classes = this.classes.length;
    const mean = new Float64Array(classes);
    for (let i = 0; i < p.length; i++) mean[i % classes] += p[i] / this.count;
    const total = entropyOf(mean);
    const disagreement = max(0, total - entropyOf(p) / this.count);
    const powers = mean.map((p) => p ** power);
    const sum = powers.reduce((a, b) => a + b);
    const probabilities = power === 1 ? mean : powers.map((p) => p / sum);
    const entropy = entropyOf(probabilities);
    const left = probabilities.filter((p) => p >= threshold).length;
    return {
      prediction: this.classes[probabilities.indexOf(max(...probabilities))],
      probabilities,
      entropy,
      bald: total > 0 ? (disagreement / total) * entropy : 0,
      ood,
      abstain: left !== 1 || ood > STRANGE,
    };
  }

  #predictNumber(x, ood, coverages) {
    const { mean: means, sd: scales } = this.outputs(x);
    const { masses, factors } = this.#calibration;
    const mean = average(means);
    const aleatoric = this.#unitVariance * average(scales.map((sd) => sd * sd));
    const epistemic = average(means.map((x) => (x - mean) ** 2));
    const median = this.#quantile(means, scales, 0.5);
    const intervals = new Array(coverages.length);
    let [lower, upper] = [Infinity, -Infinity];
    // From the narrowest on: a larger coverage never has a smaller interval.
    for (const i of [...coverages.keys()].sort((a, b) => coverages[a] - coverages[b])) {
      const coverage = coverages[i];
      need(coverage > 0 && coverage < 1, `a coverage of ${coverage}, expected one between 0 and 1`);
      const factor = interpolate(masses, factors, coverage);
      const end = (p) => median + factor * (this.#quantile(means, scales, p) - median);
      [lower, upper] = [min(lower, end(0.5 - 0.5 * coverage)), max(upper, end(0.5 + 0.5 * coverage))];
      intervals[i] = [coverage, lower, upper];
    }
    const [sd, aleatoric_sd, epistemic_sd] = [aleatoric + epistemic, aleatoric, epistemic].map(sqrt);
    return { mean, sd, aleatoric_sd, epistemic_sd, intervals, ood };
  }

  // The share of held-out rows that are nearer to the reference.
  #strangeness(x) {
    const { mean, whitening, rows, heldOut } = this.#reference;
    const inputs = mean.length;
    const centered = mean.map((mean, i) => x[i] - mean);
    const whitened = new Float32Array(centered);
    for (let [i, at] = [0, 0]; whitening.length > 0 && i < inputs; i++) {
      let sum = 0;
      for (let j = 0; j <= i; j++) sum += whitening[at++] * centered[j];
      whitened[i] = sum;
    }
    let least = Infinity;
    for (let start = 0; start < rows.length; start += inputs) {
      let square = 0;
      for (let i = 0; i < inputs; i++) {
        const difference = fround(whitened[i] - rows[start + i] / STEPS);
        square = fround(square + fround(difference * difference));
      }
      least = min(least, square);
    }
    const distance = fround(sqrt(least));
    return heldOut.reduce((count, other) => count + (other < distance), 0) / max(1, heldOut.length);
  }

  // The variance of a law of scale 1.
  get #unitVariance() {
    return 1 + this.#calibration.outliers * (OUTLIER_WIDTH * OUTLIER_WIDTH - 1);
  }

  // Σ over the networks' laws, normal but for the outliers, of `part` of their standardized y.
  #sum(means, scales, y, part) {
    const { outliers } = this.#calibration;
    let sum = 0;
    for (const [share, width] of [[1 - outliers, 1], [outliers, OUTLIER_WIDTH]]) {
      if (share === 0) continue;
      for (let s = 0; s < means.length; s++) {
        const sd = width * scales[s];
        sum += share * part(y === means[s] ? 0 : (y - means[s]) / sd, sd);
      }
    }
    return sum / means.length;
  }

  // The least y with P(Y ≤ y) ≥ p, by Chandrupatla's method: inverse quadratic interpolation where three points allow it, else bisection.
  // (Newton's would stop anywhere between networks that are far apart, where P does not rise.)
  #quantile(means, scales, p) {
    const excess = (y) => [y, this.#sum(means, scales, y, normalCdf) - p];
    const center = average(means);
    const width = average(means.map((mean, s) => abs(mean - center) + scales[s]));
    const ends = [min(...means), max(...means)];
    let step = max(width, Number.MIN_VALUE, 1e-15 * max(abs(ends[0]), abs(ends[1])));
    let low = excess(ends[0] - step);
    let high = excess(ends[1] + step);
    while (low[1] >= 0 && Number.isFinite(low[0])) low = excess(low[0] - (step *= 2));
    while (high[1] < 0 && Number.isFinite(high[0])) high = excess(high[0] + (step *= 2));
    // P reaches p between `newest` and `other`.
    let [newest, other, part] = [low, high, 0.5];
    for (;;) {
      const point = excess(newest[0] + part * (other[0] - newest[0]));
      let third = newest;
      if (point[1] < 0 !== newest[1] < 0) [third, other] = [other, newest];
      newest = point;
      const least = (1e-14 * (abs(newest[0]) + abs(other[0])) + 1e-15 * width) / abs(other[0] - newest[0]);
      if (!(least < 0.5) || point[0] === third[0] || point[0] === other[0]) return (newest[1] < 0 ? other : newest)[0];
      const xi = (newest[0] - other[0]) / (third[0] - other[0]);
      const phi = (newest[1] - other[1]) / (third[1] - other[1]);
      part = 0.5;
      if (phi * phi < xi && (1 - phi) * (1 - phi) < 1 - xi) {
        const [a, b, c] = [newest[1], other[1], third[1]];
        const slope = (third[0] - newest[0]) / (other[0] - newest[0]);
        part = ((a / (b - a)) * c) / (b - c) + ((slope * a) / (c - a)) * (b / (c - b));
      }
      part = min(max(part, least), 1 - least);
    }
  }

  #laws(x) {
    need(!this.classes, `\`${this.target}\` is a class, not a number`);
    const { mean, sd } = this.outputs(x);
    return [mean, sd];
  }

  // p(y) of the calibrated law, at each of these values of the target.
  density(x, ys) {
    const [means, scales] = this.#laws(x);
    return Float64Array.from(ys, (y) => this.#sum(means, scales, y, normalDensity));
  }

  // The p-quantile of the calibrated law, before intervals are corrected.
  quantile(x, p) {
    need(p > 0 && p < 1, `a quantile at ${p}, expected between 0 and 1`);
    return this.#quantile(...this.#laws(x), p);
  }

  // The gradient of ln p̄ of a class (its number or its name), averaged over networks, with respect to the inputs.
  inputGradient(x, label) {
    const c = typeof label === "string" ? this.classes?.indexOf(label) : label;
    need(this.classes?.[c] !== undefined, `no class ${label}`);
    const inputs = this.#inputs(x);
    this.#evaluate(inputs);
    const [units, points, steps, stride] = [this.#units, this.#points, this.#steps, this.#stride];
    const { activation } = this.network;
    const slope = activation === "relu" ? 0 : fround(activation["leaky-relu"]);
    const classes = this.classes.length;
    const dim = points.length / this.count;
    // p of each network is needed twice, and as a logarithm: the label of an adversarial example may be next to impossible.
    const p = new Float64Array(this.count * classes);
    const logP = new Float64Array(this.count);
    for (let s = 0; s < this.count; s++) {
      const z = units.subarray(s * stride + steps.at(-1).units, (s + 1) * stride);
      let [most, sum] = [-Infinity, 0];
      for (let k = 0; k < classes; k++) most = max(most, z[k]);
      for (let k = 0; k < classes; k++) sum += exp(z[k] - most);
      for (let k = 0; k < classes; k++) p[s * classes + k] = exp(z[k] - most) / sum;
      logP[s] = z[c] - most - log(sum);
    }
    const peak = max(...logP);
    const total = logP.reduce((sum, l) => sum + exp(l - peak), 0);
    const gradient = new Float32Array(inputs.length);
    const largest = max(...steps.map(({ inputs, outputs }) => max(inputs, outputs)));
    let [delta, before] = [new Float64Array(largest), new Float64Array(largest)];
    for (let s = 0; s < this.count; s++) {
      const weightOfNetwork = exp(logP[s] - peak) / total;
      for (let k = 0; k < classes; k++) delta[k] = weightOfNetwork * ((k === c) - p[s * classes + k]);
      for (let l = steps.length - 1; l >= 0; l--) {
        const below = steps[l - 1];
        const [from, start] = below ? [units, s * stride + below.units] : [inputs, 0];
        before.fill(0, 0, steps[l].inputs);
        BACKWARD[steps[l].kind](steps[l], points, s * dim, delta, before, from, start);
        for (let i = 0; below?.activate && i < below.outputs; i++) {
          const a = from[start + i];
          before[i] *= activation === "tanh" ? 1 - a * a : a > 0 ? 1 : slope;
        }
        [delta, before] = [before, delta];
      }
      for (let i = 0; i < gradient.length; i++) gradient[i] += delta[i];
    }
    return gradient;
  }

  // The training rows that the file keeps, as a network's inputs: whitening is undone by forward substitution.
  referenceRows() {
    const { mean, whitening, rows } = this.#reference;
    const inputs = mean.length;
    return Array.from({ length: rows.length / inputs }, (_, row) => {
      const centered = Float64Array.from(rows.subarray(row * inputs, (row + 1) * inputs), (steps) => steps / STEPS);
      for (let [i, at] = [0, 0]; whitening.length > 0 && i < inputs; i++) {
        for (let j = 0; j < i; j++) centered[i] -= whitening[at++] * centered[j];
        centered[i] /= whitening[at++];
      }
      return Float32Array.from(centered, (x, i) => x + mean[i]);
    });
  }
}

function average(numbers) {
  return numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}
