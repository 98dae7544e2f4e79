// Pictures as ink: a number from 0 to 1 for each pixel, however they came to be, and how they are drawn.

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

const inkAt = (picture, width, height) => (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : picture[y * width + x]);

/** How training pictures use their pixels: the box around the ink, its middle, and how thick a stroke is. */
export function habitsOf(pictures, width, height) {
  const boxes = [];
  let area = 0;
  let slope = 0;
  for (const picture of pictures) {
    const at = inkAt(picture, width, height);
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

const FINE = 4; // A pixel is the share of ink in a block of 4 × 4 finer ones, as in the digits.

/** A canvas of finer pixels to draw on, and the picture that it makes. */
function fine(width, height) {
  const canvas = new OffscreenCanvas(FINE * width, FINE * height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(FINE, FINE);
  const picture = () => {
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const picture = new Float32Array(width * height);
    for (let at = 0; at < canvas.width * canvas.height; at++) {
      const [x, y] = [at % canvas.width, Math.floor(at / canvas.width)];
      picture[Math.floor(y / FINE) * width + Math.floor(x / FINE)] += data[4 * at + 3] / 255 / FINE ** 2;
    }
    return picture;
  };
  return { context, picture };
}

/** Strokes are brought to the place and size of training pictures before they are inked, so that they are as thick however large they were drawn. */
export function inked(strokes, habits, width, height) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(width * height);
  const [xs, ys] = [points.map(([x]) => x * width), points.map(([, y]) => y * height)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const room = (size) => Math.max(1, size - habits.brush);
  const scale = Math.min(2.5, room(habits.width) / (right - left || 0.01), room(habits.height) / (bottom - top || 0.01));
  const { context, picture } = fine(width, height);
  context.lineWidth = habits.brush;
  trace(context, strokes, ([x, y]) => [habits.x + scale * (x * width - (left + right) / 2), habits.y + scale * (y * height - (top + bottom) / 2)]);
  return picture();
}

function trace(context, strokes, place) {
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...place(stroke[0]));
    for (const point of stroke) context.lineTo(...place(point));
    context.stroke();
  }
}

/** The ink of any picture: what differs from its edge, cropped, and brought to the place and size of training pictures. */
export function inkOf(bitmap, habits, width, height) {
  const shrink = Math.min(1, 256 / Math.max(bitmap.width, bitmap.height));
  const [w, h] = [Math.max(1, Math.round(bitmap.width * shrink)), Math.max(1, Math.round(bitmap.height * shrink))];
  const canvas = new OffscreenCanvas(w, h);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // What is transparent is paper.
  context.fillRect(0, 0, w, h);
  context.drawImage(bitmap, 0, 0, w, h);
  const image = context.getImageData(0, 0, w, h);
  const light = Float32Array.from({ length: w * h }, (_, at) => (0.299 * image.data[4 * at] + 0.587 * image.data[4 * at + 1] + 0.114 * image.data[4 * at + 2]) / 255);
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
  const { context: target, picture } = fine(width, height);
  target.imageSmoothingQuality = "high";
  target.drawImage(canvas, left, top, right - left, bottom - top, habits.x - across / 2, habits.y - down / 2, across, down);
  return picture();
}

/** A picture turned clockwise about its middle; what comes in from outside is paper. */
export function turned(picture, width, height, degrees) {
  if (degrees === 0) return picture;
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const at = inkAt(picture, width, height);
  return picture.map((_, i) => {
    const [right, down] = [(i % width) - (width - 1) / 2, Math.floor(i / width) - (height - 1) / 2];
    const [x, y] = [cos * right + sin * down + (width - 1) / 2, cos * down - sin * right + (height - 1) / 2];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - left, y - top];
    return (1 - v) * ((1 - u) * at(left, top) + u * at(left + 1, top)) + v * ((1 - u) * at(left, top + 1) + u * at(left + 1, top + 1));
  });
}

/** Ink has the color of letters, and paper that of the page. */
export function drawPicture(canvas, picture, width, height, color = getComputedStyle(canvas).color) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const rgb = color.match(/[\d.]+/g);
  picture.forEach((ink, at) => image.data.set([rgb[0], rgb[1], rgb[2], 255 * ink], 4 * at));
  context.putImageData(image, 0, 0);
}

export function drawPad(pad, base, strokes, cursor, brush, width, height) {
  const { context, width: across, height: down, color } = blank(pad);
  if (base) {
    const copy = new OffscreenCanvas(width, height);
    drawPicture(copy, base, width, height, color);
    context.imageSmoothingEnabled = false;
    context.drawImage(copy, 0, 0, across, down);
  }
  context.strokeStyle = color;
  context.lineWidth = (brush * across) / width / 1.5; // Drawings are made larger later: so they look as thick as they will be.
  trace(context, strokes, ([x, y]) => [x * across, y * down]);
  if (cursor) {
    const [w, h] = [across / width, down / height];
    context.lineWidth = 3;
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    context.strokeRect(cursor[0] * w + 1.5, cursor[1] * h + 1.5, w - 3, h - 3);
  }
}
