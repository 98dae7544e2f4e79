"""Writes the embedded digits: two gzip'd IDX files, from scikit-learn's copy of the UCI test part.

    python make_digits.py        # needs scikit-learn; run in this folder

The bytes do not depend on the clock (mtime 0) and are checked against the SHA-256 in ../src/digits/tests.rs.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

HERE = Path(__file__).resolve().parent


def write(name, magic, dims, data):
    content = struct.pack(f">{1 + len(dims)}I", magic, *dims) + data.tobytes()
    (HERE / name).write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


digits = load_digits()
images = digits.images.astype(np.uint8)
assert images.shape == (1797, 8, 8) and (images == digits.images).all() and images.max() == 16
write("digits-images-idx3-ubyte.gz", 0x803, images.shape, images)
write("digits-labels-idx1-ubyte.gz", 0x801, digits.target.shape, digits.target.astype(np.uint8))
