"""Any network on any hardware as a hardware pipeline: closed forms through the whole stack."""

from __future__ import annotations

from itertools import pairwise

import pytest

import topologies
from dataflow.experiment import Experiment, Training
from dataflow.graph import step_graph
from dataflow.measurement import measure_trace
from dataflow.metrics import PipelineUse
from dataflow.placement import place
from dataflow.plan import Pipeline, Plan
from dataflow.simulation import Run, simulate

SAMPLES = 40

CUTS = {
    "tiny-lenet": "fc3",
    "tiny-vgg": "conv4_1",
    "tiny-two-tower": "conv3",
    "tiny-resnet": "conv3_1_a_conv",
    "tiny-googlenet": "inception3a_1x1_conv",
    "tiny-gpt2": "h1_ln1",
    "alexnet": "conv3",
}
"""Where each network is cut into a stage for each of two GPUs."""


def streamed(network: str, hardware: str = "gtx580x2", batch: int = 1) -> tuple[Run, PipelineUse]:
    """So many samples through two stages."""
    cut = CUTS[network]
    stages = Plan(mesh={"stage": 2}, processors=("gpu0", "gpu1"), pipeline=Pipeline(cuts=(cut,)))
    world = Experiment(
        name=network,
        network=topologies.load_network(network),
        hardware=topologies.load_hardware(hardware),
        plan=stages,
        training=Training(batch=batch, steps=SAMPLES),
        mode="pipeline",
    )
    run = simulate(place(step_graph(world), world.hardware, stages), SAMPLES)
    use = measure_trace(run).pipeline
    assert use is not None
    return run, use


def busy_ps(run: Run, step: int) -> dict[str, int]:
    """How long each resource is busy for one sample: processors, copy engines and links."""
    found: dict[str, int] = {}
    for span in run.trace.spans:
        if span.step == step:
            for resource in span.resources:
                found[resource] = found.get(resource, 0) + span.length_ps
    return found


@pytest.mark.parametrize("network", list(CUTS))
def test_interval_is_the_slowest_stage(network: str) -> None:
    """In the middle one leaves whenever the busiest resource is done with the next, exactly."""
    run, use = streamed(network)
    slowest = busy_ps(run, SAMPLES - 1)
    name = max(slowest, key=lambda resource: slowest[resource])
    ends_ps = run.trace.step_ends_ps
    intervals = {later - earlier for earlier, later in pairwise(ends_ps[15:30])}
    assert intervals == {slowest[name]}
    assert use.interval_s == pytest.approx(slowest[name] / 1e12, rel=1e-9)
    assert use.bottleneck == name


def test_alexnet_on_two_gpus() -> None:
    """Stages of unequal length, S + (N - 1) max: the sum of what a sample takes, then one an interval."""
    run, use = streamed("alexnet", batch=128)
    first, second = use.stages
    assert (first.processor, second.processor) == ("gpu0", "gpu1")
    assert (first.layers[0], second.layers[0]) == ("conv1", "conv3")
    slowest_s = max(first.time_s, second.time_s)
    assert use.interval_s == pytest.approx(slowest_s, rel=1e-9)
    total_s = (run.trace.end_ps - run.trace.start_ps) / 1e12
    assert total_s == pytest.approx(use.fill_s + (SAMPLES - 1) * slowest_s, rel=1e-9)
    assert use.balanced_interval_s == pytest.approx((first.time_s + second.time_s) / 2)
    # Two stages in turn would take the sum of both for each sample.
    assert use.interval_s < first.time_s + second.time_s


def test_equal_stages_double_the_rate() -> None:
    """GPT-2 in miniature has two like blocks: two GPUs serve nearly twice what one after the other would."""
    _, use = streamed("tiny-gpt2")
    serial_s = sum(stage.time_s for stage in use.stages)
    assert 1.3 < serial_s / use.interval_s <= 2.0
