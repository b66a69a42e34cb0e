"""What a search for a plan is asked for: ``plan: {auto: {...}}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, MinLen

from dataflow.layers import Count

SplitName = Literal[
    "batch",
    "channel",
    "group",
    "in_channel",
    "height",
    "width",
    "position",
    "tensor",
    "replicated",
    "one",
]
"""How layers may be split along a mesh axis.

A dimension; ``tensor``: channels, then the summed loop of the next product, in turn (Shoeybi et
al. 2019, arXiv 1909.08053); ``replicated``: all by each processor; ``one``: all by the first.
"""

DEFAULT_SPLITS: tuple[SplitName, ...] = (
    "batch",
    "channel",
    "group",
    "in_channel",
    "height",
    "position",
    "tensor",
    "replicated",
    "one",
)


@dataclass(frozen=True, kw_only=True)
class AutoPlan:
    """How to search for a plan.

    trials: how many plans may be simulated. seed: of what is tried at random. storage: an SQLite
    file that keeps the trials, so that an interrupted search goes on where it ended. splits: how
    layers may be split. pipeline: whether stages along a mesh axis may be tried. store: whether
    velocities, gradients and parameters may be kept in shards. recompute: whether activations may
    be computed again where they do not fit otherwise.
    """

    trials: Count = 200
    seed: Annotated[int, Ge(0)] = 0
    storage: str | None = None
    splits: Annotated[tuple[SplitName, ...], MinLen(1)] = DEFAULT_SPLITS
    pipeline: bool = True
    store: bool = True
    recompute: bool = True
