"""How many steps an experiment takes where nobody says: one of training, many samples otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.override import Override


@pytest.mark.parametrize(("mode", "steps"), [("training", 1), ("inference", 64), ("pipeline", 64)])
def test_steps_of_a_mode(mode: str, steps: int) -> None:
    """The batch stays as it is."""
    training = topologies.load("digits-cnn-agilio", [Override("mode", mode)]).training
    assert (training.steps, training.batch) == (steps, 16)


@pytest.mark.parametrize("count", ["1", "3"])
def test_steps_that_are_given(count: str, tmp_path: Path) -> None:
    """From outside, in a file, or in the file that it extends: then so many, even one."""
    settings = [Override("mode", "pipeline"), Override("training.steps", count)]
    assert topologies.load("digits-cnn-agilio", settings).training.steps == int(count)
    inner, outer = tmp_path / "inner.yaml", tmp_path / "outer.yaml"
    inner.write_text(
        f"kind: experiment\nextends: digits-cnn-agilio\nname: inner\ntraining: {{steps: {count}}}\n"
    )
    outer.write_text("kind: experiment\nextends: inner.yaml\nname: outer\nmode: inference\n")
    assert topologies.load(str(outer)).training.steps == int(count)
