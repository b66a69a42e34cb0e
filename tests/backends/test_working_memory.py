"""Kernels work image by image: their working memory does not grow with the batch."""

from __future__ import annotations

import tracemalloc

import pytest

import backends
from dataflow.backend import Site
from dataflow.ops import Convolution, LocalResponseNormalization, MaxPooling, Op
from dataflow.ops.axis import equal_blocks
from tests.backends.running import operand_of, random_values, run


def op_of_batch(kind: type[Op], batch: int) -> Op:
    """An op over images of 16 channels, 32 by 32; the columns of one are 1.1 MiB in float64."""
    if kind is Convolution:
        same = ((1, 1), (1, 1))
        return Convolution(batch, 16, 32, 32, 16, 16, (3, 3), (1, 1), same, equal_blocks(16, 16, 1))
    if kind is MaxPooling:
        return MaxPooling(batch, 16, 32, 32, (3, 3), (2, 2), ((0, 0), (0, 0)))
    return LocalResponseNormalization(batch, 16, 16, 32, 32, 5, 0.1, 0.75, 2.0, equal_blocks(16, 16, 2))


def working_bytes(op: Op, name: str) -> int:
    """The most memory that one pass of an op takes besides what it reads and writes."""
    backend = backends.get("numpy")
    values = random_values(op, seed=0)
    values |= run(backend, op, values)
    direction = next(each for each in op.passes if each.name == name)
    fresh = backends.get("numpy")
    reads = {each: values[each] for each in direction.reads}
    writes = {}
    for each in direction.writes:
        operand = operand_of(op, each)
        writes[each] = fresh.empty(operand.labels, operand.shape, values["input"].dtype)
    tracemalloc.start()
    try:
        fresh.compute(op, direction, reads, writes, Site())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Convolution, "forward"),
        (Convolution, "input_gradient"),
        (Convolution, "weight_gradient"),
        (MaxPooling, "forward"),
        (MaxPooling, "input_gradient"),
        (LocalResponseNormalization, "forward"),
        (LocalResponseNormalization, "input_gradient"),
    ],
)
def test_working_memory_does_not_grow_with_the_batch(kind: type[Op], name: str) -> None:
    """Thirty-two images take as much working memory as eight, give or take half an image."""
    few, many = (working_bytes(op_of_batch(kind, batch), name) for batch in (8, 32))
    assert many <= few + 16 * 32 * 32 * 8 // 2
