"""Reads what write_bank.rs wrote, with safetensors and numpy alone:  python read_bank.py FOLDER"""

import json
import pathlib
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

bank = pathlib.Path(sys.argv[1])
manifest = json.loads((bank / "manifest.json").read_text())
shards = [load_file(bank / s["file"]) for s in manifest["shards"]]
theta = np.concatenate([s["theta"] for s in shards])
step = np.concatenate([s["step"] for s in shards])
potential = np.concatenate([s["potential"] for s in shards])
chain = np.concatenate([np.full(s["rows"], s["chain"]) for s in manifest["shards"]])

x = (np.tile(np.arange(10), 2) + 100 * np.repeat([0, 1], 10)).astype(np.float32)
expected = np.stack([x, x + 0.25, x + 0.5, x + 0.75, -x], axis=1)
assert theta.dtype == np.float32 and (theta == expected).all()
assert step.dtype == np.int64 and (step == np.tile(np.arange(10), 2)).all()
assert potential.dtype == np.float64 and (potential == x / 2).all()
assert (chain == np.repeat([0, 1], 10)).all()
assert manifest["header"]["layout"] == [["weight", [2, 2]], ["bias", [1]]]

assert (np.load(bank.with_suffix(".npy")) == expected).all()
whole = load_file(bank.with_suffix(".safetensors"))
assert (whole["theta"] == expected).all() and (whole["chain"] == chain).all() and (whole["step"] == step).all()
with safe_open(bank.with_suffix(".safetensors"), "numpy") as f:
    assert f.metadata()["made by"] == "an example"
    assert json.loads(f.metadata()["apd.layout"]) == manifest["header"]["layout"]
print(f"{theta.shape[0]} rows of dimension {theta.shape[1]}, as expected")
