"""The images that features are computed of: read when asked for, with a name and a picture each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch


class Pictures(Protocol):
    """Images in an order that stays.

    labels: the class of each, below 0 where nobody knows it.
    """

    labels: NDArray[np.int32]

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def begin(self, chosen: NDArray[np.int64]) -> Callable[[], Batch]:
        """Has images read as for the test, by their indices; what is returned waits for them."""
        ...

    def picture(self, index: int) -> NDArray[np.uint8]:
        """An image as prepared for the network, before any mean is subtracted: (height, width, 1 or 3)."""
        ...

    def name(self, index: int) -> str:
        """What to call it: its path in the folder, or its number in the set."""
        ...
