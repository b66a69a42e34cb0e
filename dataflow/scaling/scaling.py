"""Scaling: one experiment simulated at several sizes, and what its throughput makes of the processors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from math import prod

from dataflow.errors import OptionError, TopologyError
from dataflow.experiment import Experiment
from dataflow.metrics import Metrics
from dataflow.override import Override
from dataflow.scaling.bottleneck import bottleneck
from dataflow.scaling.curve import Scaling, ScalingPoint, Unfit

Load = Callable[[Sequence[Override]], Experiment]
"""Reads an experiment with fields set from outside."""

_MESH = "plan.mesh."
_BATCH = "training.batch"


def is_mesh(path: str) -> bool:
    """Whether the path of a field is that of the length of a mesh axis."""
    return path.startswith(_MESH)


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
                raise OptionError(
                    f"{told}: {value!r} is no length of a mesh axis; it is a whole number from 1"
                )

    @property
    def path(self) -> str:
        """Where the field is in an experiment."""
        return self.name if "." in self.name else f"{_MESH}{self.name}"

    @property
    def axis(self) -> str:
        """The mesh axis whose length it is, empty for another field."""
        return self.path.removeprefix(_MESH) if is_mesh(self.path) else ""


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
class Size:
    """One size of a sweep: the overrides that give it, the processors of its mesh and its batch."""

    overrides: tuple[Override, ...]
    processors: int
    batch: int


def size_of(experiment: Experiment, sweep: Sweep, choice: Mapping[str, str], first: Size | None) -> Size:
    """The size that a combination asks for. first: that of the first one, None for the first itself.

    experiment: at its own lengths of the mesh, with all else that is varied. The mesh is given
    so many of the machine's processors, the first of them. Raises OptionError for an axis that
    the mesh lacks, too few processors, and a batch that is no whole number.
    """
    axes = {path.removeprefix(_MESH): int(value) for path, value in choice.items() if is_mesh(path)}
    lengths = _lengths(experiment, axes)
    count = prod(lengths.values())
    batch = _batch(sweep, count, experiment.training.batch, first)
    overrides: list[Override] = []
    if axes:
        plan, machine = experiment.plan, tuple(experiment.hardware.processors)
        named = plan.processors if len(plan.processors) >= count else machine
        overrides += [Override(f"{_MESH}{axis}", str(length)) for axis, length in axes.items()]
        overrides.append(Override("plan.processors", json.dumps(named[:count])))
    if batch != experiment.training.batch:
        overrides.append(Override(_BATCH, str(batch)))
    return Size(tuple(overrides), count, batch)


def _lengths(experiment: Experiment, axes: Mapping[str, int]) -> dict[str, int]:
    mesh, hardware = experiment.plan.mesh, experiment.hardware
    for axis in axes:
        if axis not in mesh:
            known = ", ".join(mesh) or "none"
            raise OptionError(
                f"over {axis}: the mesh of {experiment.name!r} has no such axis; it has: {known}"
            )
    lengths = {axis: axes.get(axis, length) for axis, length in mesh.items()}
    if axes and prod(lengths.values()) > len(hardware.processors):
        told = ", ".join(f"{axis}: {length}" for axis, length in lengths.items())
        raise OptionError(
            f"over {', '.join(axes)}: mesh {{{told}}} needs {prod(lengths.values())} processors, but "
            f"hardware {hardware.name!r} has {len(hardware.processors)}; "
            "name shorter lengths or a larger machine"
        )
    return lengths


def _batch(sweep: Sweep, count: int, own: int, first: Size | None) -> int:
    if sweep.batch_per_processor is not None:
        return sweep.batch_per_processor * count
    if not sweep.weak or first is None:
        return own
    if first.batch * count % first.processors:
        raise OptionError(
            f"scale: {first.batch} images on {first.processors} processors are no whole number on {count}; "
            "give a batch per processor"
        )
    return first.batch * count // first.processors


def sized_experiment(
    load: Load, sweep: Sweep, choice: Mapping[str, str], first: Size | None
) -> tuple[Experiment, Size]:
    """The experiment at the size that a combination asks for. first: the first size, once it is known.

    Raises OptionError for a size that the experiment cannot have, with what the reader says of it.
    """
    others = [Override(path, value) for path, value in choice.items() if not is_mesh(path)]
    try:
        size = size_of(_plain(load, others, sweep), sweep, choice, first)
        return load([*others, *size.overrides]), size
    except TopologyError as error:
        told = " ".join(f"{field}={value}" for field, value in sweep.told(choice).items())
        raise OptionError(f"over {told}: {error}") from None


def _plain(load: Load, overrides: Sequence[Override], sweep: Sweep) -> Experiment:
    """The experiment with its own mesh; where its machine has no such mesh, with the first that it has."""
    try:
        return load(overrides)
    except TopologyError:
        for choice in sweep.choices:
            lengths = [Override(path, value) for path, value in choice.items() if is_mesh(path)]
            with suppress(TopologyError):
                return load([*overrides, *lengths])
        raise


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
        bottleneck=bottleneck(metrics),
    )
