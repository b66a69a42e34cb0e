"""Scaling: one experiment simulated at several sizes, and what its throughput makes of the processors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from dataflow.errors import OptionError
from dataflow.experiment import Experiment
from dataflow.metrics import Limit, Metrics
from dataflow.override import Override

_MESH = "plan.mesh."
_BATCH = "training.batch"
_WORTH_NAMING = 1.005
"""A resource that makes a step no faster than this when it is doubled does not limit it."""


@dataclass(frozen=True)
class Swept:
    """A field and the values it takes: a mesh axis by its name alone, or the path of any field.

    Raises OptionError for no values, the same one twice, or a length of an axis that is none.
    """

    name: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        told = f"over {self.name}={','.join(self.values)}"
        if not self.name or not self.values or not all(self.values):
            raise OptionError(f"{told}: is not of the form axis=length,length such as data=1,2,4")
        twice = sorted({value for value in self.values if self.values.count(value) > 1})
        if twice:
            raise OptionError(f"{told}: {twice[0]!r} stands there more than once; name each value once")
        for value in self.values if self.axis else ():
            if not (value.isdecimal() and int(value) >= 1):
                raise OptionError(f"{told}: {value!r} is no length of a mesh axis; it is a whole number from 1")

    @property
    def path(self) -> str:
        """Where the field is in an experiment."""
        return self.name if "." in self.name else f"{_MESH}{self.name}"

    @property
    def axis(self) -> str:
        """The mesh axis whose length it is, empty for another field."""
        return self.path.removeprefix(_MESH) if self.path.startswith(_MESH) else ""


@dataclass(frozen=True)
class Sweep:
    """What is varied: every combination of the values of these fields.

    weak: the batch grows with the processors, from the experiment's own at the first point.
    batch_per_processor: so many images for each processor instead. Neither: strong scaling,
    the batch stays. Raises OptionError when these contradict one another.
    """

    fields: tuple[Swept, ...]
    weak: bool = False
    batch_per_processor: int | None = None

    def __post_init__(self) -> None:
        paths = [field.path for field in self.fields]
        if not paths:
            raise OptionError("scale: nothing to vary; say over what, such as data=1,2,4")
        for path in paths:
            if paths.count(path) > 1:
                raise OptionError(f"scale: {path} is varied twice; list all its values once")
        if _BATCH in paths and (self.weak or self.batch_per_processor is not None):
            raise OptionError(f"scale: {_BATCH} is varied, so the batch cannot follow the processors too")
        if self.weak and self.batch_per_processor is not None:
            raise OptionError("scale: weak and a batch per processor exclude each other; leave one out")

    @property
    def choices(self) -> Iterator[Mapping[str, str]]:
        """Every combination, the last field fastest: path to value."""
        for values in product(*(field.values for field in self.fields)):
            yield dict(zip((field.path for field in self.fields), values, strict=True))

    def told(self, choice: Mapping[str, str]) -> Mapping[str, str]:
        """A combination by the names that were given."""
        return {field.name: choice[field.path] for field in self.fields}


@dataclass(frozen=True)
class ScalingPoint:
    """One size. processors: those that compute. exposed_share: of their time, waiting for transfers.

    speed_up: examples/s over those of the point with the fewest processors; efficiency: that
    over how many times as many processors there are. limits: as in ``Metrics``, best first.
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

    @property
    def limiting(self) -> Limit | None:
        """The resource whose doubling helps most; None when none helps."""
        return self.limits[0] if self.limits and self.limits[0].gain > _WORTH_NAMING else None


@dataclass(frozen=True)
class Unfit:
    """A size at which a memory is too small."""

    setting: Mapping[str, str]
    batch: int
    memory: str
    capacity_bytes: int


@dataclass(frozen=True)
class Scaling:
    """An experiment at several sizes. kind: ``strong`` or ``weak``."""

    experiment: str
    kind: str
    points: tuple[ScalingPoint, ...]
    unfit: tuple[Unfit, ...] = ()


def mesh_overrides(base: Experiment, choice: Mapping[str, str]) -> tuple[Override, ...]:
    """What gives the mesh these lengths and so many of the machine's processors, the first of them.

    Raises OptionError for an axis that the mesh lacks, and when there are too few processors.
    """
    axes = {path.removeprefix(_MESH): int(value) for path, value in choice.items() if path.startswith(_MESH)}
    if not axes:
        return ()
    mesh = base.plan.mesh
    for axis in axes:
        if axis not in mesh:
            known = ", ".join(mesh) or "none"
            raise OptionError(f"over {axis}: the mesh of {base.name!r} has no such axis; it has: {known}")
    lengths = {axis: axes.get(axis, length) for axis, length in mesh.items()}
    count = prod(lengths.values())
    machine = tuple(base.hardware.processors)
    if count > len(machine):
        told = ", ".join(f"{axis}: {length}" for axis, length in lengths.items())
        raise OptionError(
            f"over {_joined(axes)}: mesh {{{told}}} needs {count} processors, but hardware "
            f"{base.hardware.name!r} has {len(machine)}; name shorter lengths or a larger machine"
        )
    named = base.plan.processors if len(base.plan.processors) >= count else machine
    changed = [Override(f"{_MESH}{axis}", str(length)) for axis, length in axes.items()]
    return (*changed, Override("plan.processors", json.dumps(named[:count])))


def batch_override(sweep: Sweep, batch: int, count: int, first: int) -> tuple[Override, ...]:
    """What gives so many processors their batch. batch, first: the first point's batch and processors."""
    if sweep.batch_per_processor is not None:
        return (Override(_BATCH, str(sweep.batch_per_processor * count)),)
    if not sweep.weak:
        return ()
    if batch * count % first:
        raise OptionError(
            f"scale: {count} processors would have a batch of {batch} x {count} / {first}, which is no whole "
            "number; give a batch per processor"
        )
    return (Override(_BATCH, str(batch * count // first)),)


def scaling_of(
    name: str,
    sweep: Sweep,
    measured: Sequence[tuple[Mapping[str, str], Metrics]],
    unfit: Sequence[Unfit],
) -> Scaling:
    """The sizes side by side. measured: each setting with its metrics, in order, at least one."""
    counts = [_working(metrics) for _, metrics in measured]
    fewest = min(range(len(counts)), key=lambda index: counts[index])
    base = measured[fewest][1]
    points = tuple(
        _point(setting, metrics, count, metrics.images_per_s / base.images_per_s, count / counts[fewest])
        for (setting, metrics), count in zip(measured, counts, strict=True)
    )
    strong = not sweep.weak and sweep.batch_per_processor is None
    return Scaling(name, "strong" if strong else "weak", points, tuple(unfit))


def _working(metrics: Metrics) -> int:
    return sum(use.busy_s > 0 for use in metrics.processors.values())


def _point(
    setting: Mapping[str, str], metrics: Metrics, count: int, speed_up: float, times_as_many: float
) -> ScalingPoint:
    exposed_s = sum(use.communication_exposed_s for use in metrics.processors.values())
    return ScalingPoint(
        setting=setting,
        processors=count,
        batch=metrics.batch,
        step_time_s=metrics.step_time_s,
        examples_per_s=metrics.images_per_s,
        speed_up=speed_up,
        efficiency=speed_up / times_as_many,
        exposed_share=exposed_s / (count * metrics.step_time_s),
        bubble=metrics.bubble.fraction,
        limits=metrics.limits,
    )


def _joined(setting: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in setting.items())
