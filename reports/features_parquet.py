"""Features as Parquet: a row for each image, with its file, its class and a list of numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataflow.errors import OptionError
from dataflow.features.found import Features

_GROUP_BYTES = 1 << 26
"""Of features in a row group, of which one is in memory at a time."""


def check_parquet() -> None:
    """Raises OptionError when the library that writes Parquet is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise OptionError(
            "--to: Parquet is written by pyarrow, which is not installed; "
            'pip install "dataflow-simulator[parquet]", or name a .npy file'
        ) from None


def write_parquet(features: Features, path: Path) -> None:
    """Writes columns ``file``, ``label`` (null where nobody knows it) and ``features``, a list of fixed size.

    Raises OptionError without pyarrow, OSError when the file cannot be written.
    """
    check_parquet()
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    values = features.file.values
    count, width = values.shape
    numbers = pa.list_(pa.from_numpy_dtype(values.dtype), width)
    schema = pa.schema(
        [("file", pa.string()), ("label", pa.string()), ("features", numbers)],
        metadata={"experiment": features.experiment, "layer": features.layer, "weights": features.source},
    )
    rows = max(1, _GROUP_BYTES // (values.itemsize * width))
    with ParquetWriter(path, schema) as writer:
        for start in range(0, count, rows):
            part = np.ascontiguousarray(values[start : start + rows])
            stop = start + len(part)
            flat = pa.array(part.reshape(-1))
            columns = [
                pa.array(features.names[start:stop], pa.string()),
                pa.array([label or None for label in features.labels[start:stop]], pa.string()),
                pa.FixedSizeListArray.from_arrays(flat, width),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
