"""The batch that fits in memory, for who asks and for who asked for too much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dataflow.errors import FitError, OutOfMemoryError
from dataflow.experiment import Experiment
from dataflow.session.placing import place_experiment
from dataflow.simulation import simulate


def largest_batch(experiment: Experiment) -> int | None:
    """The largest batch up to the experiment's own that fits in memory; None when not even 1 does."""
    low, high = 0, experiment.training.batch
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(replace(experiment, training=replace(experiment.training, batch=middle))):
            low = middle
        else:
            high = middle - 1
    return low or None


def _fits(experiment: Experiment) -> bool:
    try:
        simulate(place_experiment(experiment), experiment.training.steps)
    except (OutOfMemoryError, FitError):
        return False
    return True


@contextmanager
def naming_the_batch_that_fits(experiment: Experiment) -> Iterator[None]:
    """Adds to an OutOfMemoryError the largest batch that would fit."""
    try:
        yield
    except OutOfMemoryError as full:
        fits = largest_batch(experiment)
        batch = experiment.training.batch
        if fits:
            hint = f"batch {batch} does not fit; the largest that does is {fits} (--batch {fits})"
        elif full.memory in experiment.hardware.processors:
            hint = "not even a batch of 1 fits; split the network over more processors"
        else:
            hint = f"not even a batch of 1 fits; give {full.memory!r} more memory"
        raise OutOfMemoryError(
            f"{full}\n{hint}",
            memory=full.memory,
            tensor=full.tensor,
            needed_bytes=full.needed_bytes,
            capacity_bytes=full.capacity_bytes,
            holders=full.holders,
        ) from None
