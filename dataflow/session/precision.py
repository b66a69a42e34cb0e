"""What a number format costs: looked up for a run, counted for a training."""

from __future__ import annotations

import backends
from dataflow.backend import Backend, CountsRounding
from dataflow.data.batches import BatchSource
from dataflow.experiment import Experiment
from dataflow.numbers.number import fixed_point
from dataflow.placement import PlacedGraph
from dataflow.tensor import Tensor
from dataflow.verification.precision import Precision, TensorPrecision, TensorValues
from dataflow.verification.quantisation import in_float, precision_of, values_of
from dataflow.verification.references import LastStep, OneProcessor


def rounds(experiment: Experiment) -> bool:
    """Whether an experiment computes in fixed point."""
    return fixed_point(experiment.training.dtype) is not None


def against_float(
    experiment: Experiment, backend: Backend, batches: BatchSource, last_step: LastStep
) -> tuple[Precision | None, tuple[TensorValues, ...]]:
    """What fixed point cost in the last step of a run, and all its values where these are few.

    None of a run in floating point. To be asked before ``last_step`` is used up.
    """
    if not last_step.values:  # nothing was to be verified
        return None, ()
    if not rounds(experiment):
        return None, values_of(last_step, None)
    reference = OneProcessor(backends.get("numpy"), given=True)
    floats = in_float(last_step, experiment, batches, reference)
    counts = backend.counts if isinstance(backend, CountsRounding) else {}
    named = f"float32 on {reference.name}"
    return precision_of(last_step, floats, counts, named), values_of(last_step, floats)


def counted(placed: PlacedGraph, backend: Backend) -> Precision | None:
    """What rounding did to tensors in all that a backend computed; None when it does not count that.

    For a training these are all its seeds together, each from where it began or was resumed.
    """
    if not isinstance(backend, CountsRounding):
        return None
    tensors: dict[str, Tensor] = {}
    for tensor in placed.task_graph.tensors.values():
        if fixed_point(tensor.dtype) is not None:
            tensors.setdefault(tensor.base, tensor)
    found = [
        TensorPrecision(
            tensor=base,
            kind=tensors[base].kind.value,
            dtype=tensors[base].dtype,
            values=counts.values,
            saturated=counts.saturated,
            underflowed=counts.underflowed,
        )
        for base, counts in backend.counts.items()
        if base in tensors
    ]
    return Precision("", tuple(found))
