"""How often checkpoints are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.errors import OptionError
from dataflow.training import loop as loop_module
from dataflow.training.cadence import Cadence, cadence_of
from dataflow.training.loop import Position, train
from tests.training.worlds import Session, world


@pytest.mark.parametrize(
    ("text", "cadence"),
    [
        ("2", Cadence(2)),
        ("1 epoch", Cadence()),
        ("500steps", Cadence(500, "steps")),
        (" 1 Step ", Cadence(1, "steps")),
        ("10 minutes", Cadence(10, "minutes")),
        ("0.5min", Cadence(0.5, "minutes")),
    ],
)
def test_as_it_is_written(text: str, cadence: Cadence) -> None:
    """A number with or without its unit."""
    assert cadence_of(text) == cadence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("often", "'often' does not say how often a checkpoint is written; write 2 epochs, 500 steps"),
        ("3 hours", "does not say how often"),
        ("-1", "does not say how often"),
        ("0", "a checkpoint every 0 epochs: must be more than 0"),
        ("1.5 steps", "a checkpoint every 1.5 steps: must be a whole number"),
    ],
)
def test_what_is_no_cadence(text: str, message: str) -> None:
    """It is said what would be one."""
    with pytest.raises(OptionError, match=message):
        cadence_of(text)


@pytest.mark.parametrize(
    ("cadence", "steps"),
    [
        (Cadence(), [4, 8, 12, 12]),
        (Cadence(2), [8, 12]),
        (Cadence(3, "steps"), [3, 6, 9, 12, 12]),
        (Cadence(5, "steps"), [5, 10, 12]),
        (Cadence(1, "minutes"), [4, 7, 10, 12]),
    ],
)
def test_when_checkpoints_are_written(
    cadence: Cadence, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many epochs of four steps, steps, or minutes when a step takes 25 s; and in the end.

    What is due is written before an epoch is tested, and in the end again with the last test. The clock
    moves when a step is told of, which is afterwards: 75 s have passed when the fourth is looked at.
    """
    session = Session(world(), epochs=3)
    saved: list[int] = []
    monkeypatch.setattr(loop_module, "perf_counter", lambda: 25.0 * len(session.moments))
    train(replace(session.loop, save_every=cadence, save=lambda p: saved.append(p.step)), Position())
    assert saved == steps
