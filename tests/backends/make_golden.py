"""Makes the golden tensors: for every case its operands, and what PyTorch computes from them.

Run as ``python -m tests.backends.make_golden`` from the root of the repository; the
tests then compare with the files and need no PyTorch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from tests.backends import torch_oracle
from tests.backends.cases import CASES
from tests.backends.running import random_values

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    """Writes golden/CASE.npz with an entry ``read:NAME`` or ``written:NAME`` for each array."""
    for name, op in CASES.items():
        values = random_values(op, seed=crc32(name.encode()))
        written = torch_oracle.run(op, values)
        entries: dict[str, Any] = {f"read:{key}": array for key, array in values.items()}
        entries |= {f"written:{key}": np.ascontiguousarray(array) for key, array in written.items()}
        np.savez_compressed(GOLDEN / f"{name}.npz", **entries)


if __name__ == "__main__":
    main()
