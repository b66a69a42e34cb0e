"""A position of a training that was made up, to be written and read."""

from __future__ import annotations

import numpy as np

from dataflow.training.checkpoint import Checkpoint, identity_of
from dataflow.training.curve import CurvePoint
from dataflow.training.loop import Position
from tests.training.worlds import world

IDENTITY = identity_of(world(), "stripes")
POSITION = Position(
    step=5,
    state={"conv1.weight": np.arange(6.0).reshape(2, 3), "fc2.bias": np.array([1 / 3], dtype=np.float32)},
    points=(
        CurvePoint(0, 0, 0.0, 0.25, None, None, 1.1, 0.3),
        CurvePoint(1, 4, 1e-9, 0.5, 0.1, 0.2, 0.3, 0.4),
    ),
    loss_sum=0.1 + 0.2,
    accuracy_sum=1 / 3,
    simulated_ps=12345678901234567890,
    wall_s=0.75,
)
CHECKPOINT = Checkpoint(IDENTITY, POSITION, 8, {"numpy": "2"})


def same_state(one: Position, other: Position) -> bool:
    """Whether two positions have the same tensors, bit for bit."""
    assert one.state is not None
    assert other.state is not None
    return list(one.state) == list(other.state) and all(
        one.state[name].dtype == array.dtype and np.array_equal(one.state[name], array)
        for name, array in other.state.items()
    )
