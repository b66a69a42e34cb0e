"""Memories in simulated time: what is held from when to when, and what happens when it is too much.

The world is that of ``test_simulation``: two images of two numbers and two outputs, float32, so
every tensor takes 16 bytes but labels and losses, which take 8.
"""

from __future__ import annotations

import pytest

from dataflow.errors import OutOfMemoryError
from dataflow.experiment import Experiment
from dataflow.layers import LayerSpec
from dataflow.plan import Plan
from dataflow.trace import Trace
from tests.engine.worlds import DROPOUT, RELU, experiment, fc, machine, network, on, traced

FC = fc(2, bias=False)


def world(capacity_bytes: int = 1 << 40, steps: int = 1, **layers: LayerSpec) -> Experiment:
    """These layers on one processor of so much memory."""
    return experiment(
        network(layers or {"a": FC}), machine(1, capacity_bytes=capacity_bytes), steps=steps, dtype="float32"
    )


def events(trace: Trace, memory: str = "p0") -> list[tuple[int, str, int]]:
    """(time, tensor, bytes) of each event in a memory."""
    return [
        (e.time_ps, e.tensor.split(" on ")[0], e.bytes) for e in trace.memory_events if e.memory == memory
    ]


def test_every_event_of_a_tiny_step() -> None:
    """Room is taken when a tensor's writer starts and given back when its last reader ends.

    Weights and velocities are there from the start; the update reuses their bytes. The batch of
    the next step is there at the end, and so are the weights it will read.
    """
    trace = traced(world())
    assert events(trace) == [
        (0, "a.weight@0", 16),
        (0, "a.weight.velocity@0", 16),
        (0, "data@0", 16),
        (16, "label@0", 8),
        (24, "a@0", 16),
        (24, "data@1", 16),
        (40, "label@1", 8),
        (72, "loss@0", 8),
        (72, "loss.probability@0", 16),
        (120, "a@0", -16),
        (120, "loss@0", -8),
        (120, "a.grad@0", 16),
        (160, "loss.probability@0", -16),
        (160, "label@0", -8),
        (160, "a.weight.grad@0", 16),
        (208, "a.grad@0", -16),
        (208, "data@0", -16),
        (208, "a.weight@0", -16),
        (208, "a.weight@1", 16),
        (208, "a.weight.velocity@0", -16),
        (208, "a.weight.velocity@1", 16),
        (288, "a.weight.grad@0", -16),
    ]
    assert trace.memory_events[-1].used_bytes == 16 + 16 + 16 + 8


def test_the_host_holds_a_batch_while_it_is_sent() -> None:
    """The host has images and labels from when they are first sent until they are sent for the last time."""
    trace = traced(world())
    assert events(trace, "host") == [
        (0, "data@0", 16),
        (16, "data@0", -16),
        (16, "label@0", 8),
        (24, "label@0", -8),
        (24, "data@1", 16),
        (40, "data@1", -16),
        (40, "label@1", 8),
        (48, "label@1", -8),
    ]


def test_relu_works_in_place() -> None:
    """A ReLU takes over the bytes of what nobody else reads, forward and backward."""
    found = events(traced(world(a=FC, r=RELU, b=FC)))
    (start,) = [time for time, tensor, size in found if tensor == "r@0" and size > 0]
    assert (start, "a@0", -16) in found
    assert found.index((start, "a@0", -16)) + 1 == found.index((start, "r@0", 16))
    (back,) = [time for time, tensor, size in found if tensor == "a.grad@0" and size > 0]
    assert (back, "r.grad@0", -16) in found


def test_what_others_read_is_not_taken_over() -> None:
    """Dropout takes room of its own for what it makes of a ReLU's output, which the ReLU's gradient reads."""
    found = events(traced(world(a=FC, r=RELU, d=DROPOUT, b=FC)))
    (start,) = [time for time, tensor, size in found if tensor == "d@0" and size > 0]
    assert (start, "r@0", -16) not in found
    assert [size for time, tensor, size in found if tensor == "d.mask@0"] == [4, -4]


def test_copies_go_when_they_are_read() -> None:
    """A copy of an activation lives in the receiver until its gradient pass has read it."""
    plan = Plan(layers={"a": on("p0"), "[bl]*": on("p1")})
    trace = traced(experiment(network({"a": FC, "b": FC}), machine(2), plan, dtype="float32"))
    spans = {span.name: span for span in trace.spans if span.step == 0}
    copy = spans["a@0 on p1 from p0"]
    held = [(time, size) for time, tensor, size in events(trace, "p1") if tensor == "a@0"]
    assert held == [(copy.start_ps, 16), (spans["b.weight_gradient on p1"].end_ps, -16)]


def test_memory_returns_to_where_it_began() -> None:
    """After every step the same is held: weights, velocities and one batch, whatever was held between."""
    trace = traced(world(steps=3, a=FC, r=RELU, d=DROPOUT, b=FC))
    last = [e.used_bytes for e in trace.memory_events if e.memory == "p0"][-1]
    assert last == 2 * (16 + 16) + 16 + 8
    used = [e.used_bytes for e in trace.memory_events if e.memory == "host"]
    assert used[-1] == 0
    assert min(e.used_bytes for e in trace.memory_events) == 0


def test_what_fits_exactly_fits() -> None:
    """A capacity of the peak itself is enough, one byte less is not."""
    peak = max(e.used_bytes for e in traced(world()).memory_events if e.memory == "p0")
    traced(world(peak))
    with pytest.raises(OutOfMemoryError):
        traced(world(peak - 1))


def test_out_of_memory_says_what_holds_it() -> None:
    """The error names memory, tensor, time, bytes and holders, the largest first.

    At 72 ps the loss writes 8 and then 16 bytes; held are two batches (48), weights and velocities
    (32) and scores (16).
    """
    with pytest.raises(OutOfMemoryError) as raised:
        traced(world(16 * 6 + 8 + 15))
    error = raised.value
    assert (error.memory, error.tensor) == ("p0", "loss.probability@0 on p0")
    assert (error.needed_bytes, error.capacity_bytes) == (16, 119)
    assert error.holders == (
        ("a.weight.velocity@0 on p0", 16),
        ("a.weight@0 on p0", 16),
        ("a@0 on p0", 16),
        ("data@0 on p0", 16),
        ("data@1 on p0", 16),
        ("label@0 on p0", 8),
        ("label@1 on p0", 8),
        ("loss@0 on p0", 8),
    )
    text = str(error)
    assert text.startswith(
        "memory of 'p0' is full at 0.000 ms: 'loss.probability@0 on p0' needs 16 B, "
        "but 104 B of 119 B are held by\n"
    )
    assert "                 16 B  a.weight.velocity@0 on p0" in text


def test_out_of_memory_sums_up_the_small_ones() -> None:
    """Eight holders are listed, the rest together."""
    with pytest.raises(OutOfMemoryError, match=r"\d+ B  in \d+ more tensors"):
        traced(world(300, a=FC, b=FC, c=FC, d=FC, e=FC, f=FC))


def test_parameters_alone_may_be_too_much() -> None:
    """What is there before the first step must fit as well."""
    with pytest.raises(
        OutOfMemoryError, match=r"memory of 'p0' is full at 0\.000 ms: 'a.weight.velocity@0 on p0'"
    ):
        traced(world(20))
