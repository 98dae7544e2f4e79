// Opens each of some files, and predicts an empty row if that works; anything but a reader's own error ends it.

import { readFileSync } from "node:fs";
import { parse } from "../../crates/serve/page/apd.mjs";

for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  try {
    const model = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    console.log("opened");
    const row = Object.fromEntries(model.features.map(({ name, kind }) => [name, kind === "number" ? 0 : ""]));
    model.predict(row);
    model.referenceRows().forEach((inputs) => model.decode(inputs));
  } catch (error) {
    if (error.constructor !== Error || error.message === "") throw error;
    console.log(error.message);
  }
}
