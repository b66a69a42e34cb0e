"""The shipped networks in miniature: branches, joins and batch normalisation, split and unsplit."""

from __future__ import annotations

import pytest

import topologies
from dataflow import Options
from dataflow.experiment import Experiment, Training
from dataflow.network import DATA
from dataflow.plan import Plan, Rule
from dataflow.session import run_experiment
from dataflow.verification.verification import Verification

NETWORKS = ("tiny-lenet", "tiny-vgg", "tiny-resnet", "tiny-googlenet")
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
STEPS = 2


def plan_by(dimension: str, name: str) -> Plan:
    """One dimension of every layer that has it over two processors; the others on both."""
    layers = {
        layer: Rule(shard={dimension: "both"} if dimension in op.shardable else {})
        for layer, op in topologies.load_network(name).ops(4).items()
    }
    return Plan(mesh={"both": 2}, layers=layers)


def verified(name: str, dtype: str, reference: str, plan: Plan | None = None) -> Verification:
    """Two steps of a network, compared with a reference."""
    experiment = Experiment(
        name,
        topologies.load_network(name),
        topologies.load_hardware("gtx580x2"),
        plan or Plan(),
        Training(batch=4, steps=STEPS, dtype="float64" if dtype == "float64" else "float32"),
    )
    verification = run_experiment(experiment, Options(images="noise", reference=reference)).verification
    assert verification is not None
    return verification


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NETWORKS)
def test_one_processor_gives_the_numbers_of_torch(name: str, dtype: str) -> None:
    """Outputs, gradients, parameters and velocities of the second step."""
    pytest.importorskip("torch")
    verification = verified(name, dtype, "torch")
    network = topologies.load_network(name)
    assert verification.missing == ()
    assert verification.tolerance == TOLERANCE[dtype]
    assert verification.passed, verification.worst
    compared = {comparison.tensor for comparison in verification.comparisons}
    for layer in network.layers:
        assert f"{layer}@{STEPS - 1}" in compared
        for operand in network.learned(layer):
            assert f"{layer}.{operand.name}@{STEPS}" in compared
    assert f"{DATA}.grad@{STEPS - 1}" not in compared


@pytest.mark.parametrize("dimension", ["batch", "channel", "height"])
@pytest.mark.parametrize("name", NETWORKS)
def test_two_processors_give_the_numbers_of_one(name: str, dimension: str) -> None:
    """Images, channels (across the parts of a concat) or rows: float64 within 1e-10."""
    verification = verified(name, "float64", "one-processor", plan_by(dimension, name))
    assert verification.missing == ()
    assert verification.passed, verification.worst
