"""The training loop: epochs of steps, a test after each, and a position from which it can be gone on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

from dataflow.backend import Backend
from dataflow.experiment import Experiment
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.data_set import DataSet
from dataflow.training.evaluation import Evaluator, Score
from dataflow.training.order import ShuffledBatches
from dataflow.training.state import State, put_state, state_of
from dataflow.training.stepping import Stepper
from dataflow.training.watch import Watch
from dataflow.values.executor import Executor


@dataclass(frozen=True)
class Position:
    """A training between two steps: all that the rest of it depends on.

    step: how many have been taken. state: parameters and velocities, None before the first
    step. points: the curve so far. loss_sum, accuracy_sum: over the steps of the epoch under way.
    read, missed: of a race, the elements that forward tasks read, and those of them taken as zero.
    """

    step: int = 0
    state: State | None = None
    points: tuple[CurvePoint, ...] = ()
    loss_sum: float = 0.0
    accuracy_sum: float = 0.0
    simulated_ps: int = 0
    wall_s: float = 0.0
    read: int = 0
    missed: int = 0


@dataclass(frozen=True)
class Moment:
    """What is told after every step. loss, accuracy: of the step. steps: to be taken in all.

    since: steps taken since the training was begun or resumed, in ``elapsed_s``. tested: the last test.
    """

    seed: int
    dtype: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images: int
    since: int
    elapsed_s: float
    simulated_s: float
    tested: CurvePoint


@dataclass(frozen=True)
class Loop:
    """One training: what is computed, on what, in which steps, from what data, for how long.

    tell: is told of every step. stop: whether to stop before the next one. save: is given positions to
    keep: after every so many epochs, in the end and when stopped.
    """

    experiment: Experiment
    placed: PlacedGraph
    backend: Backend
    evaluator: Evaluator
    stepper: Stepper
    data: DataSet
    epochs: int
    tell: Callable[[Moment], None]
    stop: Callable[[], bool]
    save: Callable[[Position], None]
    save_every: int = 1


def train(loop: Loop, position: Position) -> Position:
    """Goes on with a training until its last epoch is over or it is to stop; returns where it is then.

    From whatever position of a training it goes on, all that follows is the same, bit for bit. Raises
    NumericError when a value is not finite.
    """
    return _Training(loop, position).run()


def curve_of(loop: Loop, position: Position) -> Curve:
    """The learning curve of a training that has come to a position."""
    training = loop.experiment.training
    images = position.step * training.batch
    missing = position.missed / position.read if position.read else None
    return Curve(training.seed, training.dtype, loop.backend.name, images, position.points, missing)


class _Training:
    """A training under way."""

    def __init__(self, loop: Loop, position: Position) -> None:
        self.loop = loop
        training = loop.experiment.training
        self.batches = ShuffledBatches(loop.data.train, training.batch, training.seed, loop.data.description)
        self.total = loop.epochs * self.batches.steps
        self.watch = Watch(loop.placed)
        self.executor = Executor(loop.placed, loop.backend, self.batches, self.total, self.watch.see)
        self.begun = self.position = position
        self.first = position.step
        self.began = perf_counter()

    def run(self) -> Position:
        """Steps until all epochs are done or someone says stop; where it got to."""
        if self.position.step >= self.total:
            return self.position
        self.loop.stepper.begin(self.executor, self.first)
        if self.position.state is not None:
            put_state(self.executor, self.loop.stepper.there, self.first, self.position.state)
        else:
            self._add_point(None, None)
        while self.position.step < self.total and not self.loop.stop():
            self._step()
            epochs, beyond = divmod(self.position.step, self.batches.steps)
            if beyond == 0:
                steps = self.batches.steps
                self._add_point(self.position.loss_sum / steps, self.position.accuracy_sum / steps)
                if epochs % self.loop.save_every == 0 and self.position.step < self.total:
                    self.loop.save(self._with_state())
        position = self._with_state()
        self.loop.save(position)
        return position

    def _with_state(self) -> Position:
        drops, position = self.executor.drops, self.position
        return replace(
            position,
            state=state_of(self.executor, self.loop.stepper.there, position.step),
            wall_s=self._wall_s(),
            read=self.begun.read + sum(drops.read.values()),
            missed=self.begun.missed + sum(drops.missed.values()),
        )

    def _wall_s(self) -> float:
        return self.begun.wall_s + perf_counter() - self.began

    def _step(self) -> None:
        was = self.position
        length_ps = self.loop.stepper.step(self.executor, was.step)
        loss, accuracy = self.watch.take(self.batches.labels(was.step))
        self.position = replace(
            was,
            step=was.step + 1,
            loss_sum=was.loss_sum + loss,
            accuracy_sum=was.accuracy_sum + accuracy,
            simulated_ps=was.simulated_ps + length_ps,
        )
        self._tell(loss, accuracy)

    def _tell(self, loss: float, accuracy: float) -> None:
        training, step = self.loop.experiment.training, self.position.step
        self.loop.tell(
            Moment(
                seed=training.seed,
                dtype=training.dtype,
                epoch=(step - 1) // self.batches.steps + 1,
                epochs=self.loop.epochs,
                step=step,
                steps=self.total,
                loss=loss,
                accuracy=accuracy,
                images=step * training.batch,
                since=step - self.first,
                elapsed_s=perf_counter() - self.began,
                simulated_s=self.position.simulated_ps / PS_PER_S,
                tested=self.position.points[-1],
            )
        )

    def _test(self) -> Score:
        there = self.loop.stepper.there
        return self.loop.evaluator.score(
            self.loop.data.test, state_of(self.executor, there, self.position.step)
        )

    def _add_point(self, loss: float | None, accuracy: float | None) -> None:
        """Tests the network as it is now; another epoch begins."""
        score, position = self._test(), self.position
        point = CurvePoint(
            epoch=position.step // self.batches.steps,
            step=position.step,
            simulated_s=position.simulated_ps / PS_PER_S,
            wall_s=self._wall_s(),
            train_loss=loss,
            train_accuracy=accuracy,
            test_loss=score.loss,
            test_accuracy=score.accuracy,
        )
        self.position = replace(position, points=(*position.points, point), loss_sum=0.0, accuracy_sum=0.0)
