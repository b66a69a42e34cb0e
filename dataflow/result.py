"""Everything one run leaves for a report: what was asked, what happened, what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dataflow.experiment import Experiment
from dataflow.metrics import Metrics
from dataflow.trace import Trace
from dataflow.verification.precision import Precision, TensorValues
from dataflow.verification.verification import Verification


@dataclass(frozen=True)
class Result:
    """What reports are made from.

    losses: mean loss of each step, None when no values were computed. backend: the one that
    computed, or ``null``. warnings: what the user should know, such as an override that
    changed nothing. versions: of Dataflow, Python and the libraries that took part.
    precision: what the number format cost, None of floating point. values: every value of the last
    step of a network that has few.
    """

    experiment: Experiment
    trace: Trace
    metrics: Metrics
    backend: str
    losses: tuple[float, ...] | None = None
    verification: Verification | None = None
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    precision: Precision | None = None
    values: tuple[TensorValues, ...] = ()
