// Pictures as numbers from 0 to 1, however they came to be, and how they are drawn. The two kinds of them answer to the same names.

/**
 * Drawings in ink on an empty background, as handwritten digits. A number is ink, and what is drawn or dropped is brought to the place and
 * size of training pictures.
 */
export function drawings(pictures, width, height) {
  const habits = habitsOf(pictures, width, height);
  return {
    width, height,
    paper: [0],
    blank: null,
    brush: habits.brush / 1.5, // Drawings are made larger later: so they look as thick as they will be.
    description: "centered, as large and as thick as training pictures are",
    inked: (strokes, base) => base ?? inked(strokes, habits, width, height),
    taken: (bitmap) => inkOf(bitmap, habits, width, height),
    rgba: ([ink], letters) => [...letters, 255 * ink], // Ink has the color of letters, and paper that of the page.
  };
}

/** Pictures whose whole area counts, as photographs. A number is the light of a pixel or of one of its colors, and what is drawn stays where it is. */
export function scenes(paper, width, height) {
  const channels = paper.length;
  const scene = {
    width, height, paper,
    blank: Float32Array.from({ length: width * height * channels }, (_, i) => paper[i % channels]),
    brush: Math.max(1, width / 10),
    description: `in ${channels === 1 ? "gray" : "color"}, as they lie on the pad; other pictures are cut to its shape`,
    inked: (strokes, base) => (strokes.length ? painted(strokes, base, scene) : base),
    taken: (bitmap) => covered(bitmap, scene),
    rgba: (light) => [...(channels === 1 ? [light[0], light[0], light[0]] : light), 1].map((part) => 255 * part),
  };
  return scene;
}

/** A canvas as fine as the screen; lengths on it are the page's, and its color is what the style sheet says, in the light and in the dark. */
export function blank(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return { context, width, height, color: getComputedStyle(canvas).color };
}

const numberAt = (picture, { width, height, paper }) => (x, y, channel = 0) =>
  x < 0 || y < 0 || x >= width || y >= height ? paper[channel] : picture[(y * width + x) * paper.length + channel];

/** How training pictures use their pixels: the box around the ink, its middle, and how thick a stroke is. */
function habitsOf(pictures, width, height) {
  const boxes = [];
  let area = 0;
  let slope = 0;
  for (const picture of pictures) {
    const at = numberAt(picture, { width, height, paper: [0] });
    for (let y = -1; y < height; y++) {
      for (let x = -1; x < width; x++) {
        area += at(x, y);
        slope += Math.hypot(at(x + 1, y) - at(x, y), at(x, y + 1) - at(x, y));
      }
    }
    boxes.push(boxOf(picture, width, height, 0.25));
  }
  const of = (key, share) => boxes.map(key).sort((a, b) => a - b)[Math.floor(share * (boxes.length - 1))];
  if (!boxes.length) return { width, height, x: width / 2, y: height / 2, brush: width / 10 };
  return {
    width: of(({ left, right }) => right - left, 0.8),
    height: of(({ top, bottom }) => bottom - top, 0.8),
    x: of(({ left, right }) => (left + right) / 2, 0.5),
    y: of(({ top, bottom }) => (top + bottom) / 2, 0.5),
    brush: (2 * area) / slope, // A stroke of length l and thickness t has the area l·t, and all slopes on both its sides add up to 2·l.
  };
}

function boxOf(picture, width, height, threshold) {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  picture.forEach((ink, at) => {
    if (ink < threshold) return;
    const [x, y] = [at % width, Math.floor(at / width)];
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x + 1);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y + 1);
  });
  return box.right > box.left ? box : { left: 0, top: 0, right: width, bottom: height };
}

const FINE = 4; // A pixel is the mean of a block of 4 × 4 finer ones, as in the digits.

/** The numbers of a pixel, each by its shares of red, green, blue and opacity. */
const INK = [[0, 0, 0, 1]];
const GRAY = [[0.299, 0.587, 0.114, 0]];
const COLOR = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]];

function numbersOf({ data }, shares) {
  return Float32Array.from({ length: (data.length / 4) * shares.length }, (_, i) => {
    const at = 4 * Math.floor(i / shares.length);
    return shares[i % shares.length].reduce((sum, share, part) => sum + share * data[at + part], 0) / 255;
  });
}

/** A canvas of finer pixels to draw on, and the picture that it makes. */
function fine(width, height, shares) {
  const canvas = new OffscreenCanvas(FINE * width, FINE * height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(FINE, FINE);
  const picture = () => {
    const channels = shares.length;
    const picture = new Float32Array(width * height * channels);
    numbersOf(context.getImageData(0, 0, canvas.width, canvas.height), shares).forEach((number, i) => {
      const at = Math.floor(i / channels);
      const [x, y] = [at % canvas.width, Math.floor(at / canvas.width)];
      picture[(Math.floor(y / FINE) * width + Math.floor(x / FINE)) * channels + (i % channels)] += number / FINE ** 2;
    });
    return picture;
  };
  return { context, picture };
}

/** Strokes are brought to the place and size of training pictures before they are inked, so that they are as thick however large they were drawn. */
function inked(strokes, habits, width, height) {
  const points = strokes.flatMap(({ points }) => points);
  if (!points.length) return new Float32Array(width * height);
  const [xs, ys] = [points.map(([x]) => x * width), points.map(([, y]) => y * height)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const room = (size) => Math.max(1, size - habits.brush);
  const scale = Math.min(2.5, room(habits.width) / (right - left || 0.01), room(habits.height) / (bottom - top || 0.01));
  const { context, picture } = fine(width, height, INK);
  context.lineWidth = habits.brush;
  trace(context, strokes, ([x, y]) => [habits.x + scale * (x * width - (left + right) / 2), habits.y + scale * (y * height - (top + bottom) / 2)]);
  return picture();
}

function trace(context, strokes, place) {
  context.lineCap = context.lineJoin = "round";
  for (const { color, points } of strokes) {
    if (color) context.strokeStyle = color;
    context.beginPath();
    context.moveTo(...place(points[0]));
    for (const point of points) context.lineTo(...place(point));
    context.stroke();
  }
}

/** Strokes in their colors on a picture. */
function painted(strokes, base, scene) {
  const { width, height, paper, brush } = scene;
  const { context, picture } = fine(width, height, paper.length === 1 ? GRAY : COLOR);
  const below = new OffscreenCanvas(width, height);
  drawPicture(below, base, scene, "");
  context.imageSmoothingEnabled = false;
  context.drawImage(below, 0, 0);
  context.lineWidth = brush;
  trace(context, strokes, ([x, y]) => [x * width, y * height]);
  return picture();
}

/** The middle of any picture, as large as it covers all pixels. */
function covered(bitmap, { width, height, paper }) {
  const { context, picture } = fine(width, height, paper.length === 1 ? GRAY : COLOR);
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [across, down] = [scale * bitmap.width, scale * bitmap.height];
  context.fillStyle = "white"; // What is transparent is paper.
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = scale * FINE < 1; // A picture of the model's own size keeps its pixels.
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (width - across) / 2, (height - down) / 2, across, down);
  return picture();
}

/** The ink of any picture: what differs from its edge, cropped, and brought to the place and size of training pictures. */
function inkOf(bitmap, habits, width, height) {
  const shrink = Math.min(1, 256 / Math.max(bitmap.width, bitmap.height));
  const [w, h] = [Math.max(1, Math.round(bitmap.width * shrink)), Math.max(1, Math.round(bitmap.height * shrink))];
  const canvas = new OffscreenCanvas(w, h);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // What is transparent is paper.
  context.fillRect(0, 0, w, h);
  context.drawImage(bitmap, 0, 0, w, h);
  const image = context.getImageData(0, 0, w, h);
  const light = numbersOf(image, GRAY);
  const edge = light.filter((_, at) => at < w || at >= w * (h - 1) || at % w === 0 || at % w === w - 1).sort();
  const paper = edge[edge.length >> 1];
  const far = light.reduce((far, value) => (Math.abs(value - paper) > Math.abs(far - paper) ? value : far), paper);
  const ink = light.map((value) => Math.min(1, Math.max(0, (value - paper) / (far - paper || 1))));
  ink.forEach((value, at) => image.data.set([0, 0, 0, 255 * value], 4 * at));
  context.putImageData(image, 0, 0);

  if (w === width && h === height) return ink; // It has the model's own pixels: nothing is to be moved.
  const { left, top, right, bottom } = boxOf(ink, w, h, 0.4);
  const scale = Math.min(habits.width / (right - left), habits.height / (bottom - top));
  const [across, down] = [scale * (right - left), scale * (bottom - top)];
  const { context: target, picture } = fine(width, height, INK);
  target.imageSmoothingQuality = "high";
  target.drawImage(canvas, left, top, right - left, bottom - top, habits.x - across / 2, habits.y - down / 2, across, down);
  return picture();
}

/** A picture turned clockwise about its middle; what comes in from outside is paper. */
export function turned(picture, kind, degrees) {
  if (degrees === 0) return picture;
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const { width, height, paper } = kind;
  const at = numberAt(picture, kind);
  return picture.map((_, i) => {
    const [pixel, channel] = [Math.floor(i / paper.length), i % paper.length];
    const [right, down] = [(pixel % width) - (width - 1) / 2, Math.floor(pixel / width) - (height - 1) / 2];
    const [x, y] = [cos * right + sin * down + (width - 1) / 2, cos * down - sin * right + (height - 1) / 2];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - left, y - top];
    const between = (y) => (1 - u) * at(left, y, channel) + u * at(left + 1, y, channel);
    return (1 - v) * between(top) + v * between(top + 1);
  });
}

export function drawPicture(canvas, picture, { width, height, rgba }, color = getComputedStyle(canvas).color) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const letters = color.match(/[\d.]+/g)?.slice(0, 3);
  const channels = picture.length / (width * height);
  for (let at = 0; at < width * height; at++) {
    image.data.set(rgba(picture.subarray(at * channels, (at + 1) * channels), letters), 4 * at);
  }
  context.putImageData(image, 0, 0);
}

export function drawPad(pad, base, strokes, cursor, kind) {
  const { width, height, brush } = kind;
  const { context, width: across, height: down, color } = blank(pad);
  if (base) {
    const copy = new OffscreenCanvas(width, height);
    drawPicture(copy, base, kind, color);
    context.imageSmoothingEnabled = false;
    context.drawImage(copy, 0, 0, across, down);
  }
  context.strokeStyle = color;
  context.lineWidth = (brush * across) / width;
  trace(context, strokes, ([x, y]) => [x * across, y * down]);
  if (cursor) {
    const [w, h] = [across / width, down / height];
    context.lineWidth = 3;
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    context.strokeRect(cursor[0] * w + 1.5, cursor[1] * h + 1.5, w - 3, h - 3);
  }
}
