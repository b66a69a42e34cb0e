"""What the making of batches took, and whether steps waited for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NEVER_RESTS = 0.995
"""The share of a step from which on cores are taken to be busy all of it."""


@dataclass(frozen=True)
class InputUse:
    """A host that makes batches of files, in a step.

    images: that it prepares, on so many cores. prepare_s: how long they are busy with that, and busy the
    part of the step that is. images_per_s: what they could do. bound: what sets the time, ``compute``
    of the cores or ``memory``.
    """

    images: int
    cores: int
    buffers: int
    prepare_s: float
    busy: float
    images_per_s: float
    bound: str


@dataclass(frozen=True)
class InputPath:
    """The way of pictures from files to processors.

    share: of the critical path what is preparing and loading batches. images_per_s: what hosts could
    prepare, if nothing held them up: the slowest decides. needed_images_per_s: what the rest of the machine
    could take if batches were always there, None where it was not simulated.
    """

    share: float
    images_per_s: float
    needed_images_per_s: float | None
    hosts: Mapping[str, InputUse]

    @property
    def bound(self) -> bool:
        """Whether training is input-bound.

        A host's cores never rest, so that the step takes as long as its batch does, or most of the
        critical path is preparing and loading batches.
        """
        return self.share > 0.5 or max(use.busy for use in self.hosts.values()) > NEVER_RESTS
