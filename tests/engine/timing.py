"""What a cost model of tests has beside its times: nothing to be faster, and room for all code."""

from __future__ import annotations

from typing import Self

from dataflow.cost import CodeLimits, Resource
from dataflow.ops import Op, Pass


class Unlimited:
    """All of a cost model but its times."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """None."""
        return ()

    def faster(self, resource: Resource) -> Self:
        """The same."""
        return self

    @property
    def limits(self) -> CodeLimits | None:
        """None."""
        return None

    def code(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """Nothing."""
        return 0

    def stack(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """Nothing."""
        return 0

    def unsupported(self, op: Op | None, direction: Pass | None, dtype: str) -> str | None:
        """Computes everything."""
        return None
