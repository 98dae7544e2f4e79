// Prints the predictions of apd.mjs for the rows of a CSV, as JSON: `node predict.mjs MODEL ROWS.json`, rows being a list of objects.

import { readFileSync } from "node:fs";
import { parse } from "../../crates/serve/page/apd.mjs";

const [model, rows] = process.argv.slice(2);
const bytes = readFileSync(model);
const reader = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const start = performance.now();
const predictions = JSON.parse(readFileSync(rows, "utf8")).map((row) => reader.predict(row));
const milliseconds = (performance.now() - start) / predictions.length;
if (reader.classes) checkGradient(JSON.parse(readFileSync(rows, "utf8"))[0]);
console.log(JSON.stringify({ milliseconds, predictions }, (_, value) => (ArrayBuffer.isView(value) ? [...value] : value)));

// A step along the gradient of ln p̄ has to change it by its length times that of the gradient.
function checkGradient(row) {
  const x = reader.encode(row);
  const label = reader.predict(x).prediction;
  const gradient = reader.inputGradient(x, label);
  const length = Math.hypot(...gradient);
  const lnP = (step) => {
    const { p } = reader.outputs(x.map((x, i) => x + (step * gradient[i]) / length));
    const of = p.filter((_, i) => i % reader.classes.length === reader.classes.indexOf(label));
    return Math.log(of.reduce((sum, p) => sum + p, 0) / reader.count);
  };
  const slope = (lnP(0.01) - lnP(-0.01)) / 0.02;
  if (!(Math.abs(slope - length) <= 0.02 * length)) throw new Error(`a gradient of length ${length}, by differences ${slope}`);
}
