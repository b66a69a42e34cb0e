"""Each step of a training taken in another way too: from the same weights, batches and masks.

Where ReLU and max pooling choose between values that rounding cannot tell apart, the run's choice is
followed (``dataflow.verification.choices``). Fixed point has the same bits in any way and follows nothing.
"""

from __future__ import annotations

from typing import Protocol

import backends
from dataflow.backend import Array
from dataflow.experiment import DTYPES, Experiment
from dataflow.network import DATA
from dataflow.ops import MaxPooling, Relu
from dataflow.placement import Shard
from dataflow.session.comparing import on_one_processor
from dataflow.session.placing import place_experiment
from dataflow.training.beside import Beside
from dataflow.training.data_set import DataSet
from dataflow.training.loop import Moment
from dataflow.training.order import ShuffledBatches
from dataflow.training.recording import record
from dataflow.training.run_choices import RunChoices
from dataflow.training.state import State, put_state
from dataflow.training.stepping import RecordedSteps
from dataflow.training.timing import UNTIMED
from dataflow.values.executor import Executor
from dataflow.values.losses import Losses
from dataflow.verification.choices import reach
from dataflow.verification.following import Following


class Lockstep(Beside, Protocol):
    """Goes along with a training. losses: of each step that it has taken, counted from 1."""

    losses: dict[int, float]

    def take(self, moment: Moment) -> None:
        """Takes the step that the run has just taken, at the run's learning rate."""
        ...


def lockstep_of(against: str | None, experiment: Experiment, data: DataSet, steps: int) -> Lockstep | None:
    """What goes along with a training of so many steps; None for a comparison that does not."""
    if against == "torch":
        return TorchBeside(experiment, data)
    return ProcessorBeside(experiment, data, steps) if against == "one-processor" else None


class TorchBeside:
    """Takes each step by PyTorch."""

    def __init__(self, experiment: Experiment, data: DataSet) -> None:
        training = experiment.training
        self.experiment = experiment
        self.batches = ShuffledBatches(data.train, training.batch, training.seed, data.description)
        self.choices = RunChoices(experiment.network, training.batch)
        self.shown = self.choices.shown
        self.within = reach(training.dtype)
        self.losses: dict[int, float] = {}

    def begin(self, step: int, state: State) -> None:
        """Begins with these weights and velocities."""
        from backends.torch_training import TorchTraining

        self.reference = TorchTraining(self.experiment, state)

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Keeps what the run's choices of a step follow from."""
        self.choices.see(name, shard, array)

    def take(self, moment: Moment) -> None:
        """Takes the step that the run has just taken."""
        step = moment.step - 1
        batch = self.batches.batch(step)

        def chosen(name: str) -> Array:
            found = batch.images if name == f"{DATA}@{step}" else self.choices.of(name)
            assert found is not None
            return found

        loss = self.reference.step(step, batch, moment.learning_rate, chosen=chosen, within=self.within)
        self.losses[moment.step] = loss
        self.choices.forget()


class ProcessorBeside:
    """Takes each step on one processor, by the backend of the run: every tensor whole, nothing moved."""

    def __init__(self, experiment: Experiment, data: DataSet, steps: int) -> None:
        experiment = on_one_processor(experiment, "one-processor")
        training = experiment.training
        placed = place_experiment(experiment)
        self.choices = RunChoices(experiment.network, training.batch)
        backend = backends.get(experiment.backend)
        self.shown = frozenset[str]()
        if training.dtype in DTYPES:
            self.shown = self.choices.shown
            choosing = {task.name for task in placed.tasks if isinstance(task.op, Relu | MaxPooling)}
            backend = Following(backend, self.choices.of, reach(training.dtype), choosing)
        self._losses = Losses(placed)
        batches = ShuffledBatches(data.train, training.batch, training.seed, data.description)
        shown = {self._losses.layer}
        self.executor = Executor(placed, backend, batches, steps, self._see_loss, shown)
        self.stepper = RecordedSteps(record(placed), UNTIMED)
        self.losses: dict[int, float] = {}

    def begin(self, step: int, state: State) -> None:
        """Begins with these weights and velocities."""
        self.stepper.begin(self.executor, step)
        put_state(self.executor, self.stepper.there, step, state)

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Keeps what the run's choices of a step follow from."""
        if self.shown:
            self.choices.see(name, shard, array)

    def take(self, moment: Moment) -> None:
        """Takes the step that the run has just taken."""
        self.executor.learning_rate = moment.learning_rate
        self.stepper.step(self.executor, moment.step - 1)
        self.losses[moment.step] = self._losses.take()
        self.choices.forget()

    def _see_loss(self, name: str, shard: Shard, array: Array) -> bool:
        self._losses.see(name, shard, array)
        return False
