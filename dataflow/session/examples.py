"""What a data set means to a training: how many examples there are, and whether the machine decodes them."""

from __future__ import annotations

from dataclasses import replace

from dataflow.experiment import Experiment
from dataflow.placement.preparation import hosts_of_images, input_fault
from dataflow.session.placing import place_experiment
from dataflow.training.data_set import DataSet
from dataflow.training.trained import Examples


def with_input(experiment: Experiment, data: DataSet) -> tuple[Experiment, list[str]]:
    """The experiment with its hosts decoding what the data set has to decode, and what to say where none can.

    Where the experiment says how batches come (``training.input``) it stays as it is.
    """
    if not data.encoded or experiment.training.input is not None:
        return experiment, []
    hosts = hosts_of_images(place_experiment(experiment, check=False))
    fault = input_fault(experiment.network, experiment.hardware, hosts)
    if fault is not None:
        return experiment, [f"decoding and augmenting take no simulated time: {fault.reason}"]
    return replace(experiment, training=replace(experiment.training, input="jpeg")), []


def examples_of(data: DataSet, batch: int) -> Examples:
    """How many examples there are of each kind."""
    count = data.train.count
    validation = 0 if data.validation is None else data.validation.count
    return Examples(data.description, count, data.test.count, count % batch, validation)
