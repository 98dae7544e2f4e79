"""Writes the Parquet files that the tests read: mixed.parquet (a codec for each column, nulls, two row groups) and lists.parquet.

Run once, with pyarrow 26.0.1: python parquet.py .
"""

import datetime, sys
import pyarrow as pa, pyarrow.parquet as pq
n = 60
t = pa.table({
    "x": pa.array([None if i % 7 == 3 else i / 3 for i in range(n)], pa.float64()),
    "count": pa.array([i * i for i in range(n)], pa.int64()),
    "small": pa.array([float("nan") if i == 5 else i / 8 for i in range(n)], pa.float32()),
    "kind": pa.array(["NA" if i % 5 == 0 else "b c" if i % 2 else None for i in range(n)]),
    "is_new": pa.array([i % 3 == 0 for i in range(n)]),
    "day": pa.array([datetime.date(2026, 1, 1) + datetime.timedelta(days=i) for i in range(n)]),
    "y": pa.array([i / 10 for i in range(n)], pa.float64()),
})
pq.write_table(t, sys.argv[1] + "/mixed.parquet", row_group_size=40,
    compression={"x": "zstd", "count": "snappy", "small": "lz4", "kind": "gzip", "is_new": "none", "day": "snappy", "y": "snappy"})
pq.write_table(pa.table({"x": [1.0, 2.0], "l": [[1], [2, 3]]}), sys.argv[1] + "/lists.parquet")
