"""Steps taken on one processor too: they follow choices that rounding decides, and hide no mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from backends.numpy_backend import NumpyBackend
from dataflow.backend import Array, Site
from dataflow.experiment import Experiment
from dataflow.ops import Convolution, FullyConnected, MaxPooling, Op, Pass, Phase, Relu
from dataflow.recipe import PYTORCH
from dataflow.session.lockstep import ProcessorBeside
from dataflow.training.loop import Position, train
from dataflow.training.state import State
from dataflow.training.step_losses import LossRecorder, StepLosses, losses_beside
from tests.training.worlds import DATA, Session, world

STEPS = 12
"""Three epochs of four."""


def learning(plan: str) -> Experiment:
    """A world whose weights begin so large that losses depend on all of them."""
    made = world(plan)
    return replace(made, training=replace(made.training, conventions=PYTORCH))


def lockstep(
    made: Experiment,
    begun: Position | None = None,
    beside: ProcessorBeside | None = None,
    backend: NumpyBackend | None = None,
) -> StepLosses:
    """The losses of a split training and of one processor that goes along with it."""
    beside = beside or ProcessorBeside(made, DATA, STEPS)
    recorder = LossRecorder(beside.take)
    loop = Session(made, epochs=3).loop
    train(replace(loop, beside=beside, tell=recorder, backend=backend or loop.backend), begun or Position())
    return losses_beside(0, recorder.losses, beside.losses)


def far(losses: StepLosses) -> float:
    """How far apart losses are at most, relative to themselves."""
    largest = losses.largest()
    assert largest is not None
    return largest.relative


@pytest.mark.parametrize("plan", ["data", "model"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_processor_beside_a_training(plan: str, dtype: str) -> None:
    """Step by step beside two, begun anew in the middle of an epoch from weights and velocities."""
    made = world(plan, dtype=dtype)
    half = train(Session(made, epochs=3, stop_at=6).loop, Position())
    for begun in (Position(), replace(half, state=dict(half.state or {}))):
        losses = lockstep(made, begun)
        assert losses.steps == tuple(range(begun.step + 1, STEPS + 1))
        assert far(losses) < (1e-5 if dtype == "float32" else 1e-12)


def test_fixed_point_follows_nothing() -> None:
    """Integers are the same to the last bit, without being shown anything."""
    made = learning("model")
    made = replace(made, backend="fixed", training=replace(made.training, dtype="q8.8"))
    beside = ProcessorBeside(made, DATA, STEPS)
    assert not beside.shown
    losses = lockstep(made, beside=beside)
    assert losses.own == losses.reference
    assert len(set(losses.own)) == STEPS


class Wrong(NumpyBackend):
    """Has one mistake, by name."""

    def __init__(self, mistake: str) -> None:
        super().__init__()
        self.mistake = mistake

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """Right but for the mistake."""
        super().compute(op, direction, reads, writes, site)
        gradient = direction.phase is Phase.GRADIENT
        match self.mistake, op:
            case "relu passes every gradient", Relu() if gradient:
                writes["input.grad"][...] = reads["output.grad"]
            case "relu passes what is below a hundredth", Relu() if not gradient:
                x, y = reads["input"], writes["output"]
                np.copyto(y, 1e-6, where=(x <= 0) & (x > -1e-2 * np.abs(x).max()))
            case "pooling takes the first", MaxPooling() if gradient:
                writes["input.grad"][...] = 0
                writes["input.grad"][:, :, ::2, ::2] = reads["output.grad"]
            case "one part's gradient is a hundredth too large", Convolution() if "weight.grad" in writes:
                if site.regions["weight.grad"].ranges[0][0] == 0:
                    writes["weight.grad"][...] *= 1.01
            case "one part has a wrong bias", FullyConnected() if "output" in writes:
                writes["output"][:, :1] += 1e-2

    def accumulate(
        self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]], site: Site
    ) -> None:
        """A sum of all parts, or of all but the last."""
        super().accumulate(total, addends[:-1] if self.mistake == "a part is lost" else addends, site)


@pytest.mark.parametrize(
    ("plan", "mistake"),
    [
        ("model", "relu passes every gradient"),
        ("model", "relu passes what is below a hundredth"),
        ("model", "pooling takes the first"),
        ("model", "one part's gradient is a hundredth too large"),
        ("model", "one part has a wrong bias"),
        ("data", "a part is lost"),
    ],
)
def test_mistakes_show(plan: str, mistake: str) -> None:
    """What is wrong in the run, kernels or the split, is not followed: losses differ by more than 1e-4."""
    made = learning(plan)
    assert far(lockstep(made, backend=Wrong("none"))) < 1e-5
    assert far(lockstep(made, backend=Wrong(mistake))) > 1e-4


def test_a_wrong_weight_shows() -> None:
    """One weight that is a tenth larger than the run's is a difference above 1e-4 within the steps."""
    made = learning("model")

    class Elsewhere(ProcessorBeside):
        """Begins with one other weight."""

        def begin(self, step: int, state: State) -> None:
            other = {name: np.array(state[name]) for name in state}
            other["conv1.weight"][1, 0, 1, 1] *= 1.1
            super().begin(step, other)

    assert far(lockstep(made, beside=Elsewhere(made, DATA, STEPS))) > 1e-4
