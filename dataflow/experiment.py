"""An experiment: a network, a machine, a plan, and how to train."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from dataflow.errors import OptionError
from dataflow.hardware import Hardware
from dataflow.layers import Count
from dataflow.network import Network
from dataflow.override import Override
from dataflow.plan import Plan
from dataflow.planning.auto import AutoPlan


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the network is trained.

    batch: images a step, over all processors. dtype: of activations, weights and gradients.
    epochs, images_per_epoch: the whole training that a report extrapolates to.
    """

    batch: Count = 128
    steps: Count = 1
    seed: Annotated[int, Ge(0)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    learning_rate: Annotated[float, Gt(0)] = 0.01
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    weight_decay: Annotated[float, Ge(0)] = 0.0005
    epochs: Count = 90
    images_per_epoch: Count = 1_200_000

    def __post_init__(self) -> None:
        for what, count in (("batch", self.batch), ("steps", self.steps)):
            if count < 1:
                raise OptionError(f"training: {what} {count} must be at least 1")

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return {"float32": 4, "float64": 8}[self.dtype]


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs to know.

    auto: how to search for the plan, of which ``plan`` then says only what is fixed; None for a plan that
    is complete. overrides: the fields that were set from outside. origin: the name or path it was read
    from, None when it was made in Python.
    """

    name: str
    network: Network
    hardware: Hardware
    plan: Plan = field(default_factory=Plan)
    training: Training = field(default_factory=Training)
    backend: str = "numpy"
    description: str = ""
    overrides: tuple[Override, ...] = ()
    origin: str | None = None
    auto: AutoPlan | None = None
