"""The simulation: whole traces of tiny worlds, compared with picoseconds worked out by hand.

In these worlds a FLOP takes 1 ps and a byte in memory or on a link 1 ps; numbers are float32, so
a 2 x 2 tensor takes 16 ps to read or write. A task takes as long as its bytes or its FLOP,
whichever is more. Spans are written as (name, step, start, end).
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dataflow.cost import Cost, Efficiency, Roofline, Work
from dataflow.errors import DeadlockError
from dataflow.experiment import Experiment
from dataflow.hardware import Hardware, Link
from dataflow.layers import LayerSpec
from dataflow.plan import Plan
from dataflow.trace import Trace
from tests.engine.worlds import conv, experiment, fc, machine, network, on, split, traced

Spans = list[tuple[str, int, int, int]]

ONE = {"a": fc(2, bias=False)}
"""Two images of two numbers, two outputs, no bias: every tensor is 16 bytes but labels and losses, 8."""
TWO = {"a": fc(2, bias=False), "b": fc(2, bias=False)}
PIPELINE = Plan(layers={"a": on("p0"), "b": on("p1"), "loss": on("p1")})


def world(
    layers: Mapping[str, LayerSpec], hardware: Hardware, plan: Plan | None = None, steps: int = 1
) -> Experiment:
    """Two images through these layers, in float32."""
    return experiment(network(layers), hardware, plan, steps=steps, dtype="float32")


def spans(trace: Trace, *resources: str) -> Spans:
    """The spans that held any of these resources, or all of them."""
    return [
        (span.name, span.step, span.start_ps, span.end_ps)
        for span in trace.spans
        if not resources or set(resources) & set(span.resources)
    ]


def test_one_processor() -> None:
    """Tasks follow one another; the next batch is loaded behind them.

    Forward and both gradients read and write three tensors of 16: 48. The loss reads 16 + 8
    and writes 8 + 16: 48; its gradient reads 16 + 8 and writes 16: 40. The update reads three and
    writes two: 80.
    """
    trace = traced(world(ONE, machine(1)))
    assert spans(trace) == [
        ("data@1 on p0 from host", -1, 0, 16),
        ("label@1 on p0 from host", -1, 16, 24),
        ("a.forward on p0", 0, 24, 72),
        ("data@1 on p0 from host", 0, 24, 40),
        ("label@1 on p0 from host", 0, 40, 48),
        ("loss.forward on p0", 0, 72, 120),
        ("loss.input_gradient on p0", 0, 120, 160),
        ("a.weight_gradient on p0", 0, 160, 208),
        ("a.weight.update on p0", 0, 208, 288),
    ]
    assert (trace.start_ps, trace.step_ends_ps) == (24, (288,))


def test_steps_follow_one_another() -> None:
    """Every step takes 264 ps; its tasks are those of the step before but for the time.

    The first loads begin at once; later ones when the step before has read the buffer they fill
    for the last time: labels after the loss's gradient, images after that of the weights.
    """
    trace = traced(world(ONE, machine(1), steps=4))
    assert trace.step_ends_ps == tuple(24 + 264 * step for step in range(1, 5))
    steps = [[(n, s - 264 * k, e - 264 * k) for n, at, s, e in spans(trace) if at == k] for k in range(4)]
    assert steps[1] == steps[2] == steps[3]
    assert [task for task in steps[0] if "from" not in task[0]] == [
        task for task in steps[1] if "from" not in task[0]
    ]
    assert [task for task in steps[1] if "from" in task[0]] == [
        ("label@1 on p0 from host", 160 - 264, 168 - 264),
        ("data@1 on p0 from host", 208 - 264, 224 - 264),
    ]


def test_two_processors_and_a_link() -> None:
    """A pipeline: a on p0, b and the loss on p1. A transfer of 16 bytes costs 5 + 3 + 16 = 24.

    The sender's copy engine costs 5 a transfer, and the link 3; the host has none, so the receiver's does.
    """
    trace = traced(world(TWO, machine(2, copy_overhead_ps=5, latency_ps=3), PIPELINE))
    assert spans(trace) == [
        ("data@1 on p0 from host", -1, 0, 24),
        ("label@1 on p1 from host", -1, 0, 16),
        ("a.forward on p0", 0, 24, 72),
        ("data@1 on p0 from host", 0, 24, 48),
        ("label@1 on p1 from host", 0, 24, 40),
        ("a@0 on p1 from p0", 0, 72, 96),
        ("b.forward on p1", 0, 96, 144),
        ("loss.forward on p1", 0, 144, 192),
        ("loss.input_gradient on p1", 0, 192, 232),
        ("b.input_gradient on p1", 0, 232, 280),
        ("b.weight_gradient on p1", 0, 280, 328),
        ("a.grad@0 on p0 from p1", 0, 280, 304),
        ("a.weight_gradient on p0", 0, 304, 352),
        ("b.weight.update on p1", 0, 328, 408),
        ("a.weight.update on p0", 0, 352, 432),
    ]
    resources = {span.name: span.resources for span in trace.spans}
    assert resources["a@0 on p1 from p0"] == ("p0.copy", "p0->p1")
    assert resources["data@1 on p0 from host"] == ("p0.copy", "host->p0")
    assert resources["b.forward on p1"] == ("p1",)


def test_causes() -> None:
    """What let a task start is the end of its last input's writer, or of who had its resource."""
    trace = traced(world(TWO, machine(2, copy_overhead_ps=5, latency_ps=3), PIPELINE))
    named = {
        span.name: None if span.cause is None else trace.spans[span.cause].name
        for span in trace.spans
        if span.step == 0
    }
    assert named["a.forward on p0"] == "data@1 on p0 from host"
    assert named["a@0 on p1 from p0"] == "a.forward on p0"
    assert named["b.weight_gradient on p1"] == "b.input_gradient on p1"
    assert named["a.weight_gradient on p0"] == "a.grad@0 on p0 from p1"
    waited = next(span for span in trace.spans if span.name == "b.weight_gradient on p1")
    assert (waited.ready_ps, waited.start_ps, waited.latency_ps) == (232, 280, 96)


def shared_link(hardware: Hardware) -> Hardware:
    """The same processors and host around one switch: all loads pass the host's link to it."""
    links = tuple(
        Link(f"{a}->{b}", "bus", a, b, 1e12, 0, f"{a}->{b}")
        for node in hardware.memories
        for a, b in ((node, "switch"), ("switch", node))
    )
    return Hardware("star", hardware.processors, hardware.memories, links, ("host",), ("switch",))


def test_an_exclusive_link_serves_by_priority() -> None:
    """Four loads that are all ready at 0 pass the host's link one by one, in the order of the tasks."""
    plan = Plan(mesh={"m": 2}, layers={"*": split(batch="m")})
    trace = traced(world(ONE, shared_link(machine(2)), plan))
    assert [span for span in spans(trace, "host->switch") if span[1] < 0] == [
        ("data@1[0:1] on p0 from host", -1, 0, 8),
        ("data@1[1:2] on p1 from host", -1, 8, 16),
        ("label@1[0:1] on p0 from host", -1, 16, 20),
        ("label@1[1:2] on p1 from host", -1, 20, 24),
    ]


def test_loads_give_way_to_the_step() -> None:
    """Of transfers that wait for one copy engine those of the step go before the load of the next batch."""
    layers = {"a": fc(2, bias=False), "b": fc(2, bias=False)}
    slow = machine(2, link_bytes_per_s=1e11)
    trace = traced(world(layers, slow, PIPELINE, steps=2))
    waiting = [s for s in trace.spans if s.name == "a@0 on p1 from p0" and s.step == 0]
    # The load of data holds p0's engine from 160 (the cold start) to 320; a is computed at 208.
    assert [(s.ready_ps, s.start_ps, s.end_ps) for s in waiting] == [(208, 320, 480)]


@pytest.mark.parametrize(("engines", "starts"), [(1, [72, 80]), (2, [72, 72])])
def test_copy_engines(engines: int, starts: list[int]) -> None:
    """p0 sends 8 bytes to each of two others over links of their own: at once if it has two engines."""
    plan = Plan(layers={"a": on("p0"), "[bl]*": on("p1", "p2", batch="on")})
    hardware = machine(3, copy_engines=engines)
    trace = traced(world(TWO, hardware, plan))
    # Images load 0 to 16; the forward pass takes 48, from 16 on, when the labels are there too.
    sent = [(name, start) for name, step, start, _ in spans(trace, "p0->p1", "p0->p2") if step == 0]
    offset = trace.start_ps + 48 - 72
    assert sent == [
        ("a@0[0:1] on p1 from p0", starts[0] + offset),
        ("a@0[1:2] on p2 from p0", starts[1] + offset),
    ]


@pytest.mark.parametrize(("half_duplex", "starts"), [(False, (0, 0)), (True, (0, 8))])
def test_duplex(half_duplex: bool, starts: tuple[int, int]) -> None:
    """Two halves of a go both ways at once, or one after the other where both directions share a channel."""
    plan = Plan(mesh={"m": 2}, layers={"[ab]": split(channel="m"), "loss": on("p0")})
    trace = traced(world(TWO, machine(2, half_duplex=half_duplex), plan))
    sent = [s for s in trace.spans if s.name in ("a@0[:,0:1] on p1 from p0", "a@0[:,1:2] on p0 from p1")]
    begin = sent[0].ready_ps
    assert [s.ready_ps for s in sent] == [begin, begin]
    assert [(s.start_ps - begin, s.end_ps - s.start_ps) for s in sent] == [(starts[0], 8), (starts[1], 8)]


def test_a_slower_host_does_not_set_the_pace() -> None:
    """With links ten times slower a batch takes 160 + 80 to load, less than a step takes: nothing waits."""
    trace = traced(world(ONE, machine(1, link_bytes_per_s=1e11), steps=6))
    loads = spans(trace, "host->p0")
    assert trace.start_ps == 240
    periods = {b - a for a, b in zip(trace.step_ends_ps[1:], trace.step_ends_ps[2:], strict=False)}
    assert periods == {264}
    assert all(start >= 240 for _, step, start, _ in loads if step >= 0)


def test_a_slow_host_sets_the_pace() -> None:
    """A load begins once the batch before the one in use is read for the last time, so two are held.

    Loading takes 24 x 100: batch 1 loads from 2400 to 4800. Batch 2 may load at once then: batch 0 was read
    long ago. So each step ends 264 after its batch is there, and a load later.
    """
    trace = traced(world(ONE, machine(1, link_bytes_per_s=1e10), steps=4))
    loads = [s for s in trace.spans if "host->p0" in s.resources]
    assert [(s.step, s.start_ps, s.end_ps) for s in loads] == [
        (-1, 0, 1600),
        (-1, 1600, 2400),
        (0, 2400, 4000),
        (0, 4000, 4800),
        (1, 4800, 6400),
        (1, 6400, 7200),
        (2, 7200, 8800),
        (2, 8800, 9600),
        (3, 9600, 11200),
        (3, 11200, 12000),
    ]
    assert trace.step_ends_ps == (4800, 7200, 9600, 12000)


def test_deadlock_names_who_waits_for_what() -> None:
    """Without a copy engine nothing can be loaded; the error says which resource is missing and who waits."""
    with pytest.raises(DeadlockError) as raised:
        traced(world(ONE, machine(1, copy_engines=0)))
    text = str(raised.value)
    assert text.startswith("deadlock at 0.000 ms: 9 tasks wait and nothing can happen\n")
    assert "  - 'data@1 on p0 from host' (step -1) waits for " in text
    assert "'p0.copy'" in text
    assert "  - 'a.forward on p0' (step 0) waits for 'data@1 on p0 from host' (step -1)" in text
    assert "  - 'loss.input_gradient on p0' (step 0) waits for 'loss.forward on p0' (step 0)" in text


def test_no_step_begins_before_the_one_it_follows_has() -> None:
    """Not even a sum of nothing runs before its step: rows 1 and 2 of five are read by no window of b.

    b reads every third row, so the gradients of a's rows on p1 and p2 are zeros that wait for no
    value; they belong to their step all the same, and are made when those of the step before are read.
    """
    layers: dict[str, LayerSpec] = {"a": conv(1, 1), "b": conv(1, 1, 3), "c": fc(2)}
    plan = Plan(mesh={"m": 4}, layers={"[ab]": split(height="m"), "c": on("p0"), "loss": on("p0")})
    world = experiment(network(layers, image=(1, 5, 1)), machine(4), plan, steps=4)
    trace = traced(world)
    assert all(span.start_ps >= trace.start_ps for span in trace.measured)
    ends = {(span.name, span.step): span.end_ps for span in trace.spans}
    for span in trace.measured:
        if span.name.startswith("sum of a.grad@0[:,:,1:2]") and span.step > 0:
            assert span.start_ps >= ends["a.weight_gradient on p1", span.step - 1]


# -- the roofline -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flop", "size", "time_ps", "bound"),
    [
        # 100 ps launch, 1 FLOP/ps at 0.5 attained, 2 B/ps at 0.25 attained.
        (400, 100, 100 + 800, "compute"),
        (400, 400, 100 + 800, "compute"),  # 800 either way: compute wins ties
        (100, 300, 100 + 600, "memory"),
        (10, 10, 100 + 20, "launch"),
    ],
)
def test_roofline_bounds(flop: int, size: int, time_ps: int, bound: str) -> None:
    """Launch overhead and the longer of arithmetic and memory; the longest of the three bounds it."""
    model = Roofline(1e12, 2e12, 100, {("", ""): Efficiency(0.5, 0.25)})
    assert model.cost(Work("relu", "forward", flop, size)) == Cost(time_ps, bound)


def test_roofline_efficiency() -> None:
    """The efficiency of a pass is its own, else that of its kind, else the default, else 1."""
    own, kind, default = Efficiency(0.1, 0.1), Efficiency(0.2, 0.2), Efficiency(0.3, 0.3)
    table = {("fc", "forward"): own, ("fc", ""): kind, ("", ""): default}
    model = Roofline(1.0, 1.0, 0, table)
    assert model.attained("fc", "forward") == own
    assert model.attained("fc", "input_gradient") == kind
    assert model.attained("relu", "forward") == default
    assert Roofline(1.0, 1.0, 0, {}).attained("fc", "forward") == Efficiency(1.0, 1.0)


def test_bounds_in_a_trace() -> None:
    """A span says what set its length: the link for transfers, and for tasks what the cost model says."""
    trace = traced(world(ONE, machine(1, flops=1e11, launch_ps=50)))
    bounds = {span.name: span.bound for span in trace.spans}
    # a.forward: 16 FLOP at 10 ps each, 48 bytes, 50 to launch.
    assert bounds["a.forward on p0"] == "compute"
    assert bounds["loss.input_gradient on p0"] == "launch"
    assert bounds["a.weight.update on p0"] == "memory"
    assert bounds["data@1 on p0 from host"] == "link"
