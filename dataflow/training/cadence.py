"""How often a checkpoint is written: after so many epochs, steps or minutes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from dataflow.errors import OptionError

Unit = Literal["epochs", "steps", "minutes"]

_UNITS: dict[str, Unit] = {
    **dict.fromkeys(("", "epoch", "epochs"), "epochs"),
    **dict.fromkeys(("step", "steps"), "steps"),
    **dict.fromkeys(("min", "minute", "minutes"), "minutes"),
}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")


@dataclass(frozen=True)
class Cadence:
    """count: of epochs, steps or minutes (of wall time, or parts of one) after which one is due."""

    count: float = 1
    unit: Unit = "epochs"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.count) and self.count > 0):
            raise OptionError(f"a checkpoint every {self.count:g} {self.unit}: must be more than 0")
        if self.unit != "minutes" and self.count != int(self.count):
            raise OptionError(f"a checkpoint every {self.count:g} {self.unit}: must be a whole number")

    def due(self, step: int, steps: int, since_s: float) -> bool:
        """Whether to write one after a step. steps: of an epoch. since_s: since the last was written."""
        if self.unit == "minutes":
            return since_s >= 60 * self.count
        return step % int(self.count if self.unit == "steps" else self.count * steps) == 0


def cadence_of(text: str) -> Cadence:
    """Such as ``2`` or ``2 epochs``, ``500 steps``, ``10 minutes`` or ``10min``; OptionError for others."""
    written = _WRITTEN.fullmatch(text.lower())
    if written is None or written[2] not in _UNITS:
        raise OptionError(
            f"{text!r} does not say how often a checkpoint is written; write 2 epochs, 500 steps or "
            "10 minutes"
        )
    return Cadence(float(written[1]), _UNITS[written[2]])
