"""The experiments on an Agilio CX: who does what, what does not fit, and the same values as anywhere."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import dataflow
import topologies
from dataflow.errors import FitError
from dataflow.experiment import Experiment
from dataflow.ops import FiniteDifference, Phase
from dataflow.override import Override
from dataflow.placement import PlacedGraph, TaskKind
from dataflow.result import Result
from dataflow.session import place_experiment
from dataflow.simulation import simulate

PHASES = (Phase.FORWARD, Phase.LOSS, Phase.GRADIENT)


@cache
def result(name: str) -> Result:
    """The experiment, run and verified against one processor."""
    return dataflow.run(topologies.load(name), dataflow.Options(limits=False))


def placed(name: str, *settings: tuple[str, str]) -> PlacedGraph:
    """The experiment's placed graph."""
    return place_experiment(topologies.load(name, [Override(path, value) for path, value in settings]))


def step_ps(graph: PlacedGraph) -> int:
    """The simulated length of a step."""
    return simulate(graph).trace.end_ps


def processors(graph: PlacedGraph, layer: str, phase: Phase) -> list[str]:
    """Who computes the passes of a layer in a phase."""
    return list(
        dict.fromkeys(
            task.processor
            for task in graph.tasks
            if task.processor is not None and task.op is not None
            if task.layer == layer and task.phase is phase
        )
    )


def cores(first: int, count: int) -> list[str]:
    """Cores by number."""
    return [f"core{number}" for number in range(first, first + count)]


def classified(weights: str, *settings: tuple[str, str]) -> int:
    """How long a digit takes from the port to its class, the classes' weights in a kind of bank."""
    chosen = (("mode", "inference"), ("training.batch", "1"), ("plan.banks", f"{{fc.weight: {weights}}}"))
    return step_ps(placed("digits-cnn-agilio", *chosen, *settings))


def test_farther_weights_are_slower() -> None:
    """Of ten classes on a core each: local memory, CLS, CTM, IMEM, DRAM's cache, DRAM itself.

    A core reads its weights, of 8 B, once: 2 B of each of 4 inputs. The middle of CLS's latencies is 35, of
    CTM's 75, of IMEM's and the cache's 200, a miss takes 250 cycles of 1.25 ns.
    """
    local, cls, ctm, imem, cached = map(classified, ("local", "cls", "ctm", "imem", "emem"))
    uncached = classified("emem", ("hardware.spaces.nic.banks.emem.cache", "{value: 1 B, source: assumed}"))
    assert local < cls < ctm < imem == cached < uncached
    # A class is one output, so one thread is at work and hides nothing.
    assert (ctm - cls, imem - ctm, uncached - imem) == (40 * 1250, 125 * 1250, 50 * 1250)


def test_weights_of_one_node_are_in_the_memory_of_its_core() -> None:
    """Who computes a node of the first layer updates its weights too, so that nobody else reaches them."""
    graph = placed("two-layer-agilio")
    for parameter in ("hidden.weight", "hidden.bias"):
        for version in (0, 1):
            kept = [
                bank.name for name, bank in graph.banks.items() if name.startswith(f"{parameter}@{version}")
            ]
            assert kept == ["core0.local", "core1.local", "core2.local"]


def test_a_training_step_is_slower_with_farther_weights() -> None:
    """Of the first layer, in each kind of bank by turns; where the plan says nothing they are nearest."""
    kinds = ("local", "cls", "ctm", "imem", "emem")
    times = [
        step_ps(placed("two-layer-agilio", ("plan.banks", f"{{hidden.weight: {kind}}}"))) for kind in kinds
    ]
    assert times[0] == step_ps(placed("two-layer-agilio"))
    assert times == sorted(set(times))


def test_each_core_has_one_pixel_window_class_or_gradient() -> None:
    """57 of 60 cores: 16 pixels, 4 windows, 10 classes, 1 loss, 16 + 10 gradients."""
    graph = placed("digits-cnn-agilio")
    forward = {layer: processors(graph, layer, Phase.FORWARD) for layer in ("conv", "relu", "pool", "fc")}
    assert forward == {
        "conv": cores(0, 16),
        "relu": cores(0, 16),
        "pool": cores(16, 4),
        "fc": cores(20, 10),
    }
    assert processors(graph, "loss", Phase.LOSS) == cores(30, 1)
    gradients = {layer: processors(graph, layer, Phase.GRADIENT) for layer in ("conv", "relu", "pool", "fc")}
    assert gradients == {
        "conv": cores(32, 16),
        "relu": cores(32, 16),
        "pool": cores(16, 4),
        "fc": cores(48, 10),
    }
    assert len({task.processor for task in graph.tasks if task.phase in PHASES}) == 57


@pytest.mark.parametrize(
    "name",
    ["digits-cnn-agilio", "digits-cnn-agilio-differences", "two-layer-agilio", "digits-cnn-host-only"],
)
def test_values_are_the_bits_of_one_processor(name: str) -> None:
    """Whoever computes what, every tensor of the step is what one processor makes of it."""
    verification = result(name).verification
    assert verification is not None
    assert verification.passed
    assert verification.tolerance == 0


def test_without_back_propagation_each_core_moves_one_weight() -> None:
    """25 cores move a weight of the filter each, 10 four weights of a class each."""
    graph = placed("digits-cnn-agilio-differences")
    moved = {task.processor: task.op for task in graph.tasks if isinstance(task.op, FiniteDifference)}
    counts = {
        processor: op.evaluations for processor, op in moved.items() if isinstance(op, FiniteDifference)
    }
    assert counts == dict.fromkeys(cores(0, 25), 1) | dict.fromkeys(cores(50, 10), 4)


def test_offloading_is_one_line() -> None:
    """The experiments of a server differ in the plan's last rule, and all goes to the host's CPU."""
    card, host = topologies.load("digits-cnn-host-agilio"), topologies.load("digits-cnn-host-only")
    assert replace(host.plan, layers=dict(list(host.plan.layers.items())[:-1])) == card.plan
    assert host.network == card.network
    graph = place_experiment(host)
    assert {task.processor for task in graph.tasks if task.kind is TaskKind.COMPUTE} == {"cpu"}


def test_two_layers_are_those_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """Every value and gradient is within a step of 2^-14, the worst 0.6 of one. So the example prints."""
    path = Path(topologies.__file__).parents[1] / "examples" / "two_layer.py"
    spec = importlib.util.spec_from_file_location("two_layer", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found, by_hand = example.both()
    assert {values.tensor for values in found.values} == set(by_hand)
    for values in found.values:
        for value, expected in zip(values.values, by_hand[values.tensor], strict=True):
            assert abs(value - expected) <= 2**-14, values.tensor
    example.main()
    assert capsys.readouterr().out == path.with_suffix(".out").read_text()


def test_more_cores_make_the_perceptron_faster_until_sums_take_over() -> None:
    """Of 60 images 12 cores make 5 each, 4 cores 15; from 30 to 60 gradients to be added take over."""
    times = {
        count: step_ps(placed("mlp-digits-agilio", ("plan.mesh.core", str(count)), ("training.batch", "60")))
        for count in (4, 12, 30, 60)
    }
    assert times[4] > 2 * times[12]
    assert times[12] > 1.3 * times[30]
    assert times[60] > 0.9 * times[30]


@pytest.mark.parametrize("count", [1, 8, 16])
def test_the_perceptron_takes_any_number_of_cores(count: int) -> None:
    """Its mesh takes the first so many of the card's 60."""
    graph = placed("mlp-digits-agilio", ("plan.mesh.core", str(count)))
    assert processors(graph, "hidden", Phase.FORWARD) == cores(0, count)


def test_of_more_cores_than_images_some_have_none() -> None:
    """With 60 cores in the mesh 16 have an image each; others have channels to update."""
    graph = placed("mlp-digits-agilio", ("plan.mesh.core", "60"))
    assert len(processors(graph, "hidden", Phase.FORWARD)) == 16


def test_alexnet_does_not_fit_the_card() -> None:
    """Said of it: the stack, and what there are no integer routines for; not a crash."""
    with pytest.raises(FitError, match="'alexnet' does not fit hardware 'agilio-cx'") as caught:
        simulate(placed("alexnet-agilio"))
    assert "no integer routine for local_response_normalization (forward): it needs" in str(caught.value)


def test_unrolled_loops_do_not_fit_an_ebpf_program() -> None:
    """To classify one digit: 4,990 instructions, of which 4,202 are 16 pixels of 25 products; 4,096 fit."""
    with pytest.raises(FitError, match=r"core0  program store  4,990 instructions  4,096   894"):
        simulate(placed("digits-cnn-agilio-ebpf"))


def test_what_softmax_is_made_of_sets_how_long_a_step_takes() -> None:
    """A shift is a little faster than a table, one reciprocal a row much faster than ten divisions.

    Wide logits make only the maximum and differences slower.
    """
    usual, shift, reciprocal, wide = (
        step_ps(placed("digits-cnn-agilio", *settings))
        for settings in (
            [],
            [("training.arithmetic.exponential", "shift")],
            [("training.arithmetic.division", "reciprocal")],
            [("training.arithmetic.wide_logits", "true")],
        )
    )
    assert 0.7 * usual > reciprocal
    # 16 images of 10 classes, 13 cycles of 1.25 ns less.
    assert usual - shift == 16 * 10 * 13 * 1250
    assert usual < wide < 1.05 * usual


def test_race_drops_less_the_farther_signals_are_apart() -> None:
    """Of what forward tasks read: most at 250 ns, little at 600 ns; and the step becomes longer."""
    near, far = (
        _raced(topologies.load("digits-cnn-race-dropout", [Override("plan.control.spacing", f"{ns} ns")]))
        for ns in (250, 600)
    )
    assert near[0] > 0.3 > 0.1 > far[0] > 0
    assert near[1] < far[1]


def _raced(experiment: Experiment) -> tuple[float, float]:
    """The share of what one step's forward tasks read that was missing, and the step's length."""
    found = dataflow.run(experiment, dataflow.Options(limits=False, reference=None))
    share = next(float(told.split("%")[0].split()[-1]) for told in found.warnings if "%" in told)
    return share / 100, found.metrics.step_time_s


EQUAL = ("digits-cnn-agilio", "digits-cnn-gtx580", "digits-cnn-cpu")


def test_the_same_network_is_compared_on_all_machines() -> None:
    """Card, GPU and CPU train the same network on as many images a step, from the same start."""
    experiments = [topologies.load(name) for name in EQUAL]
    assert len({experiment.network.name for experiment in experiments}) == 1
    assert len({(e.training.batch, e.training.seed, e.training.learning_rate) for e in experiments}) == 1
