"""Why cores without floating point cannot compute a pass, and what can be computed in its place."""

from __future__ import annotations

from dataflow.numbers.integers import INSTEAD_OF
from dataflow.numbers.number import fixed_point
from dataflow.ops import Op, Pass

_FORMAT = "use an integer format, such as training.dtype: q8.8 with backend: fixed"


def float_fault(op: Op | None, direction: Pass | None, dtype: str) -> str | None:
    """Why a pass needs floating point, with the integer alternative; None when it does not."""
    what = "the sum of shards" if op is None else op.kind
    if op is not None and direction is not None:
        what += f" ({direction.name})"
    if not direction_is_view(direction) and dtype.startswith(("float", "bfloat")):
        if op is not None and op.kind == "softmax_cross_entropy":
            return (
                f"{what} computes in {dtype}, and there is no floating point; {_FORMAT}, whose softmax takes "
                "powers by table or shift, or the loss mean_squared_error, which needs none"
            )
        return f"{what} computes in {dtype}, and there is no floating point; {_FORMAT}"
    if op is not None and op.kind in INSTEAD_OF and fixed_point(dtype) is not None:
        return f"this simulator has no integer routine for {what}: {INSTEAD_OF[op.kind]}"
    return None


def direction_is_view(direction: Pass | None) -> bool:
    """Whether a pass computes nothing."""
    return direction is not None and direction.view
