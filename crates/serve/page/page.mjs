// The page of `apd serve`. Every prediction on it is made here, by `apd.mjs`, from the model file: at once, and also after the server is gone.

import { parse } from "./apd.mjs";
import { blank, drawings, drawPad, drawPicture, scenes, turned } from "./ink.mjs";

const STRANGE = 0.99; // The server abstains from here on.
const UNUSUAL = 0.9;
const SURVEYED = 200; // So many training rows are enough to know what is typical.
const FIRST = 40; // Of so many training pictures, the page begins with the one that is doubted most.
const COVERAGES = [0.9, 0.5];
const LINES = 12; // Of many classes, the most probable ones.
const FRAME = 8; // Milliseconds of background work that still let a frame pass.

const $ = (id) => document.getElementById(id);
const { body } = document;

/** The model that is shown, what the server says of it, and the pad or form that its row comes from. */
let model, about, input;
/** What the current model added to the page's own elements ends with it. */
let shown = new AbortController();

// ---- Words -----------------------------------------------------------------------------------------------------------------------------

const number = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 }).format;
const nats = (value) => `${value.toFixed(value < 0.0995 ? 3 : 2)}\u00a0nats`;
const listed = (words, last) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`);

function percent(p) {
  if (p > 0.999 && p < 1) return ">99.9\u00a0%";
  if (p < 0.001 && p > 0) return "<0.1\u00a0%";
  return `${(100 * p).toFixed(p > 0.1 && p < 0.9 ? 0 : 1).replace(".0", "")}\u00a0%`;
}

const isOfPictures = () => Boolean(model.classes && about.image);
const sample = () => (isOfPictures() ? "picture" : "row");

/** What the server says of rows, as it is said here: a number and its unit stay on one line. */
const adapted = (text) => text.replace(/(\d) (?=%|nats\b)/g, "$1\u00a0").replace(/\brow(?=s?\b)/g, sample());

/** As many decimals as something uncertain by `scale` deserves. */
function rounded(value, scale) {
  const decimals = Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(scale || 1))));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: "negative" });
}

/** What the networks say one by one: where most doubt is disagreement, who says what; else, what they are unsure about together. */
function agreement(classes, votes, probabilities, entropy, bald) {
  const { count } = model;
  const quoted = (k) => `“${classes[k]}”`;
  const ordered = (by, least) => [...classes.keys()].filter((k) => by[k] > least).sort((a, b) => by[b] - by[a]);
  const [first, ...others] = ordered(votes, 0);
  const open = ordered(probabilities, 0.1);
  const candidates = listed(open.slice(0, 4).map(quoted), "or");
  const sure = probabilities[open[0]] >= 0.9;
  if (!others.length && sure) return `All ${count} networks say ${quoted(first)}.`;
  if (!others.length) return `All ${count} networks lean to ${quoted(first)}, and none is sure: ${candidates}.`;
  if (bald < 0.5 * entropy && open.length > 1) return `The networks agree that it is ${candidates}, and not on which.`;
  if (sure) return `${votes[first]} of ${count} networks say ${quoted(first)}, ${count - votes[first]} something else.`;
  const further = others.slice(2).reduce((sum, k) => sum + votes[k], 0);
  const who = [`${votes[first]} of ${count} say ${quoted(first)}`, ...others.slice(0, 2).map((k) => `${votes[k]} ${quoted(k)}`)];
  return `The networks disagree: ${listed(further ? [...who, `${further} something else`] : who, "and")}.`;
}

function strangenessOf(ood) {
  const how = ood > STRANGE ? "Unlike what it has learned" : ood > UNUSUAL ? "Unusual" : "Like what it has learned";
  const than = ood === 0 ? "less strange than any" : ood === 1 ? "stranger than every" : `stranger than ${Math.round(100 * ood)}\u00a0% of`;
  return `${how}: ${than} held-out ${sample()}${ood % 1 ? "s" : ""}.`;
}

// ---- The answer ------------------------------------------------------------------------------------------------------------------------

let frame = 0;
let failing = false;

/** The answer is made anew before the next frame, however often something changes until then. */
function changed() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    try {
      show();
      if (failing) trouble("");
      failing = false;
    } catch (error) {
      trouble(error.message); // A number may be larger than a network can take.
      failing = true;
    }
  });
}

function show() {
  const row = input.row();
  const x = model.encode(row);
  const answer = model.predict(x, COVERAGES);
  const outputs = model.outputs(x);
  const [said, warning] = model.classes ? showClasses(answer, outputs.p) : showNumbers(answer, outputs.mean, x);
  $("ood").textContent = strangenessOf(answer.ood);
  $("ood").dataset.value = answer.ood;
  document.querySelector(".scale span").style.width = `${100 * answer.ood}%`;
  $("pixels").dataset.value = JSON.stringify(row);
  input.show(answer);
  announce([input.where?.(), said, $("sentence").textContent, $("ood").textContent, warning].filter(Boolean).join(" "));
  sweepAgain();
  body.dataset.ready = "true";
}

let announcing = 0;

/** A screen reader hears only what stays for a moment. */
function announce(sentence) {
  clearTimeout(announcing);
  announcing = setTimeout(() => ($("announcement").textContent = sentence), 700);
}

/** The line is never empty, so that nothing moves under a hand that draws. */
function caution(warning, ood) {
  $("caution").textContent = warning || (ood > UNUSUAL ? "It looks unusual." : "It looks like what it has learned.");
  $("caution").classList.toggle("warning", Boolean(warning));
}

function showClasses({ prediction, probabilities: calibrated, entropy, bald, ood, abstain }, p) {
  const { classes, count } = model;
  const votes = classes.map(() => 0);
  for (let s = 0; s < count; s++) {
    const own = p.subarray(s * classes.length, (s + 1) * classes.length);
    votes[own.indexOf(Math.max(...own))] += 1;
  }
  const probabilities = Array.from(calibrated);
  const most = Math.max(...probabilities);
  $("prediction").textContent = prediction;
  $("sure").textContent = `${percent(most)} sure`;
  $("sentence").textContent = agreement(classes, votes, probabilities, entropy, bald);
  const reason = ood > STRANGE ? "stranger than what it was tested on." : "another class may be right.";
  const warning = abstain ? `It abstains: ${reason}` : "";
  caution(warning, ood);

  const least = [...probabilities].sort((a, b) => b - a)[LINES - 1] ?? 0;
  for (const [k, line] of [...$("probabilities").children].entries()) {
    line.dataset.p = probabilities[k];
    line.classList.toggle("chosen", classes[k] === prediction);
    line.hidden = probabilities[k] < least;
    line.lastChild.textContent = percent(probabilities[k]);
    if (!line.hidden) drawDots(line.querySelector("canvas"), p, k, probabilities[k]);
  }

  const share = entropy > 0 ? bald / entropy : 0;
  const whole = Math.log(classes.length);
  $("doubt").textContent =
    entropy < 0.05 * whole ? "There is hardly any."
    : share > 0.5 ? `Mostly, the networks disagree: training ${sample()}s like this one would settle it.`
    : "Mostly, they are unsure together: it lies in the data, and more of the same would not help.";
  split((entropy - bald) / whole, bald / whole);
  for (const [id, value] of [["entropy", entropy], ["bald", bald], ["aleatoric", entropy - bald]]) {
    $(id).textContent = nats(Math.max(0, value));
    $(id).dataset.value = value;
  }
  return [`${model.target}: ${prediction}, ${percent(most)} sure.`, warning];
}

/** Each network keeps its height, so that the eye can follow it from class to class and from one picture to the next. */
function drawDots(canvas, p, k, together) {
  const { context, width, height, color } = blank(canvas);
  const radius = Math.min(3, Math.max(1.5, 60 / Math.sqrt(model.count) / 2));
  const across = (share) => radius + share * (width - 2 * radius);
  context.fillStyle = color;
  context.globalAlpha = 0.22;
  context.fillRect(0, 0, across(together), height);
  context.globalAlpha = 0.55;
  for (let s = 0; s < model.count; s++) {
    const place = (s * 0.6180339887) % 1;
    context.beginPath();
    context.arc(across(p[s * model.classes.length + k]), radius + place * (height - 2 * radius), radius, 0, 7);
    context.fill();
  }
}

let axis;

function showNumbers({ mean, sd, aleatoric_sd, epistemic_sd, intervals, ood }, means, x) {
  const [[, lower, upper], half] = intervals;
  const share = epistemic_sd ** 2 / (aleatoric_sd ** 2 + epistemic_sd ** 2);
  $("prediction").textContent = rounded(mean, sd);
  $("sure").textContent = `90\u00a0% between ${rounded(lower, sd)} and ${rounded(upper, sd)}`;
  $("sentence").textContent = share > 0.5 ? "The networks disagree." : "The networks agree, up to the data's noise.";
  const warning = ood > STRANGE ? "Take care: stranger than what it was tested on." : "";
  caution(warning, ood);
  for (const [id, value] of Object.entries({ mean, sd, lower, upper, aleatoric_sd, epistemic_sd })) {
    $(id).textContent = rounded(value, sd);
    $(id).dataset.value = value;
  }
  $("doubt").textContent = `${percent(1 - share)} of the variance is noise in the data, which stays; ${percent(share)} is networks that disagree, which more rows like this one would settle.`;
  split(1 - share, share);

  // The axis stays while it can: a curve is seen to move only against something that does not.
  const breadth = upper - lower;
  if (!axis || lower < axis[0] || upper > axis[1] || breadth < 0.15 * (axis[1] - axis[0])) axis = [lower - breadth, upper + breadth];
  drawDensity(x, [lower, upper], half.slice(1), mean, means);
  drawWhole(lower, upper);
  return [`${model.target}: ${rounded(mean, sd)}, ${$("sure").textContent}.`, warning];
}

function drawDensity(x, most, half, mean, means) {
  const [from, to] = axis;
  const { svg, across, part } = plot("density", from, to);
  const ys = Float64Array.from(evenly(from, to, 240));
  const densities = model.density(x, ys);
  const highest = Math.max(...densities);
  const points = Array.from(ys, (y, i) => `${across(y)} ${(184 - 168 * (densities[i] / highest)).toFixed(1)}`);
  const under = ([lower, upper]) => {
    const within = points.filter((_, i) => ys[i] >= lower && ys[i] <= upper);
    return within.length ? `M${across(lower)} 184L${within.join("L")}L${across(upper)} 184Z` : "";
  };
  part(".curve").setAttribute("d", `M${points.join("L")}`);
  part(".within").setAttribute("d", under(most));
  part(".half").setAttribute("d", under(half));
  part(".rug").setAttribute("d", Array.from(means, (m) => (m < from || m > to ? "" : `M${across(m)} 187v9`)).join(""));
  for (const end of ["x1", "x2"]) part(".mean").setAttribute(end, across(mean));
  svg.setAttribute("aria-label", `Predictive density: mean ${number(mean)}, 90\u00a0% between ${number(most[0])} and ${number(most[1])}`);
}

function drawWhole(lower, upper) {
  const means = surveyed.map(({ answer }) => answer.mean);
  const { across, part } = plot("whole", Math.min(lower, ...means), Math.max(upper, ...means));
  part(".interval").setAttribute("x", across(lower));
  part(".interval").setAttribute("width", Math.max(3, across(upper) - across(lower)));
}

/** A drawing with an axis. Its units are pixels of the page, so that letters are as large on a phone. */
function plot(id, from, to) {
  const svg = $(id);
  const part = (selector) => svg.querySelector(selector);
  const { height } = svg.viewBox.baseVal;
  const width = svg.clientWidth || 600;
  const across = (y) => (((y - from) / (to - from)) * width).toFixed(1);
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const first = Math.ceil(from / step);
  const marks = Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => (first + i) * step);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  part(".axis").setAttribute("x2", width);
  part(".ticks").innerHTML = marks.map((y) => `<text x="${across(y)}" y="${height - 4}">${number(y)}</text>`).join("");
  return { svg, across, part };
}

function split(data, networks) {
  document.querySelector(".split .data").style.flexBasis = `${100 * data}%`;
  document.querySelector(".split .networks").style.flexBasis = `${100 * networks}%`;
}

// ---- What changes it -------------------------------------------------------------------------------------------------------------------

/** Curves over one setting each, everything else as it is. They are made between frames; what is stale longest comes first. */
let sweeps = [];
const stale = new Set();
let state = 0;
let sweeping = 0;

function sweepAgain() {
  state += 1;
  for (const sweep of sweeps) {
    sweep.mark();
    stale.add(sweep);
  }
  sweeping ||= requestAnimationFrame(sweepOn);
}

function sweepOn() {
  const until = performance.now() + FRAME;
  sweeping = 0;
  for (const sweep of stale) {
    if (!sweep.points.length) sweep.state = state;
    while (sweep.points.length < sweep.values.length) {
      if (performance.now() > until) {
        sweeping = requestAnimationFrame(sweepOn);
        return;
      }
      sweep.points.push(sweep.at(sweep.values[sweep.points.length]));
    }
    stale.delete(sweep);
    if (sweep.state !== state) stale.add(sweep);
    sweep.done = sweep.points;
    sweep.points = [];
    drawSweeps();
  }
}

/** All on one scale: what changes nothing is to look flat beside what does. */
function drawSweeps() {
  const done = sweeps.filter((sweep) => sweep.done);
  const all = done.flatMap((sweep) => sweep.done);
  const range = input.range ?? [Math.min(...all.map((point) => point.lower)), Math.max(...all.map((point) => point.upper))];
  for (const sweep of done) sweep.draw(range);
  input.swept?.(done);
}

/**
 * A curve above the control of a setting; a click on it sets the value.
 * `values` are the places where it is computed, `at` says {middle, lower, upper} there, `now` the share of the way where the setting is.
 */
function sweepOver({ control, values, at, now, set, effect, stepped = false }) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "sweep");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = '<path class="band"/><path class="line"/><path class="here"/>';
  const [band, line, here] = svg.children;
  const words = made("p", { className: "effect", id: `${control.id}-effect` });
  control.setAttribute("aria-describedby", words.id);
  const last = values.length - 1;
  const sweep = { values, at, points: [] };
  sweep.mark = () => here.setAttribute("d", now() === null ? "" : `M${100 * now()} 0V100`);
  sweep.draw = ([from, to]) => {
    const down = (y) => (98 - 96 * ((y - from) / (to - from || 1))).toFixed(1);
    const { done } = sweep;
    const width = 100 / values.length;
    if (stepped) {
      const [left, right] = [(i) => (i + 0.15) * width, (i) => (i + 0.85) * width];
      line.setAttribute("d", done.map((point, i) => `M${left(i)} ${down(point.middle)}H${right(i)}`).join(""));
      band.setAttribute("d", done.map((point, i) => `M${left(i)} ${down(point.lower)}H${right(i)}V${down(point.upper)}H${left(i)}Z`).join(""));
    } else {
      const along = (key) => done.map((point, i) => `${(100 * i) / last} ${down(point[key])}`);
      line.setAttribute("d", `M${along("middle").join("L")}`);
      band.setAttribute("d", `M${[...along("upper"), ...along("lower").reverse()].join("L")}Z`);
    }
    const middles = done.map((point) => point.middle);
    sweep.span = Math.max(...middles) - Math.min(...middles);
    words.textContent = effect(Math.min(...middles), Math.max(...middles));
  };
  svg.addEventListener("click", (event) => {
    const share = Math.min(1, Math.max(0, event.offsetX / svg.clientWidth));
    set(stepped ? values[Math.min(last, Math.floor(share * values.length))] : values[0] + share * (values[last] - values[0]));
  });
  sweeps.push(sweep);
  return { sweep, svg, words };
}

function made(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const evenly = (from, to, steps) => Array.from({ length: steps + 1 }, (_, i) => from + (i / steps) * (to - from));

// ---- Pictures --------------------------------------------------------------------------------------------------------------------------

/** The pad and what is done to what is on it. A picture has numbers from 0 to 1: of ink, whichever end of the pixels' range is paper, or of light. */
function pictureInput() {
  const { signal } = shown;
  const { width, height, channels, low, high } = about.image;
  const pixels = model.features.map(({ name }) => Number(name.match(/\d+$/)));
  const references = model.referenceRows();
  const training = references.slice(0, SURVEYED).map((x) => model.decode(x));

  const isEdge = (x, y) => x === 0 || y === 0 || x === width - 1 || y === height - 1;
  const onEdge = (at) => isEdge(Math.floor(at / channels) % width, Math.floor(at / channels / width));
  const edgesOf = (channel) => {
    const own = model.features.filter((_, j) => onEdge(pixels[j]) && pixels[j] % channels === channel);
    return own.flatMap(({ name }) => training.map((row) => row[name]));
  };
  const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? low;

  // Drawings are gray, and two thirds of their edges are nearly the lightest or nearly the darkest value, which is paper.
  // Pixels that never vary are no features, and taken for paper, too.
  const background = median(edgesOf(0)) > (low + high) / 2 ? high : low;
  const busy = edgesOf(0).filter((value) => Math.abs(value - background) > 0.1 * (high - low));
  const isDrawn = channels === 1 && busy.length <= (training.length * 2 * (width + height - 2)) / 3;
  const [zero, one] = isDrawn && background === high ? [high, low] : [low, high];
  const numberOf = (value) => Math.min(1, Math.max(0, (value - zero) / (one - zero)));
  const paper = isDrawn ? [0] : Array.from({ length: channels }, (_, channel) => numberOf(median(edgesOf(channel))));

  const valuesOf = (picture) => pixels.map((at) => zero + picture[at] * (one - zero));
  const rowOf = (values) => Object.fromEntries(model.features.map(({ name }, j) => [name, values[j]]));
  const pictureOf = (row) => {
    const picture = Float32Array.from({ length: width * height * channels }, (_, i) => paper[i % channels]);
    model.features.forEach(({ name }, j) => (picture[pixels[j]] = numberOf(row[name])));
    return picture;
  };
  const kind = isDrawn ? drawings(training.map(pictureOf), width, height) : scenes(paper, width, height);

  const pad = $("pad");
  const doubts = references.slice(0, FIRST).map((x) => model.predict(x).entropy);
  const first = training[doubts.indexOf(Math.max(...doubts))];
  let base = first ? pictureOf(first) : kind.blank; // A picture that was picked, chosen or painted; strokes are on it, or what there is.
  let strokes = [];
  let cursor = null;
  let angle = 0;
  let strength = 0;
  let picture; // What is on the pad,
  let seen; // and the row that comes of it.
  const start = [...model.features.keys()].map(((next) => (j) => [next, (next += 1 + model.features[j].indicator)][0])(0));

  /** The values of the networks' pixels: turned, then each moved by at most ε toward less of the class that is predicted. */
  function twisted(angle, strength) {
    const values = valuesOf(turned(picture, kind, angle));
    if (strength === 0) return values;
    const x = model.encode(rowOf(values));
    const label = model.classes.indexOf(model.predict(x).prediction);
    const gradient = model.inputGradient(x, label);
    const step = strength * (high - low);
    return values.map((value, j) => Math.min(high, Math.max(low, value - step * Math.sign(gradient[start[j]]))));
  }

  function replace(picture) {
    base = picture;
    strokes = [];
    changed();
  }

  // Ink of a color, or gray where all pictures are.
  const color = $("color");
  const grayOf = (red, green = red, blue = red) => 0.299 * red + 0.587 * green + 0.114 * blue;
  $("ink").hidden = isDrawn;
  color.value = grayOf(...paper) > 0.5 ? "#000000" : "#ffffff";
  const light = () => [1, 3, 5].map((at) => parseInt(color.value.slice(at, at + 2), 16) / 255);
  color.addEventListener("input", () => {
    if (channels > 1) return;
    const gray = Math.round(255 * grayOf(...light()));
    color.value = `#${gray.toString(16).padStart(2, "0").repeat(3)}`;
  }, { signal });

  // Strokes by pointer.
  let corner; // Where the pad was when the stroke began: a hand does not follow it if the page moves under it.
  const place = ({ clientX, clientY }) => [(clientX - corner.left) / corner.width, (clientY - corner.top) / corner.height];
  pad.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || !event.isPrimary) return;
    pad.setPointerCapture(event.pointerId);
    if (isDrawn && base) replace(null);
    corner = pad.getBoundingClientRect();
    cursor = null;
    strokes.push({ color: isDrawn ? null : color.value, points: [place(event)] });
    changed();
  }, { signal });
  pad.addEventListener("pointermove", (event) => {
    if (!pad.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1)?.points.push(...(events.length ? events : [event]).map(place));
    changed();
  }, { signal });

  // Pixels by keyboard.
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const move = moves[event.key];
    if (event.key === "Delete" || event.key === "Backspace") clear();
    else if (move && !cursor) cursor = [width >> 1, height >> 1];
    else if (move) cursor = [(cursor[0] + move[0] + width) % width, (cursor[1] + move[1] + height) % height];
    else if (event.key !== " ") return;
    event.preventDefault();
    cursor ??= [width >> 1, height >> 1];
    if (event.key === " " || (move && event.shiftKey)) {
      const at = cursor[1] * width + cursor[0];
      const painted = Float32Array.from(kind.inked(strokes, base));
      const ink = isDrawn ? [event.key === " " && painted[at] > 0.5 ? 0 : 1] : light().slice(0, channels);
      painted.set(ink, at * channels);
      replace(painted);
    }
    changed();
  }, { signal });

  function clear() {
    replace(kind.blank);
    for (const twist of twists) twist.set(0);
  }
  $("clear").addEventListener("click", clear, { signal });

  // Pictures from outside.
  async function take(file) {
    trouble("");
    try {
      replace(kind.taken(await createImageBitmap(file)));
    } catch {
      trouble(`${file.name} is not a picture that this browser can read.`);
    }
  }
  $("file").addEventListener("change", ({ target }) => {
    if (target.files[0]) take(target.files[0]);
    target.value = ""; // The same file can be chosen again.
  }, { signal });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      pad.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    }, { signal });
  }

  // Turned, and adversarial.
  const doubt = (values) => {
    const { entropy, bald } = model.predict(model.encode(rowOf(values)));
    return { middle: entropy, lower: 0, upper: bald };
  };
  const effect = (from, to) => `doubt from ${nats(from)} to ${nats(to)}`;
  const degrees = (v) => `${v}°`;
  const share = (v) => `up to ${Math.round(100 * v)}\u00a0% a pixel`;
  const twists = [
    slider({ name: "Turned", min: -180, max: 180, step: 1, steps: 36, format: degrees, change: (v) => (angle = v), at: (v) => doubt(twisted(v, strength)), effect }),
    slider({ name: "Adversarial", min: 0, max: 0.25, step: 0.01, steps: 25, format: share, change: (v) => (strength = v), at: (v) => doubt(twisted(angle, v)), effect }),
  ];
  $("twists").replaceChildren(...twists.map(({ element }) => element));
  $("resolution").textContent = `${width}\u00a0×\u00a0${height}\u00a0pixels, ${kind.description}.`;
  for (const id of ["typical", "doubtful"]) $(id).replaceChildren();

  const gallery = [];
  function thumbnail({ row, answer }) {
    const canvas = made("canvas", {});
    const says = `Training picture, it says ${answer.prediction}, ${percent(Math.max(...answer.probabilities))} sure`;
    const button = made("button", { type: "button", ariaLabel: says }, canvas);
    button.addEventListener("click", () => replace(pictureOf(row)));
    gallery.push([canvas, pictureOf(row)]);
    return button;
  }

  return {
    range: [0, Math.log(model.classes?.length ?? 2)],
    row() {
      picture = kind.inked(strokes, base);
      return (seen = rowOf(twisted(angle, strength)));
    },
    where() {
      if (!cursor) return null;
      const at = (cursor[1] * width + cursor[0]) * channels;
      const what = isDrawn ? ["ink"] : channels === 1 ? ["light"] : ["red", "green", "blue"];
      return `Row ${cursor[1] + 1}, column ${cursor[0] + 1}: ${what.map((name, c) => `${percent(picture[at + c])} ${name}`).join(", ")}.`;
    },
    show() {
      drawPicture($("seen"), pictureOf(seen), kind);
      drawPad(pad, base, strokes, cursor, kind);
    },
    repaint() {
      for (const [canvas, picture] of gallery) drawPicture(canvas, picture, kind);
    },
    surveyed(rows) {
      const clear = [...rows].sort((a, b) => a.answer.entropy - b.answer.entropy);
      const typical = model.classes.map((name) => clear.find(({ answer }) => answer.prediction === name)).filter(Boolean);
      $("typical").replaceChildren(...typical.slice(0, 12).map(thumbnail));
      $("doubtful").replaceChildren(...clear.slice(-6).reverse().map(thumbnail));
      this.repaint();
    },
  };
}

/** A setting of the whole picture: name, value in words, curve, slider. */
function slider({ name, min, max, step, steps, format, change, at, effect }) {
  const id = `twist-${name.toLowerCase()}`;
  const range = made("input", { type: "range", id, min, max, step, value: 0 });
  const output = made("output", { textContent: format(0), htmlFor: id });
  const set = (value) => {
    range.value = value;
    output.textContent = format(range.valueAsNumber);
    range.setAttribute("aria-valuetext", output.textContent);
    change(range.valueAsNumber);
    changed();
  };
  range.addEventListener("input", () => set(range.value));
  const now = () => (range.valueAsNumber - min) / (max - min);
  const { svg, words } = sweepOver({ control: range, values: evenly(min, max, steps), at, now, set, effect });
  const top = made("div", { className: "top" }, made("label", { htmlFor: id, textContent: name }), output);
  return { element: made("div", { className: "field" }, top, svg, range, words), set };
}

// ---- Tables ----------------------------------------------------------------------------------------------------------------------------

/** A form from the schema, and over each field how the answer moves along it. */
function tableInput() {
  const { signal } = shown;
  const training = model.referenceRows().map((x) => model.decode(x));
  const row = {};
  let predicted;

  /** The answer if one value were another one: the mean and its interval, or the probability of the class that is predicted now. */
  function at(name, value) {
    const answer = model.predict(model.encode({ ...row, [name]: value }));
    if (!model.classes) return { middle: answer.mean, lower: answer.intervals[0][1], upper: answer.intervals[0][2] };
    const p = answer.probabilities[predicted];
    return { middle: p, lower: 0, upper: p };
  }
  const effect = (from, to) =>
    model.classes ? `${model.classes[predicted]}: from ${percent(from)} to ${percent(to)}` : `mean from ${rounded(from, to - from)} to ${rounded(to, to - from)}`;

  function numberField({ name, mean, sd }, id) {
    const [min, max] = [mean - 2 * sd, mean + 2 * sd];
    const decimals = Math.max(0, 2 - Math.floor(Math.log10(sd || 1)));
    const tidy = (value) => Number(value.toFixed(Math.min(12, decimals)));
    const range = made("input", { type: "range", id: `${id}-range`, min, max, step: "any", ariaLabel: `${name}, slider` });
    const box = made("input", { type: "number", id, step: 10 ** (1 - decimals), placeholder: "missing" });
    const set = (value) => {
      row[name] = value === null ? null : tidy(value);
      range.value = row[name] ?? mean;
      range.setAttribute("aria-valuetext", row[name] === null ? "missing" : String(row[name]));
      if (box.valueAsNumber !== row[name]) box.value = row[name] ?? "";
      changed();
    };
    range.addEventListener("input", () => set(range.valueAsNumber));
    box.addEventListener("input", () => set(Number.isFinite(box.valueAsNumber) ? box.valueAsNumber : null));
    const now = () => (row[name] === null ? null : Math.min(1, Math.max(0, (row[name] - min) / (max - min))));
    const { sweep, svg, words } = sweepOver({ control: range, values: evenly(min, max, 24), at: (value) => at(name, value), now, set, effect });
    const top = made("div", { className: "top" }, made("label", { htmlFor: id, textContent: name }), box);
    return { name, set, sweep, usual: mean, element: made("div", { className: "field" }, top, svg, range, words) };
  }

  function categoryField({ name, levels }, id) {
    const values = [...levels, null];
    const options = values.map((level, i) => made("option", { value: i, textContent: level ?? "other or missing" }));
    const select = made("select", { id }, ...options);
    const set = (value) => {
      row[name] = levels.includes(value) ? value : null;
      select.value = values.indexOf(row[name]);
      changed();
    };
    select.addEventListener("input", () => set(values[select.value]));
    const now = () => (values.indexOf(row[name]) + 0.5) / values.length;
    const { sweep, svg, words } = sweepOver({ control: select, values, at: (value) => at(name, value), now, set, effect, stepped: true });
    const top = made("div", { className: "top" }, made("label", { htmlFor: id, textContent: name }));
    return { name, set, sweep, usual: levels[0] ?? null, element: made("div", { className: "field" }, top, svg, select, words) };
  }

  const fields = model.features.map((feature, j) => (feature.kind === "number" ? numberField : categoryField)(feature, `field-${j}`));

  let next = 0;
  function another() {
    for (const field of fields) field.set(training[next]?.[field.name] ?? (training.length ? null : field.usual));
    next = (next + 61) % (training.length || 1); // Neighbors in the file may be alike.
  }
  $("another").addEventListener("click", another, { signal });
  $("average").addEventListener("click", () => fields.forEach((field) => field.set(field.usual)), { signal });
  $("fields").addEventListener("submit", (event) => event.preventDefault(), { signal });
  $("fields").replaceChildren(...fields.map(({ element }) => element));
  another();

  return {
    range: model.classes ? [0, 1] : null,
    row: () => ({ ...row }),
    show: ({ prediction }) => (predicted = model.classes?.indexOf(prediction)),
    swept(done) {
      const order = fields.filter(({ sweep }) => done.includes(sweep)).sort((a, b) => b.sweep.span - a.sweep.span);
      $("influence").textContent = `What changes it most: ${listed(order.slice(0, 2).map(({ name }) => name), "and")}.`;
    },
  };
}

// ---- The model -------------------------------------------------------------------------------------------------------------------------

function trouble(sentence) {
  $("trouble").hidden = !sentence;
  $("trouble").textContent = sentence;
}

/** Training rows and what the model says of them. */
let surveyed = [];

/** Looks at training rows without holding up the page. */
async function survey(signal) {
  const rows = model.referenceRows().slice(0, SURVEYED);
  const found = [];
  let until = performance.now() + FRAME;
  for (const x of rows) {
    found.push({ row: model.decode(x), answer: model.predict(x) });
    if (performance.now() < until) continue;
    await new Promise((resume) => setTimeout(resume));
    if (signal.aborted) return;
    until = performance.now() + FRAME;
  }
  surveyed = found;
  body.dataset.surveyed = "true";
  input.surveyed?.(found);
  changed();
}

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`The server answers ${path} with ${response.status}.`);
  return response;
}

async function open(described) {
  trouble("");
  const file = await (await fetched(`models/${encodeURIComponent(described.name)}/file`)).arrayBuffer();
  if (described.name !== $("models").value) return; // Meanwhile another one was asked for.
  // A file that cannot be read leaves what is shown as it is.
  const opened = parse(file);
  shown.abort();
  shown = new AbortController();
  [model, about, sweeps, surveyed, axis] = [opened, described, [], [], null];
  stale.clear();
  delete body.dataset.surveyed;

  const { classes, count, target } = model;
  $("title").textContent = about.name;
  document.title = `${about.name} · apd`;
  $("about").textContent = `predicts ${target} · ${count} networks · ${Math.round(about.bytes / 1000)}\u00a0kB`;
  $("target").textContent = target;
  for (const place of document.querySelectorAll(".count")) place.textContent = count;
  for (const place of document.querySelectorAll(".samples")) place.textContent = `${sample()}s`;
  body.dataset.task = classes ? "classification" : "regression";
  showVerdicts(about.verdicts ?? []);

  const line = (name) => {
    const line = made("li", {}, made("span", { textContent: name, title: name }), made("canvas", { ariaHidden: "true" }), made("span", {}));
    line.dataset.class = name;
    return line;
  };
  $("probabilities").replaceChildren(...(classes ?? []).map(line));
  body.toggleAttribute("data-words", classes?.some((name) => name.length > 2) ?? false);
  body.toggleAttribute("data-few", (classes?.length ?? 0) < 5);

  const pictures = isOfPictures();
  body.dataset.input = pictures ? "image" : "table";
  $("image").hidden = !pictures;
  $("table").hidden = pictures;
  document.querySelector("main").hidden = false;
  input = pictures ? pictureInput() : tableInput();
  changed();
  survey(shown.signal);
}

function showVerdicts(verdicts) {
  const [summary, list] = $("verdicts").children;
  const failed = verdicts.filter(({ met }) => !met);
  $("verdicts").hidden = !verdicts.length;
  const asked = failed.length ? ` · NOT met: ${listed(failed.map(({ question }) => adapted(question)), "and")}` : "";
  summary.textContent = `${verdicts.length - failed.length} of ${verdicts.length} checks met on held-out ${sample()}s${asked}`;
  const line = ({ question, met, found }) => made("li", {}, ...[met ? "met" : "NOT met", adapted(question), adapted(found)].map((textContent) => made("span", { textContent })));
  list.replaceChildren(...verdicts.map(line));
}

async function begin() {
  try {
    const models = await (await fetched("models")).json();
    $("models").replaceChildren(...models.map(({ name }) => made("option", { value: name, textContent: name })));
    $("choice").hidden = models.length < 2;
    $("models").addEventListener("change", ({ target }) => open(models[target.selectedIndex]).catch((error) => trouble(error.message)));
    if (models.length) await open(models[0]);
    else trouble("The server has no model.");
  } catch (error) {
    trouble(error.message);
  }
}

new ResizeObserver(() => input && changed()).observe(body);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  input?.repaint?.();
  if (input) changed();
});
begin();
