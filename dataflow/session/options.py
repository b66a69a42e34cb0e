"""What a run may be asked for, and how it tells of its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from dataflow.errors import OptionError

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how many parts of it are done, and how many there are."""

REFERENCES = ("one-processor", "torch")


@dataclass(frozen=True)
class Options:
    """What a run may be asked for beyond its experiment.

    images: a folder of images, the name of a set of them, or None for what suits the network.
    reference: one of REFERENCES, or None for no verification. tolerance: None for the dtype's.
    limits: whether to simulate faster machines too, to say what limits the step.
    """

    images: str | None = None
    reference: str | None = "one-processor"
    tolerance: float | None = None
    limits: bool = True

    def __post_init__(self) -> None:
        if self.tolerance is not None and not (isfinite(self.tolerance) and self.tolerance > 0):
            raise OptionError(f"tolerance {self.tolerance} is not a finite number above 0, such as 1e-4")
        if self.images == "":
            raise OptionError("images: the name of the folder is empty; name one or leave it out")


def named(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    """A progress that tells of one thing alone; None without a progress."""
    if progress is None:
        return None
    return lambda done, total: progress(what, done, total)
