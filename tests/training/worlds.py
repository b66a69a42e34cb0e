"""Small trainings: networks with dropout on one, two and three processors, and data that can be learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import backends
from dataflow.data.batches import Batch
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.placement import place
from dataflow.plan import Plan, Rule
from dataflow.training.data_set import ArrayData, ArrayPart
from dataflow.training.evaluation import Evaluator
from dataflow.training.loop import Loop, Moment, Position
from dataflow.training.stepping import stepper_of
from dataflow.training.timing import time_steps
from tests.engine.worlds import DROPOUT, RELU, conv, experiment, fc, machine, max_pool, network

NET = network(
    {"conv1": conv(4, 3), "relu1": RELU, "pool1": max_pool(2, 2), "drop1": DROPOUT, "fc2": fc(3)},
    (1, 6, 6),
    3,
)
PLANS = {
    "one": (1, Plan()),
    "data": (2, Plan(mesh={"data": 2}, layers={"*": Rule(shard={"batch": "data"})})),
    "model": (
        2,
        Plan(mesh={"model": 2}, layers={"*": Rule(shard={"channel": "model"}), "loss": Rule(on=("p0",))}),
    ),
}


def world(plan: str = "one", *, batch: int = 4, dtype: str = "float32", seed: int = 3) -> Experiment:
    """The network on a machine, split as a plan of PLANS says."""
    count, split = PLANS[plan]
    made = experiment(NET, machine(count), split, batch=batch, dtype=dtype, seed=seed)
    return replace(made, training=replace(made.training, learning_rate=0.05))


def stripes(count: int, seed: int = 0) -> Batch:
    """Images of one bright row of three in noise; the label says which."""
    random = np.random.default_rng(seed)
    labels = random.integers(3, size=count).astype(np.int32)
    images = random.normal(0, 0.1, (count, 1, 6, 6)).astype(np.float32)
    images[np.arange(count), 0, 2 * labels] += 1.0
    return Batch(images, labels)


DATA = ArrayData("stripes", "abc", ArrayPart(stripes(18)), ArrayPart(stripes(7, seed=1)))
"""Four batches of 4 an epoch, with 2 images left over; a test of one batch and three images."""


class Session:
    """A training that remembers what it was told and what it saved.

    stop_at: the step after which to stop, None for never.
    """

    def __init__(self, made: Experiment, epochs: int, stop_at: int | None = None) -> None:
        self.moments: list[Moment] = []
        self.saved: list[Position] = []
        placed = place(training_graph(made), made.hardware, made.plan)
        timing, _ = time_steps(placed)
        self.loop = Loop(
            experiment=made,
            placed=placed,
            backend=backends.get(made.backend),
            evaluator=Evaluator(made, backends.get(made.backend)),
            stepper=stepper_of(placed, timing),
            data=DATA,
            epochs=epochs,
            tell=self.moments.append,
            stop=lambda: bool(self.moments) and self.moments[-1].step == stop_at,
            save=self.saved.append,
        )


def without_wall_time(position: Position) -> Position:
    """The same position as if computing had taken no time."""
    points = tuple(replace(point, wall_s=0.0) for point in position.points)
    return replace(position, points=points, state=None, wall_s=0.0)
