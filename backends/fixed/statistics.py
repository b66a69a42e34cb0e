"""How often values left their format, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping

from dataflow.numbers.arithmetic import Counts


class Statistics:
    """Counts, by the name of a tensor without its version."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def count(self, tensor: str, values: int, saturated: int, underflowed: int = 0) -> None:
        """Notes so many values more."""
        counts = self._counts.get(tensor)
        if counts is None:
            counts = self._counts[tensor] = [0, 0, 0]
        counts[0] += values
        counts[1] += saturated
        counts[2] += underflowed

    @property
    def tensors(self) -> Mapping[str, Counts]:
        """The counts of every tensor, in the order in which they were first written."""
        return {tensor: Counts(*counts) for tensor, counts in self._counts.items()}
