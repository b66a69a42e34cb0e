"""What is said of hosts that make batches of files: whether steps wait for them, and what cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.errors import CheckError, OptionError
from dataflow.layers import EmbeddingLayer, LinearLayer
from dataflow.measurement import measure, measure_trace
from dataflow.metrics import Metrics
from dataflow.network import Tokens
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.verification.references import one_processor
from tests.engine.files import host, jpeg, laid, world
from tests.engine.worlds import experiment, machine, network


def test_measures_say_that_training_is_input_bound() -> None:
    """Preparing takes 400 ps, computing 250: 4 images in 400 ps, where 4 in 250 could be used."""
    metrics = measure(simulate(laid(world(host(times=10))), 3))
    assert metrics.input is not None
    assert metrics.input.bound
    assert metrics.input.waiting == pytest.approx(150 / 400)
    assert metrics.input.images_per_s == pytest.approx(4 / 400e-12)
    assert metrics.input.needed_images_per_s == pytest.approx(4 / 250e-12)
    use = metrics.input.hosts["host"]
    assert (use.images, use.cores, use.buffers, use.busy, use.bound) == (4, 1, 2, 1.0, "compute")
    assert use.prepare_s == pytest.approx(400e-12)
    use_of = metrics.processors["p0"]
    idle_s = use_of.waiting_for_input_s + use_of.communication_exposed_s
    assert idle_s == pytest.approx((400 - 250) * 1e-12)
    assert use_of.waiting_for_input_s > 100e-12
    assert use_of.waiting_for_others_s == 0
    assert metrics.limits[0].resource == "input path"
    assert metrics.limits[0].step_time_s == pytest.approx(250e-12)
    assert metrics.critical_path[0].told == "preparation of batches on host"


def test_measures_say_that_training_is_not_input_bound() -> None:
    """Preparing takes 40 ps of a step of 250."""
    metrics = measure(simulate(laid(world(host())), 3))
    assert metrics.input is not None
    assert not metrics.input.bound
    assert metrics.input.waiting == 0.0
    assert metrics.input.hosts["host"].busy == pytest.approx(40 / 250)
    assert metrics.input.needed_images_per_s == pytest.approx(metrics.images_per_s)
    assert all(use.waiting_for_input_s == 0 for use in metrics.processors.values())


def measured(task_ps: int, cores: int, times: float, steps: int, buffers: int = 2) -> Metrics:
    """What so many steps of the world say."""
    made = world(host(cores, buffers, times=times), task_ps=task_ps)
    return measure_trace(simulate(laid(made), steps))


@pytest.mark.parametrize("steps", [1, 2, 4, 9])
@pytest.mark.parametrize(
    ("task_ps", "times", "bound"),
    [(50, 10, True), (50, 6.3, True), (50, 5, False), (15, 1, False), (1, 1, True)],
)
def test_one_step_says_the_same_as_many(task_ps: int, times: float, bound: bool, steps: int) -> None:
    """Preparing 400, 252, 200 and 40 ps against computing 250, 75 and 5."""
    found = measured(task_ps, 1, times, steps).input
    assert found is not None
    assert found.bound == bound
    waits = max(0, 40 * times - 5 * task_ps) / max(40 * times, 5 * task_ps)
    assert found.waiting == pytest.approx(waits)


def test_loads_that_are_waited_for_count() -> None:
    """Four cores prepare a batch in 10 ps, its loads take 32 and tasks 25: 7 of 32 ps are waited."""
    found = measured(5, 4, 1, 5).input
    assert found is not None
    assert found.waiting == pytest.approx(7 / 32)
    assert found.bound


def test_with_one_buffer_preparing_and_loading_in_turn_is_waited_for() -> None:
    """40 + 32 ps against tasks of 50: cores rest while the buffer is loaded, and still hold the step up."""
    found = measured(10, 1, 1, 5, buffers=1).input
    assert found is not None
    assert found.hosts["host"].busy == pytest.approx(40 / 72)
    assert found.bound


@pytest.mark.parametrize(("times", "bound"), [(1, False), (4, True)])
def test_an_inference_is_input_bound_if_that_is_most_of_it(times: float, bound: bool) -> None:
    """40 or 160 ps and a load of 16 before two tasks of 50."""
    made = world(host(times=times), mode="inference")
    found = measure_trace(simulate(laid(made), 3)).input
    assert found is not None
    waits = 40 * times + 16
    assert found.waiting == pytest.approx(waits / (waits + 100))
    assert found.bound == bound


def test_a_host_without_an_input_path_cannot_make_batches() -> None:
    """The message names the host, the machine and where to describe it."""
    made = jpeg(world(host()))
    bare = replace(made, hardware=replace(made.hardware, inputs={}))
    with pytest.raises(
        OptionError, match=r"host 'host' of hardware 'machine' has no input path; .*hosts\.host\.input"
    ):
        laid(bare)


def test_what_is_no_picture_is_refused() -> None:
    """Tokens, and images of two channels."""
    made = world(host())
    layers = {
        "words": EmbeddingLayer(op="embedding", channels=3),
        "scores": LinearLayer(op="linear", channels=5),
    }
    reader = replace(network(layers, classes=5), input=Tokens(tokens=4))
    with pytest.raises(OptionError, match="reads tokens"):
        laid(jpeg(experiment(reader, machine(1))))
    with pytest.raises(OptionError, match="reads 2 channels, and pictures have 3, or 1"):
        laid(replace(made, network=replace(made.network, input=(2, 1, 1))))


def test_only_hosts_have_an_input_path() -> None:
    """The fault names what is none."""
    with pytest.raises(CheckError, match=r"'p0' has an input path, but is no host \(there are: host\)"):
        replace(machine(1), inputs={"p0": host()})


def test_the_reference_can_make_batches_too() -> None:
    """What is verified against one processor may be trained on files."""
    made = world(host())
    laid(replace(made, hardware=one_processor(), plan=Plan()))
