"""What a step is short of: the resource that is busiest, and what the chain of causes is spent on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dataflow.metrics import Metrics, PathPart

FULL = 0.8
"""A resource that is busy for so large a share of a step is what the step waits for."""

Kind = Literal["controller", "engine", "link", "processor"]


@dataclass(frozen=True)
class ResourceUse:
    """One resource and the share of a step in which it is busy."""

    kind: Kind
    name: str
    utilisation: float

    @property
    def told(self) -> str:
        """Its name, after what kind of thing it is where the name alone may not say so."""
        return self.name if self.kind in ("processor", "controller") else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Bottleneck:
    """Where the time of a step goes.

    busiest: the resource that is busy longest. mean_busy: share of the step that the processors which
    compute at all are busy in the mean. chain: what the critical path is spent on, the largest first,
    processors together.
    """

    busiest: ResourceUse
    mean_busy: float
    chain: tuple[PathPart, ...]

    @property
    def reason(self) -> str:
        """Why more processors do not help, in a few words.

        A shared resource that is full; else one processor whose share of the work cannot be made smaller;
        else tasks that wait for one another.
        """
        share = f"{100 * self.busiest.utilisation:.0f} % of the step"
        if self.busiest.utilisation >= FULL:
            if self.busiest.kind != "processor":
                return f"{self.busiest.told} is busy {share}; {self._longest}"
            mean = f"processors in the mean {100 * self.mean_busy:.0f} %"
            return f"{self.busiest.name} is busy {share}, {mean}; {self._longest}"
        return (
            f"tasks wait for one another ({self.busiest.told}, the busiest, is busy {share}); {self._longest}"
        )

    @property
    def _longest(self) -> str:
        """The largest part of the critical path."""
        first = self.chain[0] if self.chain else PathPart("nothing", 0.0, 0.0)
        return f"{100 * first.share:.0f} % of the critical path is {first.told}"


def bottleneck(metrics: Metrics) -> Bottleneck:
    """What a step is short of; of resources equally busy shared ones come first."""
    working = [use.utilisation for use in metrics.processors.values() if use.busy_s > 0]
    return Bottleneck(
        busiest=max(_uses(metrics), key=lambda use: use.utilisation),
        mean_busy=sum(working) / len(working) if working else 0.0,
        chain=_chain(metrics),
    )


def _uses(metrics: Metrics) -> Iterator[ResourceUse]:
    if metrics.control is not None and metrics.control.kind != "dataflow":
        yield ResourceUse("controller", "controller", metrics.control.utilisation)
    for name, utilisation in metrics.engines.items():
        yield ResourceUse("engine", name, utilisation)
    for name, link in metrics.links.items():
        yield ResourceUse("link", name, link.utilisation)
    for name, processor in metrics.processors.items():
        yield ResourceUse("processor", name, processor.utilisation)


def _chain(metrics: Metrics) -> tuple[PathPart, ...]:
    """The critical path by what is done, wherever it is done."""
    found: dict[str, PathPart] = {}
    for part in metrics.critical_path:
        before = found.get(part.what, PathPart(part.what, 0.0, 0.0))
        found[part.what] = PathPart(part.what, before.time_s + part.time_s, before.share + part.share)
    return tuple(sorted(found.values(), key=lambda part: (-part.time_s, part.what)))
