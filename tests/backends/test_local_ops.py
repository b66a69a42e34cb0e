"""The central law: an op cut into slices of its loops does what the whole op does.

Each part reads the regions of the operands that its slice touches, and what the parts
write into a region of a tensor adds up to the whole tensor, forward and backward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backends
from dataflow.backend import Array, Backend, Site
from dataflow.ops import KERNEL_OPS, Op
from dataflow.ops.axis import Slices
from dataflow.ops.base import GRADIENT_SUFFIX
from dataflow.region import Region
from tests.backends.running import assert_all_close, operand_of, random_values, run, run_pass
from tests.strategies import LAW, OPS, partitions


def slices_of(op: Op, name: str, slices: Slices) -> tuple[slice, ...]:
    """Where the region of an operand (or gradient) that a slice touches is in the whole of it."""
    operand = operand_of(op, name)
    region = op.region(operand.name, slices)
    assert region is not None
    return region.slices_within(Region.whole(operand.shape))


def sum_of_parts(
    backend: Backend, op: Op, parts: Sequence[Slices], values: Mapping[str, Array]
) -> dict[str, Array]:
    """What all passes of the parts write, added up; ``values`` holds what the whole op wrote too."""
    totals: dict[str, Array] = {}
    for direction in op.passes:
        addends: dict[str, list[tuple[tuple[slice, ...], Array]]] = {n: [] for n in direction.writes}
        for part in parts:
            local = op.local(part)
            local_pass = next(each for each in local.passes if each.name == direction.name)
            held = {name: values[name][slices_of(op, name, part)] for name in local_pass.reads}
            for name, array in run_pass(backend, local, local_pass, held).items():
                addends[name].append((slices_of(op, name, part), array))
        for name, pieces in addends.items():
            operand = operand_of(op, name)
            totals[name] = backend.empty(operand.labels, operand.shape, np.dtype("float64"))
            backend.accumulate(totals[name], pieces, Site())
    return totals


@pytest.mark.parametrize("kind", KERNEL_OPS, ids=lambda kind: kind.kind)
def test_parts_add_up_to_the_whole(kind: type[Op]) -> None:
    """Any cut of any shardable loops gives the whole op's outputs, saved tensors and gradients."""
    backend = backends.get("numpy")

    @LAW
    @given(data=st.data(), seed=st.integers(0, 99))
    def law(data: st.DataObject, seed: int) -> None:
        op = data.draw(OPS[kind])
        parts = data.draw(partitions(op))
        values = random_values(op, seed)
        whole = run(backend, op, values)
        assert_all_close(sum_of_parts(backend, op, parts, values | whole), whole, 1e-12)

    law()


@pytest.mark.parametrize("kind", KERNEL_OPS, ids=lambda kind: kind.kind)
def test_a_slice_computes_a_region_of_the_whole(kind: type[Op]) -> None:
    """Without a cut of summed loops, what a part's first pass writes is that region of the whole's."""
    backend = backends.get("numpy")

    @LAW
    @given(data=st.data(), seed=st.integers(0, 99))
    def law(data: st.DataObject, seed: int) -> None:
        op = data.draw(OPS[kind])
        part = data.draw(st.sampled_from(data.draw(partitions(op))))
        shown = op.operand(op.passes[0].writes[0]).labels
        part |= {loop: whole for loop, whole in op.whole.items() if loop not in shown}
        local = op.local(part)
        values = random_values(op, seed)
        whole = run_pass(backend, op, op.passes[0], values)
        held = {name: values[name][slices_of(op, name, part)] for name in local.passes[0].reads}
        written = run_pass(backend, local, local.passes[0], held)
        expected = {name: array[slices_of(op, name, part)] for name, array in whole.items()}
        assert_all_close(written, expected, 1e-12)

    law()


@pytest.mark.parametrize("kind", KERNEL_OPS, ids=lambda kind: kind.kind)
def test_local_operands_have_the_shape_of_their_regions(kind: type[Op]) -> None:
    """An operand of a local op is as large as the region its slice touches."""

    @LAW
    @given(data=st.data())
    def law(data: st.DataObject) -> None:
        op = data.draw(OPS[kind])
        for part in data.draw(partitions(op)):
            local = op.local(part)
            touched = {o.name: op.region(o.name, part) for o in op.operands}
            expected = {name: region.shape for name, region in touched.items() if region is not None}
            assert {o.name: o.shape for o in local.operands} == expected
            assert not any(name.endswith(GRADIENT_SUFFIX) for name in expected)

    law()
