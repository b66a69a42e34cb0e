"""What a number format costs: the values of a run in it against the same in float32."""

from __future__ import annotations

from dataclasses import dataclass

VALUES_SHOWN = 200
"""Of a network none of whose tensors has more elements than this, every value of the last step is kept."""


@dataclass(frozen=True)
class TensorPrecision:
    """One tensor of the last step beside float32's, or what happened to it when it was rounded.

    dtype: its format, such as ``q8.8``. values: how many numbers were rounded into it, over the whole run.
    saturated: of these, how many lay beyond the format. underflowed: of the updates of a
    parameter, how many were not zero but rounded to it. scale: the largest magnitude in float32.
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
    """All values of one tensor of the last step, in the order of its elements.

    reference: the same in float32, where the run's own format is another.
    """

    tensor: str
    kind: str
    layer: str
    dtype: str
    shape: tuple[int, ...]
    values: tuple[float, ...]
    reference: tuple[float, ...] | None = None
