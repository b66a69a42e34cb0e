"""What scaling came to: the sizes side by side, where they stop being faster, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataflow.metrics import Limit, PathPart
from dataflow.scaling.bottleneck import Bottleneck

_WORTH_NAMING = 1.005
"""A resource that makes a step no faster than this when it is doubled does not limit it."""
_WORTH_ADDING = 1.05
"""More processors that make a step no faster than this are not worth having."""


@dataclass(frozen=True)
class ScalingPoint:
    """One size. processors: those that compute. exposed_share: of their time, waiting for transfers.

    speed_up: examples/s over those of the point with the fewest processors; efficiency: that
    over how many times as many processors there are. limits: as in ``Metrics``, best first.
    bottleneck: where the time of the step goes.
    """

    setting: Mapping[str, str]
    processors: int
    batch: int
    step_time_s: float
    examples_per_s: float
    speed_up: float
    efficiency: float
    exposed_share: float
    bubble: float
    limits: tuple[Limit, ...]
    bottleneck: Bottleneck

    @property
    def limiting(self) -> Limit | None:
        """The resource whose doubling helps most; None when none helps."""
        return self.limits[0] if self.limits and self.limits[0].gain > _WORTH_NAMING else None


@dataclass(frozen=True)
class Unfit:
    """A size at which a memory is too small, or whose code, stack or tensors do not fit on the cores.

    memory, capacity_bytes: the memory; None where it is the cores, and reason says what of them.
    """

    setting: Mapping[str, str]
    batch: int
    memory: str | None = None
    capacity_bytes: int | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Scaling:
    """An experiment at several sizes. kind: ``strong`` or ``weak``."""

    experiment: str
    kind: str
    points: tuple[ScalingPoint, ...]
    unfit: tuple[Unfit, ...] = ()

    @property
    def stop(self) -> ScalingPoint | None:
        """The size beyond which no larger one is 5 % faster; None where the largest still gains.

        None too where the processors are not what is varied, or more than they.
        """
        sizes = sorted(self.points, key=lambda point: point.processors)
        if len({point.processors for point in sizes}) < len(sizes) or len(sizes[0].setting) > 1:
            return None
        for index, size in enumerate(sizes[:-1]):
            if max(larger.speed_up for larger in sizes[index + 1 :]) <= _WORTH_ADDING * size.speed_up:
                return size
        return None

    @property
    def growing(self) -> tuple[PathPart, PathPart] | None:
        """What takes longer on the critical path of the largest size than on the smallest, most of all.

        There and here; None where nothing does.
        """
        sizes = sorted(self.points, key=lambda point: point.processors)
        before = {part.what: part for part in sizes[0].bottleneck.chain}
        pairs = [
            (before.get(part.what, PathPart(part.what, 0.0, 0.0)), part)
            for part in sizes[-1].bottleneck.chain
        ]
        grown = max(pairs, key=lambda pair: pair[1].time_s - pair[0].time_s, default=None)
        return grown if grown is not None and grown[1].time_s > grown[0].time_s else None
