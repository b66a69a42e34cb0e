"""Trainings whose batches hosts make of files: the same weights, at other times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dataflow.experiment import Experiment
from dataflow.host_input import HostInput
from dataflow.training.loop import Position, train
from dataflow.training.timing import time_steps
from tests.training.worlds import PLANS, Session, world


def on_files(plain: Experiment) -> Experiment:
    """The same training on files; a batch takes its host a millisecond."""
    hardware = replace(plain.hardware, inputs={"host": HostInput(4, 1e5, 1e5)})
    return replace(plain, hardware=hardware, training=replace(plain.training, input="jpeg"))


@pytest.mark.parametrize("plan", PLANS)
def test_weights_are_the_same_and_time_is_that_of_the_host(plan: str) -> None:
    """Steps in the order of a recording, of which each makes the next one's batch."""
    plain, files = Session(world(plan), epochs=2), Session(on_files(world(plan)), epochs=2)
    first, second = train(plain.loop, Position()), train(files.loop, Position())
    assert first.state is not None
    assert second.state is not None
    assert first.state.keys() == second.state.keys()
    assert all(np.array_equal(first.state[base], second.state[base]) for base in first.state)
    task = next(task for task in files.loop.placed.tasks if task.pictures)
    assert task.pictures is not None
    host = files.loop.placed.hardware.inputs["host"]
    timing, _ = time_steps(files.loop.placed)
    assert (timing.kind, timing.steady_ps) == ("repeats", host.time_ps(task.pictures, task.bytes))
