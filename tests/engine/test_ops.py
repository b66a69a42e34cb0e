"""Ops: what a slice of an op's loops touches, for every kind of op that a backend must know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.ops import (
    KERNEL_OPS,
    Add,
    BatchNormalization,
    Concat,
    Convolution,
    LocalResponseNormalization,
    MaxPooling,
    Op,
    Pass,
    Phase,
    Role,
    SoftmaxCrossEntropy,
)
from dataflow.ops.axis import Block, equal_blocks
from dataflow.region import Region, uncovered
from tests.engine.strategies import LAW
from tests.strategies import OPS, partitions

every_op = pytest.mark.parametrize("kind", KERNEL_OPS, ids=lambda kind: kind.kind)

CONV2 = Convolution(
    batch=128,
    in_channels=96,
    in_height=27,
    in_width=27,
    channels=256,
    group_channels=48,
    kernel=(5, 5),
    stride=(1, 1),
    padding=((2, 2), (2, 2)),
    blocks=equal_blocks(96, 256, 2),
)
"""AlexNet's second convolution: each half of its 256 kernels reads 48 of 96 channels."""


def sliced(op: Op, **slices: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """All of an op's loops but for these."""
    return {**op.whole, **slices}


def reaches_the_end(op: Op) -> bool:
    """Whether the last windows of an op end where its padding does, so that it reads all it holds."""
    if not isinstance(op, Convolution | MaxPooling):
        padding = getattr(op, "padding", None)
        if padding is None:
            return True
    extents = (op.in_height, op.in_width)  # type: ignore[attr-defined]
    return all(
        (n + sum(p) - k) % s == 0
        for n, p, k, s in zip(extents, op.padding, op.kernel, op.stride, strict=True)  # type: ignore[attr-defined]
    )


@every_op
@LAW
@given(data=st.data())
def test_the_whole_is_itself(kind: type[Op], data: st.DataObject) -> None:
    """Cut to all of its loops an op is itself, or, if its windows end early, holds only what it reads."""
    op = data.draw(OPS[kind])
    once = op.local(op.whole)
    assert dict(once.loops) == dict(op.loops)
    assert once.local(once.whole) == once
    if reaches_the_end(op):
        assert once == op


@every_op
@LAW
@given(data=st.data())
def test_local_operands_have_the_shapes_of_their_regions(kind: type[Op], data: st.DataObject) -> None:
    """A local op's operands have the shapes of the regions that its slice touches, and no others."""
    op = data.draw(OPS[kind])
    slices = data.draw(st.sampled_from(data.draw(partitions(op))))
    local = op.local(slices)
    regions = {operand.name: op.region(operand.name, slices) for operand in op.operands}
    touched = {name: region.shape for name, region in regions.items() if region is not None}
    assert {operand.name: operand.shape for operand in local.operands} == touched
    assert local.loops == {loop: stop - start for loop, (start, stop) in slices.items()}


@every_op
@LAW
@given(data=st.data())
def test_slices_touch_only_what_the_whole_touches(kind: type[Op], data: st.DataObject) -> None:
    """No slice reads or writes outside an operand, nor anything that the whole op leaves alone."""
    op = data.draw(OPS[kind])
    for slices in data.draw(partitions(op)):
        for operand in op.operands:
            region = op.region(operand.name, slices)
            whole = op.region(operand.name, op.whole)
            assert whole is not None
            assert Region.whole(operand.shape).contains(whole)
            assert region is None or (region.size > 0 and whole.contains(region))


@every_op
@LAW
@given(data=st.data())
def test_a_partition_writes_every_output_and_adds_up(kind: type[Op], data: st.DataObject) -> None:
    """The slices of a partition write all of each output, and their multiply-accumulates are the op's."""
    op = data.draw(OPS[kind])
    parts = data.draw(partitions(op))
    assert sum(op.local(slices).macs for slices in parts) == op.macs
    for operand in op.by_role(Role.OUTPUT, Role.SAVED):
        written = [op.region(operand.name, slices) for slices in parts]
        assert uncovered(Region.whole(operand.shape), [r for r in written if r is not None]) == ()


@every_op
@LAW
@given(data=st.data())
def test_slicing_twice_is_slicing_once(kind: type[Op], data: st.DataObject) -> None:
    """The first half of the first half of a loop is the same op whether cut in two steps or in one."""
    op = data.draw(OPS[kind])
    loop = data.draw(st.sampled_from(op.shardable))
    half = max(1, op.loops[loop] // 2)
    quarter = max(1, half // 2)
    twice = op.local(sliced(op, **{loop: (0, half)}))
    assert twice.local(sliced(twice, **{loop: (0, quarter)})) == op.local(sliced(op, **{loop: (0, quarter)}))


@every_op
@LAW
@given(data=st.data())
def test_passes_name_operands(kind: type[Op], data: st.DataObject) -> None:
    """Every operand that a pass reads or writes is one of the op's, or the gradient of one."""
    op = data.draw(OPS[kind])
    known = {operand.name for operand in op.operands}
    for direction in op.passes:
        named = {*direction.reads, *direction.writes}
        assert {name.removesuffix(".grad") for name in named} <= known
        assert all(
            written in direction.writes and read in direction.reads for written, read in direction.in_place
        )


def test_towers_of_conv2_read_their_own_channels() -> None:
    """Half of conv2's kernels is one group: 128 outputs of 48 inputs, with no group beside it."""
    second = sliced(CONV2, channel=(128, 256))
    assert CONV2.region("input", second) == Region(((0, 128), (48, 96), (0, 27), (0, 27)))
    local = CONV2.local(second)
    assert (local.in_channels, local.channels, local.group_channels) == (48, 128, 48)
    assert local.blocks == (Block((0, 48), (0, 128)),)
    assert local.padding == CONV2.padding


def test_a_slice_of_conv2_across_both_groups() -> None:
    """Kernels 100 to 200 are 28 of the first group and 72 of the second, and read all 96 channels."""
    slices = sliced(CONV2, channel=(100, 200))
    assert CONV2.region("input", slices) == Region(((0, 128), (0, 96), (0, 27), (0, 27)))
    assert CONV2.local(slices).blocks == (Block((0, 48), (0, 28)), Block((48, 96), (28, 100)))


def test_rows_of_conv2_have_a_halo_and_padding_at_the_rim() -> None:
    """Rows 0 to 13 read rows -2 to 15, of which two are padding; rows 13 to 27 read 11 to 29."""
    upper, lower = sliced(CONV2, height=(0, 13)), sliced(CONV2, height=(13, 27))
    assert CONV2.region("input", upper) == Region(((0, 128), (0, 96), (0, 15), (0, 27)))
    assert CONV2.region("input", lower) == Region(((0, 128), (0, 96), (11, 27), (0, 27)))
    assert CONV2.local(upper).padding == ((2, 0), (2, 2))
    assert CONV2.local(lower).padding == ((0, 2), (2, 2))


def test_summed_input_channels_of_conv2() -> None:
    """Input channels 12 to 24 of each group are 12 to 72 of the image; only the first slice adds the bias."""
    slices = sliced(CONV2, in_channel=(12, 24))
    assert CONV2.region("input", slices) == Region(((0, 128), (12, 72), (0, 27), (0, 27)))
    assert CONV2.region("bias", slices) is None
    local = CONV2.local(slices)
    assert local.blocks == (Block((0, 12), (0, 128)), Block((48, 60), (128, 256)))
    assert not local.bias
    assert CONV2.local(sliced(CONV2, in_channel=(0, 12))).bias


def test_normalisation_reads_neighbours_within_a_group() -> None:
    """Two channels either side of 0 to 48 are 0 to 50 in one group, and 0 to 48 in two."""
    for groups, stop in ((1, 50), (2, 48)):
        op = LocalResponseNormalization(
            2, 96, 96, 3, 3, 5, 1e-4, 0.75, 2.0, blocks=equal_blocks(96, 96, groups)
        )
        assert op.region("input", sliced(op, channel=(0, 48))) == Region(((0, 2), (0, stop), (0, 3), (0, 3)))
    inner = op.local(sliced(op, channel=(50, 52)))
    assert (inner.in_channels, inner.channels, inner.shift) == (6, 2, 2)


def test_groups_are_a_division_of_the_channels() -> None:
    """A slice of whole groups is the output channels of each; one group is no division."""
    assert CONV2.divisions == {"group": ("channel", ((0, 128), (128, 256)))}
    norm = LocalResponseNormalization(2, 6, 6, 3, 3, 5, 1e-4, 0.75, 2.0, blocks=equal_blocks(6, 6, 3))
    assert norm.divisions == {"group": ("channel", ((0, 2), (2, 4), (4, 6)))}
    assert replace(norm, blocks=equal_blocks(6, 6, 1)).divisions == {}


def test_a_slice_of_a_concat_touches_the_inputs_in_it() -> None:
    """Channels 3 to 6 of 2 + 3 + 4: the last two of the second input and the first of the third."""
    op = Concat(1, (("input0", 2), ("input1", 3), ("input2", 4)))
    slices = sliced(op, channel=(3, 6))
    regions = [op.region(f"input{index}", slices) for index in range(3)]
    assert regions == [None, Region(((0, 1), (1, 3))), Region(((0, 1), (0, 1)))]
    assert op.local(slices) == Concat(1, (("input1", 2), ("input2", 1)))


def test_sums_of_a_slice_are_those_of_its_groups() -> None:
    """Images 4 to 7 of nine in groups of three: two of the second group and one of the third."""
    op = BatchNormalization((9, 2), images=3, count=3)
    slices = sliced(op, batch=(4, 7))
    assert op.region("sums", slices) == Region(((1, 3), (0, 2), (0, 2)))
    local = op.local(slices)
    assert (local.first, local.groups, local.count) == (1, 2, 3)


def test_a_pass_without_what_nobody_needs() -> None:
    """It writes less, and may share no bytes with what it does not write."""
    (_, back) = Add((2, 3)).passes
    assert back.without({"input1.grad"}) == Pass(
        "input_gradient",
        Phase.GRADIENT,
        ("output.grad",),
        ("input0.grad",),
        (("input0.grad", "output.grad"),),
        view=True,
    )


def test_loss_is_sharded_by_image_alone() -> None:
    """Softmax needs all scores of an image, and its gradient is of the mean over the whole batch."""
    op = SoftmaxCrossEntropy(8, 10, 8)
    assert op.shardable == ("batch",)
    assert op.local(sliced(op, batch=(2, 5))) == SoftmaxCrossEntropy(3, 10, 8)


def test_unknown_operand() -> None:
    """Asking for an operand that an op has not says which op and which operand."""
    with pytest.raises(KeyError, match="convolution has no operand 'mask'"):
        CONV2.operand("mask")


def test_phases_have_labels() -> None:
    """Phases are called in reports what they are called here, in this order."""
    assert [phase.label for phase in Phase] == ["forward", "loss", "gradient", "update", "load"]
