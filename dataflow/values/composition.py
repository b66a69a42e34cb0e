"""Runs passes on a backend: by its kernels, and ops that are made of others through theirs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dataflow.backend import Array, Backend, Site
from dataflow.numbers.number import array_dtype
from dataflow.ops import Evaluated, FiniteDifference, Op, Operand, Pass, gradient_of
from dataflow.region import Region


def run_pass(
    backend: Backend,
    op: Op,
    direction: Pass,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    site: Site,
) -> None:
    """Runs one pass of a local op; arguments and errors as of ``Backend.compute``."""
    if isinstance(op, FiniteDifference):
        _finite_differences(backend, op, reads, writes, site)
    else:
        backend.compute(op, direction, reads, writes, site)


def _finite_differences(
    backend: Backend,
    op: FiniteDifference,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    site: Site,
) -> None:
    """Fills each gradient with what the loss grows by when an element is moved, over the step.

    The sum over the batch is taken in float64, which for fixed point is exact.
    """
    loss = op.layers[-1].tensors["output"]
    for parameter in op.parameters:
        tensor = f"{op.layer}.{parameter.name}"
        target = writes[gradient_of(parameter.name)]
        moved = backend.empty(parameter.labels, parameter.shape, reads[tensor].dtype)
        moved[...] = reads[tensor]
        found = np.empty(target.shape)
        for index in np.ndindex(target.shape):
            element = tuple(
                slice(i + start, i + start + 1) for i, start in zip(index, op.start(parameter), strict=True)
            )
            before = reads[tensor][element]
            backend.fill(moved[element], before + op.step, site.dtypes[tensor], tensor)
            grown = _losses(backend, op, {**reads, tensor: moved}, site) - reads[loss].astype(np.float64)
            found[index] = grown.sum() * (op.gain / op.step)
            moved[element] = before
        backend.release(moved)
        name = gradient_of(parameter.name)
        backend.fill(target, found, site.dtypes[name], site.tensors[name])


def _losses(backend: Backend, op: FiniteDifference, given: Mapping[str, Array], site: Site) -> Array:
    """The losses of the batch, computed through all layers, in float64."""
    values = dict(given)
    made: list[Array] = []
    for layer in op.layers:
        for direction in layer.op.forward_passes:
            names = layer.tensors
            written: dict[str, Array] = {}
            for name in direction.writes:
                array = _empty(backend, layer, layer.op.operand(name))
                written[name] = values[names[name]] = array
                made.append(array)
            held = {name: values[names[name]] for name in direction.reads}
            backend.compute(layer.op, direction, held, written, _site_of(layer, direction, site))
    losses = values[op.layers[-1].tensors["output"]].astype(np.float64)
    for array in made:
        backend.release(array)
    return losses


def _empty(backend: Backend, layer: Evaluated, operand: Operand) -> Array:
    dtype = next(wire.dtype for wire in layer.wires if wire.operand == operand.name)
    return backend.empty(operand.labels, operand.shape, array_dtype(dtype))


def _site_of(layer: Evaluated, direction: Pass, site: Site) -> Site:
    wires = [wire for wire in layer.wires if wire.operand in (*direction.reads, *direction.writes)]
    shapes = {wire.operand: layer.op.operand(wire.operand).shape for wire in wires}
    return site._replace(
        tensors={wire.operand: wire.tensor for wire in wires},
        dtypes={wire.operand: wire.dtype for wire in wires},
        regions={operand: Region.whole(shape) for operand, shape in shapes.items()},
        shapes=shapes,
    )
