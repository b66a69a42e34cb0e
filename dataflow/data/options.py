"""What may be asked of the data of a training, a test or whatever else reads examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dataflow.errors import OptionError

BROKEN = ("refuse", "skip")
"""What may be done with image files that cannot be read."""

_MOST_WORKERS = 256


@dataclass(frozen=True)
class DataOptions:
    """Which examples to read, and how.

    images: a folder, or the name of a data set; None for what suits the network. broken: whether image files
    that cannot be read are an error or left out and counted. cache: the folder that keeps what is computed
    once over a folder of images; None for the folder itself. workers: processes that read images ahead; 0
    for none, None for as many as there are cores, or its share of them when several trainings go on at a
    time. sharing: how many these are.
    """

    images: str | None = None
    broken: Literal["refuse", "skip"] = "refuse"
    cache: str | None = None
    workers: int | None = None
    sharing: int = 1

    def __post_init__(self) -> None:
        if self.images == "":
            raise OptionError("images: the name is empty; name a folder or a data set, or leave it out")
        if self.broken not in BROKEN:
            raise OptionError(f"broken {self.broken!r} is neither of: {', '.join(BROKEN)}")
        if self.cache == "":
            raise OptionError("cache: the folder's name is empty; name one or leave it out")
        if self.workers is not None and not 0 <= self.workers <= _MOST_WORKERS:
            raise OptionError(f"workers {self.workers} must be 0 (none) to {_MOST_WORKERS}")
