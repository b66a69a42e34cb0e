"""What comes of training an experiment: curves, and the timing of a step on the simulated machine."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.features.kernels import Kernels
from dataflow.metrics import Latencies
from dataflow.result import Result
from dataflow.training.curve import Curve
from dataflow.training.step_losses import StepLosses
from dataflow.training.timing import StepTiming


@dataclass(frozen=True)
class Examples:
    """What was trained on and tested with. dropped: of each epoch in no whole batch, other ones each time.

    validation: what the learning rate was decided by.
    """

    description: str
    train: int
    test: int
    dropped: int
    validation: int = 0


@dataclass(frozen=True)
class Comparison:
    """The same trainings in another way, from the same starts and in the same order.

    name: a format, in which they are on one processor, with curves; or ``one-processor`` or ``torch``, which
    go along in the same format and have no curves. losses: of these, step by step for each seed.
    """

    name: str
    curves: tuple[Curve, ...] = ()
    losses: tuple[StepLosses, ...] = ()


@dataclass(frozen=True)
class Trained:
    """What reports of a training are made from.

    result: some simulated steps, measured. curves: one for each seed. against: in another format, for
    the same seeds in the same order. notes: what the user should know of how it came about. latency: of
    inferences of one image, one after the other, on the same machine; None where the plan cannot do that.
    kernels: of the first seed's first layer that learns; None where they are no pictures.
    """

    result: Result
    timing: StepTiming
    epochs: int
    steps: int
    examples: Examples
    curves: tuple[Curve, ...]
    against: Comparison | None = None
    notes: tuple[str, ...] = ()
    latency: Latencies | None = None
    kernels: Kernels | None = None
