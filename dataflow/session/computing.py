"""Backends that compute values, for what means nothing without them."""

from __future__ import annotations

import backends
from dataflow.backend import Backend
from dataflow.errors import BackendError, OptionError
from dataflow.experiment import Experiment


def computing_backend(experiment: Experiment, without: str) -> Backend:
    """An experiment's backend. without: what would come of it if it computed no values, for the message.

    Raises BackendError when it computes none.
    """
    backend = backends.get(experiment.backend)
    if not backend.computes:
        raise BackendError(
            f"backend {experiment.backend!r} computes no values, so {without}; "
            "choose another, such as 'numpy'"
        )
    return backend


def check_learns(experiment: Experiment) -> None:
    """Raises OptionError in modes in which there is no training."""
    if experiment.mode != "training":
        raise OptionError(
            f"experiment {experiment.name!r} is of mode {experiment.mode!r}, in which nothing is learned; "
            "use --set mode=training"
        )
