"""Pipelines of micro-batches against hand calculation: GPipe's bubble, and what 1F1B holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pytest

import backends
from dataflow.cost import Cost, Work
from dataflow.data.batches import Noise
from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.layers import AddLayer, LayerSpec
from dataflow.ops import Phase
from dataflow.placement import TaskKind
from dataflow.plan import Pipeline, Plan, Rule
from dataflow.trace import Span, Trace
from dataflow.verification.references import OneProcessor, verify
from tests.engine.timing import Unlimited
from tests.engine.worlds import RELU, computed, conv, experiment, fc, machine, network, traced

Order = Literal["gpipe", "1f1b"]

FORWARD_PS = 1_000_000
BACKWARD_PS = 3_000_000


@dataclass(frozen=True)
class FullyConnectedOnly(Unlimited):
    """A fully connected layer takes one time forward and another for its input's gradient; the rest none."""

    peak_flops: float = 1e30

    def cost(self, work: Work) -> Cost:
        """See above; the loss and a convolution can thus stand beside the stages and cost nothing."""
        times = {"forward": FORWARD_PS, "input_gradient": BACKWARD_PS}
        return Cost(times.get(work.direction, 0) if work.kind == "fully_connected" else 0, "compute")


def equal_stages(stages: int) -> Hardware:
    """Processors of that cost, with links on which a transfer takes the shortest time there is: 1 ps."""
    hardware = machine(stages, link_bytes_per_s=1e30, copy_engines=64)
    processors = {
        name: replace(processor, cost=FullyConnectedOnly()) for name, processor in hardware.processors.items()
    }
    return replace(hardware, processors=processors)


def pipeline(stages: int, count: int, order: Order, *, steps: int = 1) -> Experiment:
    """A fully connected layer of 2 channels and a ReLU a stage; before them a convolution.

    So all stages have a gradient to send or use.
    """
    layers: dict[str, LayerSpec] = {"first": conv(2, 1)}
    for stage in range(stages):
        layers |= {f"l{stage}": fc(2), f"r{stage}": RELU}
    plan = Plan(
        mesh={"stage": stages},
        pipeline=Pipeline(axis="stage", cuts=tuple(f"l{stage}" for stage in range(1, stages))),
        microbatches=count,
        order=order,
    )
    net = network(layers, image=(1, 1, 1))
    return experiment(net, equal_stages(stages), plan, batch=count, steps=steps)


def step_ps(trace: Trace) -> int:
    """From the first start of step 0 to its end."""
    return trace.step_ends_ps[0] - trace.start_ps


def passes(trace: Trace, stage: int, phase: Phase) -> list[Span]:
    """The spans of a stage's fully connected layer, one a micro-batch, in the order of time."""
    operation = "fully_connected forward" if phase is Phase.FORWARD else "fully_connected input_gradient"
    return [s for s in trace.spans if s.layer == f"l{stage}" and s.operation == operation and s.step == 0]


SHAPES = [(1, 3), (2, 1), (2, 4), (3, 5), (4, 4), (4, 8)]


@pytest.mark.parametrize(("stages", "count"), SHAPES)
@pytest.mark.parametrize("order", ["gpipe", "1f1b"])
def test_a_step_of_equal_stages(stages: int, count: int, order: Order) -> None:
    """(m + p - 1) (F + B), and 1 ps for each of the 2 (p - 1) sends of one micro-batch there and back.

    1F1B takes as long as GPipe: it changes the order of the same work (arXiv 2104.04473, section 2.2).
    """
    trace = traced(pipeline(stages, count, order))
    first = passes(trace, 0, Phase.FORWARD)[0].start_ps
    last = passes(trace, 0, Phase.GRADIENT)[-1].end_ps
    ideal = (count + stages - 1) * (FORWARD_PS + BACKWARD_PS)
    # While stages take turns every forward and backward pass may wait for a send: 1 ps each.
    sends = 2 * (stages - 1)
    assert ideal + sends <= last - first <= ideal + sends * (2 if order == "gpipe" else count + stages)


@pytest.mark.parametrize(("stages", "count"), SHAPES)
@pytest.mark.parametrize("order", ["gpipe", "1f1b"])
def test_the_bubble(stages: int, count: int, order: Order) -> None:
    """Stages stand idle (p - 1) / (m + p - 1) of the time (GPipe, arXiv 1811.06965, section 2.3)."""
    trace = traced(pipeline(stages, count, order))
    start = passes(trace, 0, Phase.FORWARD)[0].start_ps
    end = passes(trace, 0, Phase.GRADIENT)[-1].end_ps
    busy = sum(span.length_ps for span in trace.spans if span.kind is TaskKind.COMPUTE and span.step == 0)
    idle = 1 - busy / (stages * (end - start))
    assert idle == pytest.approx((stages - 1) / (count + stages - 1), abs=1e-5)


@pytest.mark.parametrize("order", ["gpipe", "1f1b"])
@pytest.mark.parametrize("stages", [1, 2, 4])
def test_recomputation_takes_a_forward_pass_more(stages: int, order: Order) -> None:
    """Each stage computes its forward pass again before its gradient: (m + p - 1) (F + F + B)."""
    world = pipeline(stages, 4, order)
    world = replace(world, plan=replace(world.plan, layers={"*": Rule(recompute=True)}))
    trace = traced(world)
    first = passes(trace, 0, Phase.FORWARD)[0].start_ps
    last = passes(trace, 0, Phase.GRADIENT)[-1].end_ps
    ideal = (4 + stages - 1) * (2 * FORWARD_PS + BACKWARD_PS)
    assert ideal == pytest.approx(last - first, rel=1e-4)


def most_in_flight(trace: Trace, stage: int) -> int:
    """How many micro-batches have been forward through a stage, and not back, at most."""
    forward = [(span.start_ps, 1) for span in passes(trace, stage, Phase.FORWARD)]
    back = [(span.end_ps, -1) for span in passes(trace, stage, Phase.GRADIENT)]
    most = now = 0
    for _, change in sorted([*forward, *back]):
        now += change
        most = max(most, now)
    return most


@pytest.mark.parametrize(("stages", "count"), SHAPES)
def test_how_many_micro_batches_are_in_flight(stages: int, count: int) -> None:
    """With GPipe all m on every stage; with 1F1B p - s on stage s, or all m if they are fewer."""
    gpipe, alternating = traced(pipeline(stages, count, "gpipe")), traced(pipeline(stages, count, "1f1b"))
    assert [most_in_flight(gpipe, stage) for stage in range(stages)] == [count] * stages
    expected = [min(count, stages - stage) for stage in range(stages)]
    assert [most_in_flight(alternating, stage) for stage in range(stages)] == expected


@pytest.mark.parametrize("order", ["gpipe", "1f1b"])
def test_the_order_of_a_middle_stage(order: Order) -> None:
    """Of three stages and four micro-batches: GPipe's is FFFFBBBB backwards, 1F1B's FFBFBFBB in turn."""
    trace = traced(pipeline(3, 4, order))
    spans = [*passes(trace, 1, Phase.FORWARD), *passes(trace, 1, Phase.GRADIENT)]
    spans.sort(key=lambda span: span.start_ps)
    done = [("F" if s.phase is Phase.FORWARD else "B") + s.name.split("#")[1][0] for s in spans]
    expected = {"gpipe": "F0 F1 F2 F3 B3 B2 B1 B0", "1f1b": "F0 F1 B0 F2 B1 F3 B2 B3"}[order]
    assert " ".join(done) == expected


def peaks(trace: Trace) -> dict[str, int]:
    """The most bytes in use in each memory."""
    found: dict[str, int] = {}
    for event in trace.memory_events:
        found[event.memory] = max(found.get(event.memory, 0), event.used_bytes)
    return found


def test_1f1b_needs_less_memory_on_the_first_stage() -> None:
    """Of eight micro-batches two stages hold two and one, not eight: the peaks are lower."""
    gpipe, alternating = peaks(traced(pipeline(2, 8, "gpipe"))), peaks(traced(pipeline(2, 8, "1f1b")))
    assert alternating["p0"] < gpipe["p0"]
    assert alternating["p1"] < gpipe["p1"]


@pytest.mark.parametrize("order", ["gpipe", "1f1b"])
@pytest.mark.parametrize("stages", [2, 3])
def test_a_pipeline_trains_like_one_processor(stages: int, order: Order) -> None:
    """After three steps all is as on one processor: a step uses one version of all weights."""
    world = pipeline(stages, 4, order, steps=3)
    backend = backends.get("numpy")
    _, last = computed(world, backend)
    verification = verify(last, world, Noise(world), OneProcessor(backend), tolerance=1e-9)
    assert verification.passed


def test_a_stage_that_begins_with_branches_holds_no_more() -> None:
    """Two layers of stage 0 read the batch; with 1F1B neither runs ahead of p - s = 2 micro-batches."""
    layers: dict[str, LayerSpec] = {
        "a": replace(fc(2), input="data"),
        "b": replace(fc(2), input="data"),
        "j": AddLayer(op="add", input=("a", "b")),
        "c": fc(2),
    }
    plan = Plan(mesh={"stage": 2}, pipeline=Pipeline(cuts=("c",)), microbatches=6, order="1f1b")
    trace = traced(experiment(network(layers, image=(1, 1, 1)), equal_stages(2), plan, batch=6))
    for layer in ("a", "b"):
        forward = [s.start_ps for s in trace.measured if s.layer == layer and s.phase is Phase.FORWARD]
        backward = [
            s.end_ps for s in trace.measured if s.layer == layer and s.operation.endswith("weight_gradient")
        ]
        assert len(forward) == len(backward) == 6
        assert max(sum(s <= t for s in forward) - sum(e <= t for e in backward) for t in forward) == 2
