"""Verification: the values of a placed run against the same step computed some other way."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Protocol

import numpy as np

from dataflow.backend import Array, Backend
from dataflow.cost import Roofline
from dataflow.data.batches import BatchSource
from dataflow.experiment import Experiment
from dataflow.graph import step_graph
from dataflow.hardware import Hardware, HostInput, Link, Memory, Processor
from dataflow.memory import PLENTY_BYTES
from dataflow.numbers.number import array_dtype, fixed_point
from dataflow.placement import Shard, place
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.tensor import TensorKind
from dataflow.values.executor import Executor
from dataflow.verification.verification import Comparison, Verification

TOLERANCES = {"float32": 1e-4, "float64": 1e-10}
"""Largest error, relative to the largest magnitude in the tensor, that passes; none of fixed point."""

ROUNDINGS = 64
"""A tensor whose values are within so many roundings of 0, beside its layer's others of the kind, is 0.

Some sums come to zero, such as the gradient of a key's bias, which adds one number to all
scores of a query: of these there is nothing but rounding, and an error is relative to the others.
"""

Show = Callable[[str, Array], None]
"""Takes a tensor's name in the run and its whole value; the value may change afterwards."""

Chosen = Callable[[str], Array]
"""Gives the run's whole value of a tensor of the last step, by its name in the run."""

Progress = Callable[[int, int], None]

_LEFT_OUT = (TensorKind.BATCH, TensorKind.MASK, TensorKind.RECOMPUTED)
"""Given to both sides, or computed a second time."""

_GIVEN = (TensorKind.BATCH, TensorKind.MASK, TensorKind.PARAMETER, TensorKind.VELOCITY)
"""What a step starts from, or is drawn in it: with these it can be done again by hand."""

FEW = 200
"""Elements of a tensor up to which what the last step starts from is kept."""


class Reference(Protocol):
    """Another way to compute the last step of an experiment.

    kinds: what it shows, of activations, gradients, parameters and so on.
    """

    name: str
    kinds: frozenset[TensorKind]

    def compute(
        self,
        experiment: Experiment,
        batches: BatchSource,
        show: Show,
        chosen: Chosen,
        progress: Progress | None = None,
    ) -> None:
        """Computes all steps and shows every tensor of the last one.

        chosen: the run's values, for a reference that follows its choices where rounding
        decides; not to be asked for a tensor that has been shown.
        """
        ...


def _to_compare(name: str, shard: Shard, steps: int) -> bool:
    """Whether a value is one that the last of so many steps computes."""
    tensor = shard.tensor
    began = tensor.carried and tensor.version == 0
    return not began and tensor.kind not in _LEFT_OUT and name == tensor.name_in(steps - 1)


def _is_given(name: str, shard: Shard, steps: int) -> bool:
    """Whether the last of so many steps starts from a small value, or would if no step has changed it."""
    tensor = shard.tensor
    there = name in (f"{tensor.base}@{steps - 1}", f"{tensor.base}@0")
    return there and tensor.kind in _GIVEN and tensor.region.size <= FEW


class LastStep:
    """Keeps the values of a run's last step, shard by shard: those it computes, for comparison, and given.

    values: tensors that it computes, by their names in the run. given: the small ones that it starts from:
    the batch, parameters and velocities as they were before it, and masks.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.values: dict[str, list[tuple[Shard, Array]]] = {}
        self.given: dict[str, list[tuple[Shard, Array]]] = {}
        self.largest: dict[tuple[str, TensorKind], dict[str, float]] = {}

    def keep(self, name: str, shard: Shard, array: Array) -> bool:
        """Keeps a value of the last step; fit to be an executor's ``keep``."""
        if not _to_compare(name, shard, self.steps):
            if not _is_given(name, shard, self.steps):
                return False
            self._keep_given(name, shard, array)
            return True
        self.values.setdefault(name, []).append((shard, array))
        largest = self.largest.setdefault((shard.tensor.layer, shard.tensor.kind), {})
        extremes = float(array.max(initial=0)), -float(array.min(initial=0))
        largest[name] = max(largest.get(name, 0.0), *extremes)
        return True

    def _keep_given(self, name: str, shard: Shard, array: Array) -> None:
        """Keeps a value that the step starts from, in place of the one that the run began with."""
        began = f"{shard.tensor.base}@0"
        if name != began:
            self.given.pop(began, None)
        self.given.setdefault(name, []).append((shard, array))

    def whole(self, name: str) -> Array:
        """A tensor of the last step, put together from its shards."""
        pieces = self.values.get(name) or self.given[name]
        tensor = pieces[0][0].tensor
        value = np.empty(tensor.shape, dtype=array_dtype(tensor.dtype))
        for shard, array in pieces:
            value[shard.region.slices_within(tensor.region)] = array
        return value

    def compare(self, name: str, whole: Array, tolerance: float) -> Comparison | None:
        """Compares a reference's tensor with what was kept of it, and forgets that."""
        pieces = self.values.pop(name, None)
        if pieces is None:
            return None
        tensor = pieces[0][0].tensor
        whole = whole.reshape(tensor.shape)
        scale = float(np.abs(whole).max(initial=0.0))
        others = self.largest[tensor.layer, tensor.kind]
        beside = max((largest for other, largest in others.items() if other != name), default=0.0)
        if isfinite(beside) and scale <= ROUNDINGS * _rounding(tensor.dtype) * beside:
            scale = beside
        errors = [
            np.abs(array - whole[shard.region.slices_within(tensor.region)]).max(initial=0.0)
            for shard, array in pieces
        ]
        error = float(np.max(errors))  # Not a number if any is, which Python's max is not.
        relative = error / scale if scale > 0 else error
        return Comparison(
            name, tensor.kind.value, tensor.shape, scale, error, relative, relative <= tolerance
        )


def verify(
    last_step: LastStep,
    experiment: Experiment,
    batches: BatchSource,
    reference: Reference,
    tolerance: float | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Compares every tensor of a run's last step with a reference's; uses up ``last_step``.

    tolerance: relative to each tensor's largest magnitude; by default that of the dtype, which for
    fixed point is none: integers are equal bit for bit.
    """
    dtype = experiment.training.dtype
    allowed = TOLERANCES.get(dtype, 0.0) if tolerance is None else tolerance
    comparisons: list[Comparison] = []
    unmatched: list[str] = []

    def show(name: str, whole: Array) -> None:
        comparison = last_step.compare(name, whole, allowed)
        if comparison is None:
            unmatched.append(name)
        else:
            comparisons.append(comparison)

    reference.compute(experiment, batches, show, last_step.whole, progress)
    left = [n for n, pieces in last_step.values.items() if pieces[0][0].tensor.kind in reference.kinds]
    last_step.values.clear()
    return Verification(reference.name, dtype, allowed, tuple(comparisons), tuple(unmatched + left))


def _rounding(dtype: str) -> float:
    """The relative error of one rounding; of a fixed-point format 0, since equal values are equal."""
    found = array_dtype(dtype)
    return float(np.finfo(found).eps) if fixed_point(dtype) is None and found.kind == "f" else 0.0


class OneProcessor:
    """The same step on one processor whose memory has no limit: every tensor whole, nothing moved.

    given: whether it also shows what the step starts from, as ``LastStep`` keeps it.
    """

    name = "one processor"
    kinds = frozenset(TensorKind) - frozenset(_LEFT_OUT)

    def __init__(self, backend: Backend, *, given: bool = False) -> None:
        self.backend = backend
        self.given = given

    def compute(
        self,
        experiment: Experiment,
        batches: BatchSource,
        show: Show,
        chosen: Chosen,
        progress: Progress | None = None,
    ) -> None:
        """Runs the experiment's network unsplit and shows the tensors of the last step."""
        steps = experiment.training.steps
        placed = place(step_graph(experiment), one_processor(), Plan())

        def keep(name: str, shard: Shard, array: Array) -> bool:
            if _to_compare(name, shard, steps) or (self.given and _is_given(name, shard, steps)):
                show(name, array)
            return False

        simulate(placed, steps, Executor(placed, self.backend, batches, steps, keep), progress)


def one_processor() -> Hardware:
    """A machine of one processor; its times mean nothing, its memories hold anything."""
    cost = Roofline(1e12, 1e12, 0, {})
    ends = (("host", "processor"), ("processor", "host"))
    return Hardware(
        name="one-processor",
        processors={"processor": Processor("processor", "reference", cost, 1, 0)},
        memories={name: Memory(name, PLENTY_BYTES) for name in ("processor", "host")},
        links=tuple(Link(f"{a}->{b}", "wire", a, b, 1e12, 0, f"{a}->{b}") for a, b in ends),
        hosts=("host",),
        inputs={"host": HostInput(1, float("inf"), float("inf"))},
    )
