"""Compares readers of model files with the command: numpy (the recipe of docs/format.md), C, node, and ONNX Runtime.

    python compare.py --apd target/release/apd --out DIR

Needs numpy, gcc and node, and onnxruntime unless --without-onnx is given. Models that DIR holds are used again. The exit code is 1 if a
reader differs by more than 1e-5 of the larger of 1 and the value, or if it would not notice a model that was changed a little.
"""

import argparse
import csv
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import model_file

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = ROOT / "crates/data/data"
LIMIT = 1e-5
DIGITS = 1000
# Of convolutions numpy has all networks' images in memory.
IMAGES = 100
MISSING = {"", "NA"}
# ONNX models say nothing of ood and abstain.
OF_CLASSES = ["prediction", "probabilities", "entropy", "bald", "ood", "abstain"]
OF_NUMBERS = ["mean", "sd", "aleatoric_sd", "epistemic_sd", "lower", "upper", "ood"]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def write_digits(path, count):
    pixels = np.frombuffer(gzip.open(DATA / "digits-images-idx3-ubyte.gz").read()[16:], np.uint8).reshape(-1, 64)
    lines = [",".join(f"p{i}" for i in range(64))]
    lines += [",".join(str(pixel / 8 - 1) for pixel in row) for row in pixels[:count].tolist()]
    path.write_text("\n".join(lines) + "\n")


class Table:
    """The rows to predict, and what the model's schema says of their columns."""

    def __init__(self, model, path):
        apd, _ = model_file.read(model)
        schema = apd["metadata"]["apd.table"]["schema"]
        features = [(c["name"], c["role"]["feature"]) for c in schema["columns"] if "feature" in c["role"]]
        self.path, self.model = path, model
        self.numbers = [name for name, feature in features if "number" in feature]
        self.categories = [name for name, feature in features if "category" in feature]
        description = apd["metadata"]["apd.fitted"][0]
        self.classes, self.network = description["classes"], description["network"]
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        number = lambda text: np.nan if text in MISSING else float(text)
        text = lambda text: None if text in MISSING else text
        self.columns = {name: [number(row[name]) for row in rows] for name in self.numbers}
        self.columns |= {name: [text(row[name]) for row in rows] for name in self.categories}
        self.rows = [{name: text(row[name]) for name in self.columns} for row in rows]

    def of_csv(self, text):
        """The quantities of a table of predictions, as the command writes it."""
        rows = list(csv.DictReader(text.splitlines()))
        column = lambda name: np.array([float(row[name]) for row in rows])
        if not self.classes:
            return {name: column({"lower": "lower_90", "upper": "upper_90"}.get(name, name)) for name in OF_NUMBERS}
        quantities = {name: column(name) for name in ["entropy", "bald", "ood", "abstain"]}
        quantities["probabilities"] = np.stack([column(f"p_{name}") for name in self.classes], axis=1)
        quantities["prediction"] = np.array([self.classes.index(row["prediction"]) for row in rows])
        return quantities


# ---- readers: each gives quantities by their names, an element or a row of classes for each row of the table ----


def by_command(apd, table, rows=None):
    out = table.model.with_suffix(".apd.csv")
    run(apd, "predict", table.model, rows or table.path, "--out", out, "--threads", 1)
    return table.of_csv(out.read_text())


def recipe():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs/format.md").read_text(), re.DOTALL):
        exec(block, names)
    return names


def by_recipe(table):
    quantities = recipe()["predict_class" if table.classes else "predict_number"](table.model, table.columns)
    if table.classes:
        quantities["prediction"] = quantities["probabilities"].argmax(axis=1)
    return quantities


def by_c(table, out):
    program, source = out / "predict", ROOT / "crates/apd/c/predict.c"
    if not program.exists() or program.stat().st_mtime < max(path.stat().st_mtime for path in source.parent.iterdir()):
        run("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", source, "-lm", "-o", program)
    return table.of_csv(run(program, table.model, table.path))


def by_node(table):
    rows = table.model.with_suffix(".rows.json")
    rows.write_text(json.dumps(table.rows))
    found = json.loads(run("node", HERE / "predict.mjs", table.model, rows))
    print(f"{table.model.stem}: {found['milliseconds']:.2f} ms a prediction in node")
    for prediction in found["predictions"]:
        if table.classes:
            prediction["prediction"] = table.classes.index(prediction["prediction"])
        else:
            _, prediction["lower"], prediction["upper"] = prediction["intervals"][0]
    names = OF_CLASSES if table.classes else OF_NUMBERS
    return {name: np.array([prediction[name] for prediction in found["predictions"]], float) for name in names}


def by_onnx(apd, table):
    import onnxruntime

    path = table.model.with_suffix(".onnx")
    run(apd, "export", table.model, "--onnx", path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {}
    if table.numbers:
        feeds["numbers"] = np.array([table.columns[name] for name in table.numbers]).T
    if table.categories:
        texts = [[text or "" for text in table.columns[name]] for name in table.categories]
        feeds["categories"] = np.array(texts, object).T
    outputs = [output.name for output in session.get_outputs()]
    quantities = dict(zip(outputs, session.run(outputs, feeds)))
    if table.classes:
        quantities["prediction"] = quantities["probabilities"].argmax(axis=1)
    return quantities


# ---- what is found ----


def differences(expected, found):
    """Of each quantity the largest difference, in units of the larger of 1 and the value."""
    relative = lambda name: np.abs(found[name] - expected[name]) / np.maximum(1, np.abs(expected[name]))
    return {name: float(relative(name).max()) for name in expected if name in found}


def report(model, expected, readers):
    """Prints a row for each quantity; whether all are met."""
    met = True
    found = {reader: differences(expected, quantities) for reader, quantities in readers.items()}
    print(f"\n{model}\n{'':13} {'apd':>13}", *(f"{name:>13}" for name in readers), "| largest difference from apd")
    for name in OF_CLASSES if "entropy" in expected else OF_NUMBERS:
        worst = [found[reader].get(name) for reader in readers]
        # NaN is no agreement.
        is_met = all(difference is None or difference <= LIMIT for difference in worst)
        met &= is_met
        first = [np.max(quantities[name][0]) if name in quantities else None for quantities in readers.values()]
        cells = [f"{np.max(expected[name][0]):13.8g}"] + ["–".rjust(13) if x is None else f"{x:13.8g}" for x in first]
        errors = ["–".rjust(8) if error is None else f"{error:8.1e}" for error in worst]
        print(f"{name:13}", *cells, "|", *errors, "met" if is_met else "NOT met")
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apd", type=Path, required=True, help="the command")
    parser.add_argument("--out", type=Path, required=True, help="a folder for models and predictions")
    parser.add_argument("--without-onnx", action="store_true", help="leave ONNX Runtime out")
    options = parser.parse_args()
    apd, out = options.apd.resolve(), options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    exports = subprocess.run([apd, "export", "--help"], capture_output=True).returncode == 0
    if not exports and not options.without_onnx:
        sys.exit(f"{apd} has no `export`: ONNX Runtime can only be left out with --without-onnx")

    write_digits(out / "digits.csv", DIGITS)
    write_digits(out / "some-digits.csv", IMAGES)
    met = []

    def compare(title, table, expected, onnx=not options.without_onnx):
        readers = of_ours(table)
        readers |= {"onnx": by_onnx(apd, table)} if onnx else {}
        met.append(report(title, expected, readers))

    def of_ours(table):
        is_perceptron = "mlp" in table.network
        return {"numpy": by_recipe(table)} | ({"C": by_c(table, out)} if is_perceptron else {}) | {"node": by_node(table)}

    def changed(how, model, rows):
        path = model.with_name(f"{model.stem}-{how.__name__}.safetensors")
        how(model, path)
        return Table(path, rows)

    yacht, penguins = DATA / "yacht.csv", DATA / "penguins.csv"
    for name, data, target, rows, *net in [
        ("digits", "digits", "digit", out / "digits.csv"),
        ("yacht", "yacht", "resistance", yacht),
        ("penguins", "penguins", "species", penguins),
        # Of wide networks a subspace is kept.
        ("yacht-wide", "yacht", "resistance", yacht, "--net", "mlp:40-40:tanh"),
        ("digits-cnn", "digits", "digit", out / "some-digits.csv", "--net", "cnn", "--steps", "100", "--chains", "2"),
    ]:
        model = out / f"{name}.safetensors"
        if not model.exists():
            run(apd, "fit", data, "--target", target, "--effort", "quick", *net, "--out", model)
        kept, _ = model_file.read(model)
        table = Table(model, rows)
        expected = by_command(apd, table)
        compare(f"{name}: {len(table.rows)} rows, {kept['format']} in {kept['generator']['format']}", table, expected)
        if name == "digits":
            embedded = {quantity: values[:DIGITS] for quantity, values in by_command(apd, table, data).items()}
            met.append(max(differences(expected, embedded).values()) == 0)
            print(f"a CSV of digits is {'' if met[-1] else 'NOT '}what the command itself has")
            short = recipe()["probabilities"](model, np.array([table.columns[name] for name in table.numbers]).T)
            met.append(np.abs(short - expected["probabilities"]).max() <= LIMIT)
            print(f"the twenty lines agree: {'met' if met[-1] else 'NOT met'}")
        if name == "yacht":
            other = changed(model_file.other_branches, model, rows)
            compare("yacht, in units of each coordinate, with outliers, ReLU", other, by_command(apd, other))
        if name == "penguins":
            # The command's words for it are those on the networks themselves.
            compare("penguins, as a subspace", changed(model_file.as_subspace, model, rows), expected, onnx=False)
        if kept["format"] != "apd-subsample-1":
            continue
        # A comparison that cannot fail says nothing.
        wrong = changed(model_file.slightly_wrong, model, rows)
        for reader, found in of_ours(wrong).items():
            met.append(max(differences(expected, found).values()) > LIMIT)
            print(f"{reader} {'notices' if met[-1] else 'does NOT notice'} one network that is 1 % larger")

    print(f"\n{sum(met)} of {len(met)} comparisons met")
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
