"""An experiment: a network, a machine, a plan, and how to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt, Predicate

from dataflow.errors import OptionError
from dataflow.hardware import Hardware
from dataflow.layers import Count, Initial
from dataflow.network import Network
from dataflow.numbers.arithmetic import Arithmetic
from dataflow.numbers.number import element_bytes, fixed_point
from dataflow.override import Override
from dataflow.plan import Plan
from dataflow.planning.auto import AutoPlan
from dataflow.recipe import Augmentation, Conventions, Schedule

Mode = Literal["training", "inference", "pipeline"]
"""What a step is: a training step, one sample after the other, or samples that stream through stages."""

SAMPLES = 64
"""Steps of inference and of a pipeline where nobody says how many: enough to see how they follow."""

DTYPES = ("float32", "float64")


def _is_dtype(dtype: str) -> bool:
    return dtype in DTYPES or fixed_point(dtype) is not None


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the network is trained.

    batch: images a step, over all processors. steps: to simulate; descriptions that do not say how many
    take 1 of training, else ``SAMPLES``. dtype: of activations, weights and gradients:
    ``float32``, ``float64``, or a fixed-point format such as ``q8.8``. arithmetic: of fixed point.
    loss_scale: gradients are computed so many times as large, and the update makes up for it
    (Micikevicius et al. 2018, arXiv 1710.03740); ``batch`` for the sum over the batch in place of the
    mean. gradient: by ``back-propagation`` or ``finite-difference``, which moves one
    weight after the other by ``difference_step``. pixels: of digits, ``standardized`` to mean 0 and
    deviation 1, or ``unit``, from 0 to 1. initial: by layer (or pattern
    such as ``fc*``; the last that fits), in place of what the network says. dropout: the rate of all
    dropout layers, None for what each says.
    conventions: the paper's, or others. schedule: of the learning rate, None for a constant one.
    augmentation: of pictures, None for what suits the data set. input: whether batches lie in host
    memory ``decoded``, or as ``jpeg`` that the host's cores decode and augment; None for what suits the
    data set, where there is one. epochs, images_per_epoch: the whole training that a report
    extrapolates to.
    """

    batch: Count = 128
    steps: Count = 1
    seed: Annotated[int, Ge(0)] = 0
    dtype: Annotated[str, Predicate(_is_dtype)] = "float32"
    arithmetic: Arithmetic = field(default_factory=Arithmetic)
    loss_scale: Annotated[float, Gt(0)] | Literal["batch"] = 1.0
    gradient: Literal["back-propagation", "finite-difference"] = "back-propagation"
    difference_step: Annotated[float, Gt(0)] = 0.0625
    learning_rate: Annotated[float, Gt(0)] = 0.01
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    weight_decay: Annotated[float, Ge(0)] = 0.0005
    pixels: Literal["standardized", "unit"] = "standardized"
    initial: Mapping[str, Initial] = field(default_factory=dict)
    dropout: Annotated[float, Ge(0), Lt(1)] | None = None
    conventions: Conventions = field(default_factory=Conventions)
    schedule: Schedule | None = None
    augmentation: Augmentation | None = None
    input: Literal["decoded", "jpeg"] | None = None
    epochs: Count = 90
    images_per_epoch: Count = 1_200_000

    def __post_init__(self) -> None:
        for what, count in (("batch", self.batch), ("steps", self.steps)):
            if count < 1:
                raise OptionError(f"training: {what} {count} must be at least 1")

    @property
    def gradient_scale(self) -> float:
        """How many times as large as the derivatives of the mean loss gradients are."""
        return float(self.batch if self.loss_scale == "batch" else self.loss_scale)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return element_bytes(self.dtype)


@dataclass(frozen=True)
class Experiment:
    """Everything a run needs to know.

    auto: how to search for the plan, of which ``plan`` then says only what is fixed; None for a plan that
    is complete. overrides: the fields that were set from outside. origin: the name or path it was read
    from, None when it was made in Python. mode: what a step is; in ``inference`` and ``pipeline`` there
    are forward tasks alone.
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
    mode: Mode = "training"
