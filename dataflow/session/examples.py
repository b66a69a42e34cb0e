"""What a data set means to a training: how many examples there are, and whether the machine decodes them."""

from __future__ import annotations

from dataclasses import replace

from dataflow.errors import OptionError
from dataflow.experiment import Experiment
from dataflow.session.placing import place_experiment
from dataflow.training.data_set import DataSet
from dataflow.training.trained import Examples


def with_input(experiment: Experiment, data: DataSet) -> tuple[Experiment, list[str]]:
    """The experiment with its hosts decoding what the data set has to decode, and what to say where none can.

    Where the experiment says how batches come (``training.input``) it stays as it is.
    """
    if not data.encoded or experiment.training.input is not None:
        return experiment, []
    decoding = replace(experiment, training=replace(experiment.training, input="jpeg"))
    try:
        place_experiment(decoding)
    except OptionError as error:
        reason = str(error).removeprefix("training.input is 'jpeg', but ").partition(";")[0]
        return experiment, [f"decoding and augmenting take no simulated time: {reason}"]
    return decoding, []


def examples_of(data: DataSet, batch: int) -> Examples:
    """How many examples there are of each kind."""
    count = data.train.count
    validation = 0 if data.validation is None else data.validation.count
    return Examples(data.description, count, data.test.count, count % batch, validation)
