"""Race dropout: how much of what tasks read at their signal had not been stored yet."""

from __future__ import annotations

from collections.abc import Mapping


class Drops:
    """Counts elements of activations that signalled tasks read, by step and tensor without its version.

    read: all of them, missing ones among them. missed: those taken as zero.
    """

    def __init__(self) -> None:
        self._read: dict[tuple[int, str], int] = {}
        self._missed: dict[tuple[int, str], int] = {}

    def note(self, step: int, tensor: str, elements: int, *, missing: bool) -> None:
        """Counts a piece that was read, or was to be."""
        key = step, tensor
        self._read[key] = self._read.get(key, 0) + elements
        if missing:
            self._missed[key] = self._missed.get(key, 0) + elements

    @property
    def read(self) -> Mapping[tuple[int, str], int]:
        """By (step, tensor)."""
        return self._read

    @property
    def missed(self) -> Mapping[tuple[int, str], int]:
        """By (step, tensor)."""
        return self._missed

    @property
    def rate(self) -> float:
        """The part of all that was read that was missing; 0 when nothing was read."""
        read = sum(self._read.values())
        return sum(self._missed.values()) / read if read else 0.0
