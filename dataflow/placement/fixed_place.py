"""Room in a bank that shards have for the whole run."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.bank import Bank


@dataclass(frozen=True)
class FixedPlace:
    """Room in a bank. shards: what shares it, such as both versions of what is updated in place.

    bytes_each: of one value. copies: for how many there is room: in bounded buffers, and of batches.
    misses: whether the bank has a cache that has no room for it.
    """

    bank: Bank
    shards: tuple[str, ...]
    bytes_each: int
    copies: int = 1
    misses: bool = False

    @property
    def bytes(self) -> int:
        """All the room it takes."""
        return self.bytes_each * self.copies
