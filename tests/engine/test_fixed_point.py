"""Training in fixed point: any plan gives the bits of one processor; formats are those asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Batch, BatchSource, Noise
from dataflow.errors import BackendError
from dataflow.experiment import Experiment, Training
from dataflow.graph import training_graph
from dataflow.layers import AddLayer, Initial, LayerSpec
from dataflow.network import Network
from dataflow.numbers.arithmetic import Arithmetic
from dataflow.plan import CollectiveRule, Plan, Rule
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.verification.quantisation import in_float, precision_of, values_of
from dataflow.verification.references import LastStep, OneProcessor, verify
from tests.engine.worlds import (
    DROPOUT,
    RELU,
    average_pool,
    computed,
    conv,
    experiment,
    fc,
    machine,
    max_pool,
    network,
    on,
    placed,
    split,
)

LARGE = Initial(weight_deviation="he", bias=0.1)

LAYERS: dict[str, LayerSpec] = {
    "conv": replace(conv(4, 3, 1, 1), initial=LARGE),
    "relu": RELU,
    "drop": DROPOUT,
    "pool": max_pool(3, 2),
    "mean": average_pool(3, 1, 1),
    "wide": replace(fc(5), initial=LARGE),
    "bent": RELU,
    "fc": replace(fc(3), initial=LARGE),
}
NET = network(LAYERS, image=(2, 7, 6), classes=3)

PLANS = {
    "batch": Plan(mesh={"d": 3}, layers={"*": split(batch="d")}),
    "channels": Plan(mesh={"m": 3}, layers={"*": split(channel="m"), "loss": on("p0")}),
    "rows": Plan(
        mesh={"r": 3},
        layers={"*": split(height="r"), **{n: on("p1") for n in ("wide", "bent", "fc", "loss")}},
    ),
    "sums": Plan(mesh={"m": 3}, layers={"fc": split(in_channel="m"), "wide": split(in_channel="m")}),
    "microbatches": Plan(mesh={"d": 3}, layers={"*": Rule(shard={"batch": "d"}, microbatches=2)}),
    "again": Plan(layers={"*": Rule(recompute=True)}),
}

ARITHMETICS = {
    "nearest": Arithmetic(),
    "truncate": Arithmetic(rounding="truncate", overflow="wrap"),
    "stochastic": Arithmetic(rounding="stochastic", exponential="shift", division="reciprocal"),
    "mixed": Arithmetic(
        rounding="stochastic",
        formats={"*.probability": "q2.14", "conv": "q6.10", "*.grad": "q4.12"},
        wide_logits=True,
        master_weights="q4.20",
    ),
}


def world(plan: Plan, dtype: str = "q8.8", arithmetic: Arithmetic | None = None) -> Experiment:
    """Three steps of a small network on three processors."""
    training = Training(
        batch=6,
        steps=3,
        dtype=dtype,
        arithmetic=arithmetic or Arithmetic(),
        learning_rate=0.3,
        momentum=0.5,
        weight_decay=0.01,
        loss_scale="batch",
    )
    return replace(experiment(NET, machine(3), plan), training=training)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("plan", PLANS)
def test_any_plan_gives_the_bits_of_one_processor(plan: str, arithmetic: str) -> None:
    """Sums in any order and in any parts, rounded once, are equal bit for bit after three steps."""
    given = world(PLANS[plan], arithmetic=ARITHMETICS[arithmetic])
    _, last = computed(given, backends.get("fixed"))
    found = verify(last, given, Noise(given), OneProcessor(backends.get("fixed")))
    assert found.tolerance == 0.0
    assert [c.tensor for c in found.comparisons if not c.passed] == []
    assert found.passed


@pytest.mark.parametrize("dtype", ["q4.4", "q12.12", "q16.16"])
def test_so_does_any_format(dtype: str) -> None:
    """Sums of products of 24 and of 32 bits are exact too."""
    given = world(PLANS["sums"], dtype)
    _, last = computed(given, backends.get("fixed"))
    assert verify(last, given, Noise(given), OneProcessor(backends.get("fixed"))).passed


def formats(arithmetic: Arithmetic) -> Mapping[str, str]:
    """The formats of the tensors of a step."""
    graph = training_graph(world(Plan(), arithmetic=arithmetic))
    return {tensor.base: tensor.dtype for tensor in graph.tensors.values()}


def test_formats_of_tensors() -> None:
    """Patterns name them; gradients follow, but not into accumulators or master weights."""
    plain = formats(Arithmetic(formats={"conv": "q6.10"}))
    assert (plain["conv"], plain["conv.grad"], plain["relu"]) == ("q6.10", "q6.10", "q8.8")
    assert (plain["label"], plain["drop.mask"], plain["data"]) == ("int32", "uint8", "q8.8")
    wide = formats(Arithmetic(wide_logits=True, master_weights="q8.16"))
    assert (wide["fc"], wide["fc.grad"]) == ("q48.16", "q8.8")
    names = ("fc.weight", "fc.bias.velocity", "fc.weight.grad")
    assert [wide[name] for name in names] == ["q8.16", "q8.16", "q8.8"]


class Ones(Noise):
    """Images of 1/2 and label 0."""

    def batch(self, step: int) -> Batch:
        """The same for every step."""
        batch = super().batch(step)
        return Batch(np.full_like(batch.images, 0.5), np.zeros_like(batch.labels))


def trained(given: Experiment, batches: BatchSource) -> tuple[Mapping[str, Array], LastStep]:
    """The tensors of the last step, and what was kept of them."""
    _, last = computed(given, backends.get("fixed"), batches)
    return {name: last.whole(name) for name in last.values}, last


def one_neuron(**changes: object) -> Experiment:
    """A network of two weights and two outputs that are the logits, all weights 0, in Q8.8."""
    layer = replace(fc(2, bias=False), initial=Initial(weight_deviation=0.0))
    net: Network = network({"a": layer})
    training = Training(batch=2, dtype="q8.8", learning_rate=2.0**-9, momentum=0.0, weight_decay=0.0)
    return replace(experiment(net, machine(1)), training=replace(training, **changes))  # type: ignore[arg-type]


def test_a_step_by_hand() -> None:
    """Logits 0, so p = 1/2 and loss ln 2 = 177/256; gradients are -+1/2 x 1/2 = -+1/4, updated by 2**-11."""
    given = one_neuron(learning_rate=2.0**-6)
    values, _ = trained(given, Ones(given))
    assert (values["loss@0"] == 177 / 256).all()
    np.testing.assert_array_equal(values["a.weight.grad@0"].reshape(2, 2), [[-0.25, -0.25], [0.25, 0.25]])
    # 2**-6 x 1/4 is one step of 2**-8.
    np.testing.assert_array_equal(values["a.weight@1"].reshape(2, 2), np.array([[1, 1], [-1, -1]]) / 256)


def test_small_updates_are_lost_and_counted() -> None:
    """2**-9 x 1/4 is an eighth of a step: nothing changes, in all four weights."""
    given = one_neuron()
    backend = backends.get("fixed")
    graph = placed(given)
    simulate(graph, 1, Executor(graph, backend, Ones(given), 1))
    assert backend.counts["a.weight"].underflowed == 4


def test_master_weights_keep_small_updates() -> None:
    """In 24 bits the same update is kept; what is multiplied is still 0."""
    given = one_neuron(arithmetic=Arithmetic(master_weights="q8.16"), steps=2)
    values, _ = trained(given, Ones(given))
    np.testing.assert_array_equal(
        values["a.weight@2"].reshape(2, 2), np.array([[1, 1], [-1, -1]]) * 2 * 2.0**-11
    )
    assert (values["a@1"] == 0).all()


def test_a_loss_scale_keeps_small_gradients() -> None:
    """The sum over the batch in place of the mean is twice as large, and the update the same."""
    given = one_neuron(learning_rate=2.0**-6, loss_scale="batch")
    values, _ = trained(given, Ones(given))
    np.testing.assert_array_equal(values["a.weight.grad@0"].reshape(2, 2), [[-0.5, -0.5], [0.5, 0.5]])
    np.testing.assert_array_equal(values["a.weight@1"].reshape(2, 2), np.array([[1, 1], [-1, -1]]) / 256)


def test_wide_logits_do_not_saturate() -> None:
    """A logit of 100 + 100 is beyond Q8.8: saturated it is 128 less a step, wide it is what it is."""
    layer = replace(fc(2), initial=Initial(weight_deviation=0.0, bias=100.0), input="data")
    joined = network({"a": layer, "b": layer, "c": AddLayer(op="add", input=("a", "b"))})
    logits: dict[bool, float] = {}
    for wide in (False, True):
        given = replace(one_neuron(arithmetic=Arithmetic(wide_logits=wide)), network=joined)
        logits[wide] = float(trained(given, Ones(given))[0]["c@0"].max())
    assert logits == {False: 128 - 2**-8, True: 200.0}


def test_finite_differences_are_near_back_propagation() -> None:
    """In Q16.16 with a step of 1/16, gradients differ by the order of the step."""
    gradients: dict[str, Array] = {}
    for how in ("back-propagation", "finite-difference"):
        given = one_neuron(dtype="q16.16", gradient=how, difference_step=1 / 16)
        gradients[how] = trained(given, Ones(given))[0]["a.weight.grad@0"]
    off = np.abs(gradients["finite-difference"] - gradients["back-propagation"]).max()
    assert 0 < off < 1 / 16


def test_precision_is_told_beside_float32() -> None:
    """Each tensor's error is within a few steps of its format, and counts are of the whole run."""
    given = one_neuron(learning_rate=2.0**-6)
    backend = backends.get("fixed")
    graph, last = placed(given), LastStep(1)
    simulate(graph, 1, Executor(graph, backend, Noise(given), 1, last.keep))
    reference = OneProcessor(backends.get("numpy"))
    floats = in_float(last, given, Noise(given), reference)
    found = {t.tensor: t for t in precision_of(last, floats, backend.counts, reference.name).tensors}
    loss = found["loss"]
    assert (loss.dtype, loss.values, loss.saturated, loss.underflowed) == ("q8.8", 2, 0, 0)
    assert loss.scale == pytest.approx(np.log(2))
    # ln 2 = 177.4 / 256.
    assert loss.max_error == pytest.approx(abs(177 / 256 - np.log(2)), abs=1e-6)
    weight = found["a.weight"]
    assert weight.max_error is not None
    assert weight.rms_error is not None
    assert weight.rms_error <= weight.max_error <= 1.5 / 256
    shown = {each.tensor: each for each in values_of(last, floats)}
    assert shown["loss@0"].values == (177 / 256,) * 2
    assert shown["loss@0"].reference == pytest.approx([np.log(2)] * 2)


def test_what_the_backends_lack_is_said() -> None:
    """NumPy has no fixed point and says who does; the integer backend has nothing else."""
    given = one_neuron()
    with pytest.raises(
        BackendError, match=r"'numpy' does not compute in q8\.8; .*; backend: fixed computes in fixed point"
    ):
        Executor(placed(given), backends.get("numpy"), Noise(given))
    floating = replace(given, training=replace(given.training, dtype="float32"))
    with pytest.raises(
        BackendError, match=r"'fixed' does not compute in float32; it has fixed-point formats"
    ):
        Executor(placed(floating), backends.get("fixed"), Noise(floating))


@pytest.mark.parametrize("algorithm", ["ring", "tree", "direct", "halving-doubling"])
def test_sums_on_the_way_are_rounded_once(algorithm: str) -> None:
    """Collectives that add on arrival, in messages of parts of sums, leave the same bits."""
    hardware = machine(4)
    adding = {name: replace(each, reduces=True) for name, each in hardware.processors.items()}
    plan = Plan(
        mesh={"d": 4},
        layers={"*": split(batch="d")},
        collectives={"*": CollectiveRule(algorithm=algorithm, pieces=2)},
    )
    given = replace(
        world(plan, arithmetic=ARITHMETICS["stochastic"]), hardware=replace(hardware, processors=adding)
    )
    _, last = computed(given, backends.get("fixed"))
    assert verify(last, given, Noise(given), OneProcessor(backends.get("fixed"))).passed


def test_messages_do_add_on_arrival() -> None:
    """The ring of the test before has messages that add."""
    hardware = machine(4)
    adding = {name: replace(each, reduces=True) for name, each in hardware.processors.items()}
    rule = CollectiveRule(algorithm="ring")
    plan = Plan(mesh={"d": 4}, layers={"*": split(batch="d")}, collectives={"*": rule})
    graph = placed(replace(world(plan), hardware=replace(hardware, processors=adding)))
    assert any(read.at_end for task in graph.transfers for read in task.reads)
