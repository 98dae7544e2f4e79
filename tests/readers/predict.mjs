// Prints the predictions of apd.mjs for the rows of a CSV, as JSON: `node predict.mjs MODEL ROWS.json`, rows being a list of objects.

import { readFileSync } from "node:fs";
import { parse } from "../../crates/serve/page/apd.mjs";

const [model, rows] = process.argv.slice(2);
const bytes = readFileSync(model);
const reader = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const start = performance.now();
const predictions = JSON.parse(readFileSync(rows, "utf8")).map((row) => reader.predict(row));
const milliseconds = (performance.now() - start) / predictions.length;
console.log(JSON.stringify({ milliseconds, predictions }, (_, value) => (ArrayBuffer.isView(value) ? [...value] : value)));
