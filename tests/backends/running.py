"""Runs ops on a backend: random operands, every pass, arrays of any memory order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dataflow.backend import Array, Backend, Site
from dataflow.ops import RUNNING_VARIANCE, Embedding, Loss, Op, Operand, Pass, Role, gradient_of
from dataflow.ops.base import GRADIENT_SUFFIX

Values = dict[str, Array]
Made = Callable[[Operand, "np.dtype[np.generic]"], Array]
"""Makes an uninitialised array for an operand."""


def operand_of(op: Op, name: str) -> Operand:
    """The operand whose shape ``name`` has: the operand itself, or what it is the gradient of."""
    return op.operand(name.removesuffix(GRADIENT_SUFFIX))


def random_values(op: Op, seed: int, dtype: str = "float64") -> Values:
    """Normal values for all that is given to the passes, and for the gradient of the output.

    A mask is 0 or 1, a label is a class, a token is in the vocabulary, and a variance is not negative.
    """
    rng = np.random.default_rng(seed)
    values: Values = {}
    for operand in op.operands:
        if operand.dtype is None and operand.role in (Role.INPUT, Role.PARAMETER):
            values[operand.name] = rng.normal(size=operand.shape).astype(dtype)
            if operand.name == RUNNING_VARIANCE:
                np.abs(values[operand.name], out=values[operand.name])
        elif operand.role is Role.OUTPUT:
            values[gradient_of(operand.name)] = rng.normal(size=operand.shape).astype(dtype)
        elif operand.role is not Role.SAVED and operand.dtype is not None:
            values[operand.name] = rng.integers(0, _top(op), operand.shape).astype(operand.dtype)
    return values


def _top(op: Op) -> int:
    """How many values a label, a token or a mask may have; tokens may lie before the rows that are held."""
    match op:
        case Loss():
            return op.classes
        case Embedding():
            return op.first + op.vocabulary
    return 2


def run_pass(
    backend: Backend, op: Op, direction: Pass, values: Mapping[str, Array], make: Made | None = None
) -> Values:
    """What one pass writes; the written arrays are filled with NaN (integers with -1) first."""
    dtype = next(array.dtype for array in values.values() if array.dtype.kind == "f")
    written: Values = {}
    for name in direction.writes:
        operand = operand_of(op, name)
        made = dtype if name != operand.name or operand.dtype is None else np.dtype(operand.dtype)
        if make is None:
            written[name] = backend.empty(operand.labels, operand.shape, made)
        else:
            written[name] = make(operand, made)
        written[name].fill(np.nan if made.kind == "f" else -1)
    backend.compute(op, direction, {name: values[name] for name in direction.reads}, written, Site())
    return written


def run(backend: Backend, op: Op, values: Mapping[str, Array], make: Made | None = None) -> Values:
    """What all passes write, each reading what those before it wrote."""
    return run_passes(backend, op, op.passes, values, make)


def run_forward(backend: Backend, op: Op, values: Mapping[str, Array]) -> Values:
    """What all passes but those for gradients write; of an update, what it writes."""
    return run_passes(backend, op, op.forward_passes or op.passes, values)


def run_passes(
    backend: Backend,
    op: Op,
    passes: Sequence[Pass],
    values: Mapping[str, Array],
    make: Made | None = None,
) -> Values:
    """What some passes write, each reading what those before it wrote."""
    known = dict(values)
    written: Values = {}
    for direction in passes:
        written |= run_pass(backend, op, direction, known, make)
        known |= written
    return written


def assert_close(actual: Array, expected: Array, tolerance: float, what: str) -> None:
    """Fails when any element is further off than ``tolerance`` times the largest magnitude."""
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    largest = np.abs(expected).max(initial=0.0) or 1.0
    off = np.abs(actual - expected).max(initial=0.0)
    assert off <= tolerance * largest, f"{what}: off by {off:.3g}, largest is {largest:.3g}"


def assert_all_close(actual: Values, expected: Values, tolerance: float) -> None:
    """``assert_close`` for each expected name; ``actual`` may hold no others."""
    assert sorted(actual) == sorted(expected)
    for name, array in expected.items():
        assert_close(actual[name], array, tolerance, name)
