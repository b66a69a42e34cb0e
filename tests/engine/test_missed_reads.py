"""What of a race is missing, counted without computing values."""

from __future__ import annotations

import pytest

import backends
import topologies
from dataflow.data.batches import Noise
from dataflow.override import Override
from dataflow.session import place_experiment, simulate_experiment
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.values.missed_reads import MissedReads

STEPS = 3


def drop_rate(spacing: str) -> float:
    """Of the digits CNN in a race, simulated without values."""
    experiment = topologies.load(
        "digits-cnn-race-dropout",
        [Override("plan.control.spacing", spacing), Override("training.steps", "3")],
    )
    (warning,) = simulate_experiment(experiment, limits=False).warnings
    share, rest = warning.removeprefix("race: ").split(" % ")
    assert rest == "of what forward tasks read had not been stored at their signal: taken as zero"
    return float(share) / 100


@pytest.mark.parametrize("spacing", ["250 ns", "450 ns", "2 us"])
def test_the_same_is_missing_as_when_values_are_computed(spacing: str) -> None:
    """Each step's and each tensor's elements, read and missed."""
    experiment = topologies.load("digits-cnn-race-dropout", [Override("plan.control.spacing", spacing)])
    placed = place_experiment(experiment)
    counted = MissedReads(placed)
    computed = Executor(placed, backends.get(experiment.backend), Noise(experiment), STEPS)
    simulate(placed, STEPS, counted)
    simulate(placed, STEPS, computed)
    assert counted.drops.read == computed.drops.read
    assert counted.drops.missed == computed.drops.missed


def test_less_is_missing_the_farther_signals_are_apart() -> None:
    """A simulation says so; nothing is missing where all has been stored."""
    near, middle, far = map(drop_rate, ("250 ns", "600 ns", "3 us"))
    assert near > middle > far == 0.0


def test_without_a_race_nothing_is_said() -> None:
    """Tasks that wait for what they read miss nothing."""
    assert simulate_experiment(topologies.load("digits-cnn-agilio"), limits=False).warnings == ()
