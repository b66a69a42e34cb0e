"""The same training in another way: in another format, on one processor, or by PyTorch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dataflow.backend import Array
from dataflow.errors import OptionError
from dataflow.experiment import DTYPES, Experiment
from dataflow.network import DATA
from dataflow.numbers.arithmetic import Arithmetic
from dataflow.ops import MaxPooling, Relu
from dataflow.placement import Shard
from dataflow.plan import Plan
from dataflow.tensor import TensorKind
from dataflow.training.data_set import DataSet
from dataflow.training.loop import Moment
from dataflow.training.order import ShuffledBatches
from dataflow.training.state import State
from dataflow.verification.references import TOLERANCES, one_processor

STEP_BY_STEP = ("one-processor", "torch")
"""Ways that must give the same losses, but for rounding."""

AGAINST = (*DTYPES, *STEP_BY_STEP)
"""What a training may be compared with."""


def check_against(against: str | None, experiment: Experiment) -> None:
    """Raises OptionError when an experiment cannot be trained in that way, BackendError without PyTorch."""
    if against != "torch":
        return
    if experiment.training.dtype not in DTYPES:
        raise OptionError(
            f"against 'torch': PyTorch computes in floating point, not in {experiment.training.dtype}; "
            "compare with one-processor"
        )
    import backends.torch_training  # noqa: F401  (says what is missing before hours are spent)


def on_one_processor(experiment: Experiment, against: str) -> Experiment:
    """The same training unsplit, in floating point where ``against`` is a format; its times mean nothing."""
    decoded = replace(experiment.training, input=None)
    unsplit = replace(experiment, hardware=one_processor(), plan=Plan(), training=decoded)
    if against not in DTYPES:
        return unsplit
    training = replace(
        decoded,
        dtype=against,
        arithmetic=Arithmetic(),
        gradient="back-propagation",
        loss_scale=1.0,
    )
    return replace(unsplit, backend="numpy", training=training)


class TorchBeside:
    """Takes each step of a training by PyTorch too: from the same weights, batches and masks.

    Where ReLU and max pooling choose between values that rounding cannot tell apart, the run's choice is
    followed, for either is right and what is learned differs by far more than rounding. shown: the tensors
    that choices are read from. losses: of each step, counted from 1.
    """

    def __init__(self, experiment: Experiment, data: DataSet) -> None:
        training, network = experiment.training, experiment.network
        self.experiment = experiment
        self.batches = ShuffledBatches(data.train, training.batch, training.seed, data.description)
        ops = network.ops(training.batch)
        rectified = (name for name, op in ops.items() if isinstance(op, Relu))
        pooled = (network.inputs[name][0] for name, op in ops.items() if isinstance(op, MaxPooling))
        self.shown = frozenset((*rectified, *pooled))
        self.within = TOLERANCES[training.dtype]
        self.losses: dict[int, float] = {}
        self._seen: dict[str, Array] = {}

    def begin(self, state: State) -> None:
        """Begins with these weights and velocities."""
        from backends.torch_training import TorchTraining

        self.reference = TorchTraining(self.experiment, state)

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Keeps what the run's choices of a step follow from."""
        tensor = shard.tensor
        if tensor.base in self.shown and tensor.kind is TensorKind.ACTIVATION:
            whole = self._seen.setdefault(name, np.empty(tensor.shape, array.dtype))
            whole[shard.region.slices_within(tensor.region)] = array

    def take(self, moment: Moment) -> None:
        """Takes the step that the run has just taken."""
        step = moment.step - 1
        batch = self.batches.batch(step)
        self._seen[f"{DATA}@{step}"] = batch.images
        chosen = self._seen.__getitem__
        loss = self.reference.step(step, batch, moment.learning_rate, chosen=chosen, within=self.within)
        self.losses[moment.step] = loss
        self._seen.clear()
