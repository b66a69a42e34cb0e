"""What the making of batches took, and whether steps waited for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NEVER_RESTS = 0.995
"""The share of a step from which on cores are taken to be busy all of it."""

WAITS = 0.05
"""The share of steps from which on waiting for batches that are made ahead is what counts."""

WAITS_IN_TURN = 0.5
"""The same where nothing is made ahead: an inference begins with the making of its images."""


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

    waiting: the share of the steps in which the processor that waits longest for batches is idle for them,
    on their way from the host included. ahead: whether batches are made while earlier ones are computed with.
    images_per_s: what hosts could prepare, if nothing held them up: the slowest decides.
    needed_images_per_s: what the rest of the machine could take if batches were always there, None where it
    was not simulated.
    """

    waiting: float
    ahead: bool
    images_per_s: float
    needed_images_per_s: float | None
    hosts: Mapping[str, InputUse]

    @property
    def bound(self) -> bool:
        """Whether steps are input-bound.

        A host's cores never rest, so that a step takes as long as its batch does, or a processor waits for
        batches for more than a twentieth of the steps. An inference, whose batch is not made ahead, always
        waits: it is bound if that is most of it.
        """
        never_rests = max(use.busy for use in self.hosts.values()) > NEVER_RESTS
        return never_rests or self.waiting > (WAITS if self.ahead else WAITS_IN_TURN)
