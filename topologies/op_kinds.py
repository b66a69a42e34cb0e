"""The kinds of op that a constant may be given for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from dataflow.cycles.routines import SGD
from dataflow.near import did_you_mean
from dataflow.ops import KERNEL_OPS

DEFAULT = "default"
OP_KINDS = tuple(sorted({op.kind for op in KERNEL_OPS} | {"accumulate", DEFAULT}))
"""Each op with a kernel, the addition of gradients, all else."""

PRICED_AS = {op.kind: op.priced_as for op in KERNEL_OPS if op.priced_as is not None}
"""By the kind of some ops the one whose efficiency they have where none is given for their own."""


ROUTINE_KINDS = tuple(sorted({*OP_KINDS, SGD} - {DEFAULT}))
"""Each op that cores execute; updates without momentum are ones of their own."""


def _one_of(kinds: tuple[str, ...]) -> Callable[[str], str]:
    def known(kind: str) -> str:
        if kind not in kinds:
            near = did_you_mean(kind, kinds)
            raise ValueError(f"unknown key{near or ';'} the keys here are {', '.join(kinds)}")
        return kind

    return known


OpKind = Annotated[
    str, AfterValidator(_one_of(OP_KINDS)), WithJsonSchema({"type": "string", "enum": list(OP_KINDS)})
]
RoutineKind = Annotated[
    str,
    AfterValidator(_one_of(ROUTINE_KINDS)),
    WithJsonSchema({"type": "string", "enum": list(ROUTINE_KINDS)}),
]
