"""A training's recipe beyond its numbers: conventions, the schedule of learning rates, augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from dataflow.layers import Count


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """What the 2012 paper and PyTorch do in different ways. The defaults are the paper's.

    dropout: ``paper`` multiplies by the mask in training and by what it keeps on average at the test;
    ``pytorch`` divides by that in training ("inverted"); None for what each layer says. lrn_alpha:
    of response normalisation, ``paper`` as it stands; ``pytorch`` divides it by the number of channels.
    weight_decay: ``inside`` the momentum, v <- m v - d lr w - lr g, w <- w + v; or ``outside``,
    v <- m v - lr g, w <- w + v - d lr w (Loshchilov and Hutter, arXiv 1711.05101). learning_rate:
    ``inside`` the velocity as above; or ``outside``, v <- m v + g + d w, w <- w - lr v, as
    PyTorch: the two differ once the rate changes. initial: ``described`` by the layers; or
    ``pytorch``, weights and biases uniform within 1 / sqrt(n) of n inputs.
    """

    dropout: Literal["paper", "pytorch"] | None = None
    lrn_alpha: Literal["paper", "pytorch"] = "paper"
    weight_decay: Literal["inside", "outside"] = "inside"
    learning_rate: Literal["inside", "outside"] = "inside"
    initial: Literal["described", "pytorch"] = "described"


PAPER = Conventions(dropout="paper")
PYTORCH = Conventions(dropout="pytorch", lrn_alpha="pytorch", learning_rate="outside", initial="pytorch")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The learning rate is divided when the validation error stops improving (the 2012 paper, section 5).

    divide_by: what by. at_most: how often. patience: epochs in a row without a new least error after
    which it is. improvement: by how much less an error must be to count as new. validation: share
    of the training examples that is held out for it where the data set has no validation part.
    """

    divide_by: Annotated[float, Gt(1)] = 10.0
    at_most: Count = 3
    patience: Count = 3
    improvement: Annotated[float, Ge(0), Lt(1)] = 0.0
    validation: Annotated[float, Gt(0), Lt(1)] = 0.1


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How pictures become training examples (the 2012 paper, section 4.1).

    shorter_side: to which a picture is scaled before its central square is cut out; None for 256 where
    crops are of 224 to 256, else 8/7 of the crop. crops: at ``random`` places, or of the ``center``.
    flips: mirrored or not, both as likely. colour: deviation a of the shifts along the principal
    components of the training pixels, each as large as its eigenvalue times N(0, a), of pixels
    from 0 to 1; 0 for none.
    """

    shorter_side: Count | None = None
    crops: Literal["random", "center"] = "random"
    flips: bool = True
    colour: Annotated[float, Ge(0)] = 0.1
