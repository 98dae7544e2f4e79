"""Model files with something changed, for those who test readers."""

import json
import struct
from pathlib import Path

import numpy as np

TYPES = {"F32": "<f4", "F16": "<f2", "I8": "i1"}


def read(path):
    """The JSON under `apd`, its `metadata` read too, and the tensors."""
    content = Path(path).read_bytes()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    apd = json.loads(header.pop("__metadata__")["apd"])
    apd["metadata"] = {key: json.loads(text) for key, text in apd["metadata"].items()}
    tensors = {}
    for name, tensor in header.items():
        begin, end = (start + offset for offset in tensor["data_offsets"])
        tensors[name] = np.frombuffer(content[begin:end], TYPES[tensor["dtype"]]).reshape(tensor["shape"]).copy()
    return apd, tensors


def write(path, apd, tensors):
    apd = {**apd, "metadata": {key: json.dumps(value) for key, value in apd["metadata"].items()}}
    header, data = {"__metadata__": {"apd": json.dumps(apd)}}, b""
    dtypes = {np.dtype(kind): dtype for dtype, kind in TYPES.items()}
    # Wider numbers first: the format wants them aligned, without holes.
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        offsets = [len(data), len(data) + tensor.nbytes]
        header[name] = {"dtype": dtypes[tensor.dtype], "shape": tensor.shape, "data_offsets": offsets}
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def networks(tensors):
    return tensors["points"].astype("<f4") * tensors.get("points.scale", np.ones(1, "<f4"))[:, None]


def int8(matrix):
    scale = (np.abs(matrix).max(axis=1) / 127).astype("<f4")
    return {"points": np.rint(matrix / scale[:, None]).astype("i1"), "points.scale": scale}


def slightly_wrong(path, out):
    """One network is a little larger: a reader has to notice."""
    apd, tensors = read(path)
    changed = "points.scale" if "points.scale" in tensors else "points"
    tensors[changed][0] *= 1.01
    write(out, apd, tensors)


def other_branches(path, out):
    """A model of a number in units of its coordinates, with outliers, and with another activation: what quick fits rarely choose."""
    apd, tensors = read(path)
    # Half as large: without tanh's bounds whole weights would make numbers of any size.
    points = 0.5 * networks(tensors)
    mean, scale = points.mean(axis=0), points.std(axis=0)
    apd["generator"].update(format="int8", standardized=True)
    apd["metadata"]["apd.table"]["calibration"]["numbers"]["outliers"] = 0.05
    apd["metadata"]["apd.fitted"][0]["network"]["mlp"]["activation"] = "relu"
    write(out, apd, {**int8((points - mean) / scale), "mean": mean, "scale": scale})


def as_subspace(path, out):
    """The same networks, up to rounding, as a mean and as many directions as they have."""
    apd, tensors = read(path)
    points = networks(tensors)
    mean = points.mean(axis=0, dtype=float)
    centres, variances, directions = np.linalg.svd(points - mean, full_matrices=False)
    rank, (count, dim) = len(variances), points.shape
    mixture = {"mixture": {"centres": count}}
    generator = {"dim": dim, "rank": rank, "format": "f32", "explained": 1.0, "residual": False, "coefficients": mixture}
    apd.update(format="apd-subspace-1", generator=generator)
    apd["metadata"]["apd.components"] = list(range(count))[::-1]
    matrices = {"mean": mean, "directions": directions, "centres": centres * variances, "sd": np.zeros(rank)}
    write(out, apd, {name: matrix.astype("<f4") for name, matrix in matrices.items()})
