"""The kinds of computation, one file for each family; see ``base`` for what an op is."""

from dataflow.ops.base import (
    GRADIENT_SUFFIX,
    Op,
    Operand,
    Pass,
    Phase,
    Role,
    gradient_of,
)
from dataflow.ops.convolution import Convolution
from dataflow.ops.elementwise import Dropout, Relu, Sigmoid, Tanh
from dataflow.ops.fully_connected import FullyConnected
from dataflow.ops.loss import SoftmaxCrossEntropy
from dataflow.ops.normalization import LocalResponseNormalization
from dataflow.ops.pooling import AveragePooling, MaxPooling
from dataflow.ops.update import MomentumSgd

KERNEL_OPS: tuple[type[Op], ...] = (
    Convolution,
    FullyConnected,
    MaxPooling,
    AveragePooling,
    LocalResponseNormalization,
    Relu,
    Tanh,
    Sigmoid,
    Dropout,
    SoftmaxCrossEntropy,
    MomentumSgd,
)
"""Every op that a backend must have a kernel for, one for each of its passes."""

__all__ = [
    "GRADIENT_SUFFIX",
    "KERNEL_OPS",
    "AveragePooling",
    "Convolution",
    "Dropout",
    "FullyConnected",
    "LocalResponseNormalization",
    "MaxPooling",
    "MomentumSgd",
    "Op",
    "Operand",
    "Pass",
    "Phase",
    "Relu",
    "Role",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "Tanh",
    "gradient_of",
]
