"""The values of a run in a number format beside those of the same run in float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import sqrt

import numpy as np

from dataflow.backend import Array
from dataflow.data.batches import BatchSource
from dataflow.experiment import Experiment
from dataflow.numbers.arithmetic import Arithmetic, Counts
from dataflow.numbers.number import fixed_point
from dataflow.tensor import Tensor
from dataflow.verification.precision import VALUES_SHOWN, Precision, TensorPrecision, TensorValues
from dataflow.verification.references import LastStep, Reference

_NOTHING = Counts(0, 0, 0)


def in_float(
    last_step: LastStep, experiment: Experiment, batches: BatchSource, reference: Reference
) -> dict[str, Array]:
    """The tensors of the last step, by their names in the run, as a reference computes them in float32.

    The same starts, batches and loss scale; the reference must compute in floating point. ``last_step``
    is only looked at, so this comes before ``verify``, which uses it up.
    """
    training = replace(experiment.training, dtype="float32", arithmetic=Arithmetic())
    found: dict[str, Array] = {}

    def show(name: str, whole: Array) -> None:
        if name in last_step.values:
            found[name] = np.array(whole)

    reference.compute(replace(experiment, training=training), batches, show, last_step.whole)
    return found


def precision_of(
    last_step: LastStep, floats: Mapping[str, Array], counts: Mapping[str, Counts], reference: str
) -> Precision:
    """What the number format cost, tensor by tensor.

    floats: as of ``in_float``; counts: of the backend; reference: what computed the floats.
    """
    found = [
        _precision(name, tensor, last_step, floats.get(name), counts.get(tensor.base, _NOTHING))
        for name, tensor in _tensors(last_step).items()
        if fixed_point(tensor.dtype) is not None
    ]
    return Precision(reference, tuple(found))


def _precision(
    name: str, tensor: Tensor, last_step: LastStep, expected: Array | None, counts: Counts
) -> TensorPrecision:
    told = TensorPrecision(
        tensor=tensor.base,
        kind=tensor.kind.value,
        dtype=tensor.dtype,
        values=counts.values,
        saturated=counts.saturated,
        underflowed=counts.underflowed,
    )
    if expected is None:
        return told
    exact = expected.astype(np.float64).reshape(tensor.shape)
    error = np.abs(last_step.whole(name) - exact)
    return replace(
        told,
        scale=float(np.abs(exact).max(initial=0.0)),
        rms_error=sqrt(float(np.mean(np.square(error)))),
        max_error=float(error.max(initial=0.0)),
    )


def values_of(last_step: LastStep, floats: Mapping[str, Array] | None) -> tuple[TensorValues, ...]:
    """Every value of the last step of a network whose tensors are all small; else nothing.

    floats: as of ``in_float``; None for a run that computes in floating point itself.
    """
    tensors = _tensors(last_step)
    if any(tensor.region.size > VALUES_SHOWN for tensor in tensors.values()):
        return ()
    found: list[TensorValues] = []
    for name, tensor in tensors.items():
        beside = None if floats is None else floats.get(name)
        found.append(
            TensorValues(
                tensor=tensor.base,
                kind=tensor.kind.value,
                layer=tensor.layer,
                dtype=tensor.dtype,
                shape=tensor.shape,
                values=_flat(last_step.whole(name)),
                reference=None if beside is None else _flat(beside),
            )
        )
    return tuple(found)


def _flat(array: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in array.reshape(-1))


def _tensors(last_step: LastStep) -> dict[str, Tensor]:
    return {name: pieces[0][0].tensor for name, pieces in last_step.values.items()}
