"""What a number format costs: the values of a run in it against the same in float32."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorPrecision:
    """One tensor of the last step beside float32's, or what happened to it when it was rounded.

    dtype: its format, such as ``q8.8``. values: how many numbers were rounded into it, over the whole run.
    saturated: of these, how many lay beyond the format. underflowed: of a parameter's updates,
    how many left it as it was although its gradient was not zero. scale: the largest magnitude in float32.
    rms_error, max_error: root mean square and largest absolute difference; None without a comparison.
    """

    tensor: str
    kind: str
    dtype: str
    values: int
    saturated: int
    underflowed: int
    scale: float | None = None
    rms_error: float | None = None
    max_error: float | None = None


@dataclass(frozen=True)
class Precision:
    """Every tensor in its format. reference: what computed the same in float32, empty for nothing."""

    reference: str
    tensors: tuple[TensorPrecision, ...]


@dataclass(frozen=True)
class TensorValues:
    """All values of one tensor of the last step, or that it starts from, in the order of its elements.

    tensor: its name in the run: step k starts from ``conv1.weight@k`` and leaves ``conv1.weight@(k + 1)``.
    reference: the same in float32, where the run's own format is another.
    """

    tensor: str
    kind: str
    layer: str
    dtype: str
    shape: tuple[int, ...]
    values: tuple[float, ...]
    reference: tuple[float, ...] | None = None
