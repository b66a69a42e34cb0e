"""The values of a run in a number format beside those of the same run in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt

import numpy as np

from dataflow.backend import Array
from dataflow.data.batches import BatchSource
from dataflow.experiment import Experiment
from dataflow.numbers.arithmetic import Arithmetic, Counts
from dataflow.numbers.number import fixed_point
from dataflow.placement import Shard
from dataflow.tensor import Tensor, TensorKind
from dataflow.verification.precision import Precision, TensorPrecision, TensorValues
from dataflow.verification.references import FEW, LastStep, Reference

_NOTHING = Counts(0, 0, 0)
_LEFT = (TensorKind.PARAMETER, TensorKind.VELOCITY)
"""What a step leaves to the next."""


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
        if name in last_step.values or name in last_step.given:
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
        for name, tensor in _tensors(last_step.values).items()
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
    """What the last step starts from and all that it computes, if all that is of small tensors; else nothing.

    floats: as of ``in_float``; None for a run that computes in floating point itself.
    """
    computed = _tensors(last_step.values)
    if any(tensor.region.size > FEW for tensor in computed.values()):
        return ()
    given = _tensors(last_step.given)
    batch_first = sorted(given, key=lambda name: given[name].kind is not TensorKind.BATCH)
    left_last = sorted(computed, key=lambda name: computed[name].kind in _LEFT)
    found: list[TensorValues] = []
    for name in (*batch_first, *left_last):
        tensor = given.get(name) or computed[name]
        beside = None if floats is None else floats.get(name)
        found.append(
            TensorValues(
                tensor=name,
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


def _tensors(pieces: Mapping[str, Sequence[tuple[Shard, Array]]]) -> dict[str, Tensor]:
    return {name: shards[0][0].tensor for name, shards in pieces.items()}
