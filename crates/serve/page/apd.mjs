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

// A model from the bytes of its file.
export function parse(buffer) {
  const file = container(buffer);
  const { metadata, layout } = file.apd;
  const [description] = json(metadata?.["apd.fitted"], "apd.fitted");
  need(description?.version === 1, `format version ${description?.version}, expected 1`);
  const { network, likelihood, scaling } = description;
  const { widths, activation } = network?.mlp ?? {};
  const isWidth = (width) => Number.isSafeInteger(width) && width > 0;
  need(Array.isArray(widths) && widths.length > 1 && widths.every(isWidth), "its network is no perceptron, which only the library evaluates");
  const isActivation = activation === "tanh" || activation === "relu" || Number.isFinite(activation?.["leaky-relu"]);
  need(isActivation, `activation ${JSON.stringify(activation)}, expected tanh, relu or leaky-relu`);
  const table = json(metadata["apd.table"], "apd.table");
  const { target, features } = readFeatures(table.schema);
  const inputs = features.reduce((sum, feature) => sum + width(feature), 0);
  need(inputs === widths[0], `columns of ${inputs} inputs for a network of ${widths[0]}`);
  const outputs = widths.at(-1);
  const classes = target.classes;
  const kind = classes ? "categorical" : "heteroscedastic-gaussian";
  need(likelihood?.kind === kind, `likelihood ${likelihood?.kind}, expected ${kind}`);
  need(outputs === (classes ? classes.length : 2), `${outputs} outputs for ${classes ? `${classes.length} classes` : "a number"}`);
  const floor = likelihood.floor ?? 0;
  need(floor >= 0 && floor < Infinity, `a floor of ${floor}`);
  const { mean, sd } = scaling ?? { mean: [0], sd: [1] };
  need(isNumbers(mean, 1) && isNumbers(sd, 1) && sd[0] > 0, "the scaling of the target cannot be undone");

  const { count, points } = readNetworks(file);
  const layers = [];
  let offset = 0;
  const expectEntry = (name, shape) => {
    const entry = layout?.entries?.[2 * layers.length + (shape.length === 1)];
    const fits = entry?.name === name && entry.offset === offset && String(entry.shape) === String(shape);
    need(fits, `layout: expected \`${name}\` [${shape}] at ${offset}, found ${JSON.stringify(entry)}`);
    offset += shape.reduce((count, axis) => count * axis, 1);
  };
  for (let l = 0; l + 1 < widths.length; l++) {
    const [inputs, outputs] = [widths[l], widths[l + 1]];
    const weight = offset;
    expectEntry(`layers.${l}.weight`, [outputs, inputs]);
    const bias = offset;
    expectEntry(`layers.${l}.bias`, [outputs]);
    layers.push({ inputs, outputs, weight, bias });
  }
  need(offset * count === points.length, `networks of ${points.length / count} parameters, expected ${offset}`);
  const reference = readReference(table.reference, inputs);
  const calibration = readCalibration(table.calibration, classes !== null);
  return new Model({ target: target.name, classes, features, count, network: { widths, activation } },
    { points, layers, floor, scale: sd[0], shift: mean[0], reference, calibration });
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
  #points; #layers; #floor; #scale; #shift; #reference; #calibration;
  // Of all networks, the units of all layers: written by each evaluation, and reused by the next.
  #units;

  constructor(seen, { points, layers, floor, scale, shift, reference, calibration }) {
    Object.assign(this, seen);
    [this.#points, this.#layers, this.#floor, this.#scale, this.#shift] = [points, layers, floor, scale, shift];
    [this.#reference, this.#calibration] = [reference, calibration];
    for (let [l, at] = [0, 0]; l < layers.length; at += layers[l++].outputs) layers[l].units = at;
    this.#units = new Float32Array(this.count * this.#stride);
  }

  get #stride() {
    const last = this.#layers.at(-1);
    return last.units + last.outputs;
  }

  // A network's inputs from a row's values by their columns' names; null, an empty text and NaN are missing.
  encode(row) {
    const x = new Float32Array(this.network.widths[0]);
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
    need(inputs.length === this.network.widths[0], `${inputs.length} inputs, expected ${this.network.widths[0]}`);
    return inputs;
  }

  // Fills the units: each is its bias, and its products added one by one.
  #evaluate(x) {
    const [points, units, layers, stride] = [this.#points, this.#units, this.#layers, this.#stride];
    const { activation } = this.network;
    const slope = activation === "relu" ? 0 : fround(activation["leaky-relu"]);
    const dim = points.length / this.count;
    for (let s = 0; s < this.count; s++) {
      const base = s * dim;
      let [from, start] = [x, 0];
      for (let l = 0; l < layers.length; l++) {
        const { inputs, outputs, weight, bias, units: at } = layers[l];
        for (let j = 0; j < outputs; j++) {
          let z = points[base + bias + j];
          const row = base + weight + j * inputs;
          for (let i = 0; i < inputs; i++) z = fround(z + points[row + i] * from[start + i]);
          if (l + 1 < layers.length) z = activation === "tanh" ? tanh(z) : z > 0 ? z : fround(slope * z);
          units[s * stride + at + j] = z;
        }
        [from, start] = [units, s * stride + at];
      }
    }
  }

  // What each network says: its probabilities of the classes, as they are before calibration (count × classes), or the means and scales of
  // its laws of a number, calibrated and in the target's units.
  outputs(x) {
    this.#evaluate(this.#inputs(x));
    const [units, stride, first, count] = [this.#units, this.#stride, this.#layers.at(-1).units, this.count];
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
    this.#evaluate(this.#inputs(x));
    const [units, points, layers, stride] = [this.#units, this.#points, this.#layers, this.#stride];
    const { widths, activation } = this.network;
    const slope = activation === "relu" ? 0 : fround(activation["leaky-relu"]);
    const classes = this.classes.length;
    const dim = points.length / this.count;
    // p of each network is needed twice, and as a logarithm: the label of an adversarial example may be next to impossible.
    const p = new Float64Array(this.count * classes);
    const logP = new Float64Array(this.count);
    for (let s = 0; s < this.count; s++) {
      const z = units.subarray(s * stride + layers.at(-1).units, (s + 1) * stride);
      let [most, sum] = [-Infinity, 0];
      for (let k = 0; k < classes; k++) most = max(most, z[k]);
      for (let k = 0; k < classes; k++) sum += exp(z[k] - most);
      for (let k = 0; k < classes; k++) p[s * classes + k] = exp(z[k] - most) / sum;
      logP[s] = z[c] - most - log(sum);
    }
    const peak = max(...logP);
    const total = logP.reduce((sum, l) => sum + exp(l - peak), 0);
    const gradient = new Float32Array(widths[0]);
    let [delta, before] = [new Float64Array(max(...widths)), new Float64Array(max(...widths))];
    for (let s = 0; s < this.count; s++) {
      const weightOfNetwork = exp(logP[s] - peak) / total;
      for (let k = 0; k < classes; k++) delta[k] = weightOfNetwork * ((k === c) - p[s * classes + k]);
      for (let l = layers.length - 1; l >= 0; l--) {
        const { inputs, outputs, weight } = layers[l];
        before.fill(0, 0, inputs);
        for (let j = 0; j < outputs; j++) {
          const row = s * dim + weight + j * inputs;
          for (let i = 0; i < inputs; i++) before[i] += delta[j] * points[row + i];
        }
        if (l > 0) {
          const at = s * stride + layers[l - 1].units;
          for (let i = 0; i < inputs; i++) {
            const a = units[at + i];
            before[i] *= activation === "tanh" ? 1 - a * a : a > 0 ? 1 : slope;
          }
        }
        [delta, before] = [before, delta];
      }
      for (let i = 0; i < widths[0]; i++) gradient[i] += delta[i];
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
