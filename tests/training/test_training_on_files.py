"""Trainings whose batches hosts make of files: the same weights, at other times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dataflow.errors import CheckError
from dataflow.experiment import Experiment
from dataflow.host_input import HostInput
from dataflow.plan import Plan, Rule
from dataflow.session.examples import with_input
from dataflow.training.loop import Position, train
from dataflow.training.timing import time_steps
from tests.training.worlds import DATA, PLANS, Session, world


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


ENCODED = replace(DATA, encoded=True)


def test_hosts_decode_files_where_they_can() -> None:
    """Where the experiment does not say; one without an input path leaves a note that names it."""
    able = replace(on_files(world()), training=world().training)
    assert with_input(able, ENCODED) == (on_files(world()), [])
    assert with_input(able, DATA) == (able, [])
    decoded = replace(able, training=replace(able.training, input="decoded"))
    assert with_input(decoded, ENCODED) == (decoded, [])
    reason = "host 'host' of hardware 'machine' has no input path"
    told = [f"decoding and augmenting take no simulated time: {reason}"]
    assert with_input(world(), ENCODED) == (world(), told)


def test_what_else_is_wrong_with_a_placement_is_no_note() -> None:
    """A plan for a layer that is not there stays an error, with its own message."""
    wrong = replace(world(), plan=Plan(layers={"nowhere": Rule(on=("p0",))}))
    with pytest.raises(CheckError, match="nowhere"):
        with_input(wrong, ENCODED)
