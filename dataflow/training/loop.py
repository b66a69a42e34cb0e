"""The training loop: epochs of steps, a test after each, and a position from which it can be gone on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter

from dataflow.backend import Array, Backend
from dataflow.errors import DataError, InterruptedTrainingError
from dataflow.experiment import Experiment
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph, Shard
from dataflow.training.beside import Beside
from dataflow.training.cadence import Cadence
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.data_set import DataSet, Part
from dataflow.training.evaluation import Evaluator, Score
from dataflow.training.order import ShuffledBatches
from dataflow.training.running_statistics import RunningStatistics
from dataflow.training.schedule import learning_rate
from dataflow.training.state import State, put_state, state_of
from dataflow.training.stepping import Stepper
from dataflow.training.watch import Watch
from dataflow.values.executor import Executor


@dataclass(frozen=True)
class Position:
    """A training between two steps, or after an epoch's last step and before its test: all that the rest
    of it depends on.

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

    @property
    def tested(self) -> int:
        """The step that the last test came after; -1 before the first."""
        return self.points[-1].step if self.points else -1


@dataclass(frozen=True)
class Moment:
    """What is told after every step. loss, accuracy: of the step, before it. steps: to be taken in all.

    since: steps taken since the training was begun or resumed, in ``elapsed_s``. tested: the last test,
    after an epoch's last step that of the epoch. learning_rate: that the step was taken with. A
    training whose times mean nothing has no simulated one.
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
    simulated_s: float | None
    tested: CurvePoint
    learning_rate: float


@dataclass(frozen=True)
class Loop:
    """One training: what is computed, on what, in which steps, from what data, for how long.

    tell: is told of every step. stop: whether to stop before the next one, or the next batch of a test.
    save: is given positions to keep: as often as ``save_every`` says, after an epoch before it is tested; in
    the end and when stopped. Their states are good until then.
    weights: to begin with, where they are not drawn; what they leave out is. beside: goes along.
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
    save_every: Cadence = field(default_factory=Cadence)
    weights: State | None = None
    beside: Beside | None = None


def train(loop: Loop, position: Position) -> Position:
    """Goes on with a training until its last epoch is tested or it is to stop; returns where it is then.

    From whatever position of a training it goes on, all that follows is the same, bit for bit. Raises
    NumericError when a value is not finite, and DataError when a schedule has no validation examples.
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
        if training.schedule is not None and loop.data.validation is None:
            raise DataError(
                f"{loop.data.description}: there are no validation examples to decide the learning rate by; "
                "--set training.schedule=null keeps it constant"
            )
        self.batches = ShuffledBatches(loop.data.train, training.batch, training.seed, loop.data.description)
        self.total = loop.epochs * self.batches.steps
        self.watch = Watch(loop.placed)
        begun = loop.weights if position.state is None else position.state
        self.statistics = RunningStatistics(loop.placed, begun or {})
        shown = self.watch.shown | self.statistics.shown
        if loop.beside is not None:
            shown |= loop.beside.shown
        self.executor = Executor(loop.placed, loop.backend, self.batches, self.total, self._see, shown)
        self.begun = self.position = position
        self.first = position.step
        self.began = self.saved = perf_counter()
        self.learning_rate = self._next_learning_rate()

    def run(self) -> Position:
        """Steps until all epochs are done or someone says stop; where it got to."""
        if self.position.tested >= self.total:
            return self.position
        self.loop.stepper.begin(self.executor, self.first)
        there = self.loop.stepper.there
        if self.position.state is not None:
            put_state(self.executor, there, self.first, self.position.state)
        elif self.loop.weights is not None:
            put_state(self.executor, there, self.first, self.loop.weights, partly=True)
        if self.loop.beside is not None:
            self.loop.beside.begin(self.first, self._state())
        with suppress(InterruptedTrainingError):
            self._test_if_due()
            while self.position.step < self.total and not self.loop.stop():
                loss, accuracy = self._step()
                rate = self.learning_rate
                self._save_if_due()
                self._test_if_due()
                self._tell(loss, accuracy, rate)
        position = self._with_state()
        self.loop.save(position)
        return position

    def _test_if_due(self) -> None:
        """Tests before the first step and after each epoch, which a position may have been saved before.

        Raises InterruptedTrainingError when it is to stop meanwhile, as if the test had not begun.
        """
        position, steps = self.position, self.batches.steps
        if position.step % steps or position.tested == position.step:
            return
        if position.step == 0:
            self._add_point(None, None, None)
        else:
            self._add_point(position.loss_sum / steps, position.accuracy_sum / steps, self.learning_rate)
        self.learning_rate = self._next_learning_rate()

    def _save_if_due(self) -> None:
        step, since_s = self.position.step, perf_counter() - self.saved
        if self.loop.save_every.due(step, self.batches.steps, since_s):
            self.loop.save(self._with_state())
            self.saved = perf_counter()

    def _next_learning_rate(self) -> float:
        """That of the epoch under way, which follows from the curve alone."""
        training = self.loop.experiment.training
        after = [point.validation_error for point in self.position.points if point.epoch]
        errors = [error for error in after if error is not None]
        return learning_rate(training.learning_rate, training.schedule, errors)

    def _with_state(self) -> Position:
        drops, position = self.executor.drops, self.position
        return replace(
            position,
            state=self._state(),
            wall_s=self._wall_s(),
            read=self.begun.read + sum(drops.read.values()),
            missed=self.begun.missed + sum(drops.missed.values()),
        )

    def _state(self) -> State:
        """What the next step will read, as it lies in the executor's memories."""
        there = self.loop.stepper.there
        return state_of(self.executor, there, self.position.step, self.statistics.state)

    def _see(self, name: str, shard: Shard, array: Array) -> bool:
        self.statistics.see(shard, array)
        if self.loop.beside is not None:
            self.loop.beside.see(name, shard, array)
        return self.watch.see(name, shard, array)

    def _wall_s(self) -> float:
        return self.begun.wall_s + perf_counter() - self.began

    def _step(self) -> tuple[float, float]:
        """Takes a step. Returns its loss and accuracy."""
        was = self.position
        self.executor.learning_rate = self.learning_rate
        length_ps = self.loop.stepper.step(self.executor, was.step)
        self.statistics.take()
        loss, accuracy = self.watch.take(self.batches.labels(was.step))
        self.position = replace(
            was,
            step=was.step + 1,
            loss_sum=was.loss_sum + loss,
            accuracy_sum=was.accuracy_sum + accuracy,
            simulated_ps=was.simulated_ps + length_ps,
        )
        return loss, accuracy

    def _tell(self, loss: float, accuracy: float, rate: float) -> None:
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
                learning_rate=rate,
            )
        )

    def _add_point(self, loss: float | None, accuracy: float | None, rate: float | None) -> None:
        """Tests the network as it is now; another epoch begins."""
        data, state, position = self.loop.data, self._state(), self.position
        score = self._score(data.test, state)
        validation = data.validation
        point = CurvePoint(
            epoch=position.step // self.batches.steps,
            step=position.step,
            simulated_s=position.simulated_ps / PS_PER_S,
            wall_s=self._wall_s(),
            train_loss=loss,
            train_accuracy=accuracy,
            test_loss=score.loss,
            test_accuracy=score.accuracy,
            learning_rate=rate,
            validation_error=None if validation is None else self._score(validation, state).error,
            test_top5_error=score.top5_error,
        )
        self.position = replace(position, points=(*position.points, point), loss_sum=0.0, accuracy_sum=0.0)

    def _score(self, part: Part, state: State) -> Score:
        return self.loop.evaluator.score(part, state, stop=self.loop.stop)
