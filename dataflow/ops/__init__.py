"""The kinds of computation, one file for each family; see ``base`` for what an op is."""

from dataflow.ops.attention import Attention
from dataflow.ops.base import (
    GRADIENT_SUFFIX,
    Op,
    Operand,
    Pass,
    Phase,
    Role,
    gradient_of,
)
from dataflow.ops.batch_normalization import (
    RUNNING_MEAN,
    RUNNING_VARIANCE,
    BatchNormalization,
    BatchNormalizationInference,
)
from dataflow.ops.convolution import Convolution
from dataflow.ops.elementwise import Dropout, Relu, Scale, Sigmoid, Tanh
from dataflow.ops.embedding import Embedding, PositionEmbedding
from dataflow.ops.finite_difference import Evaluated, FiniteDifference, Wire
from dataflow.ops.fully_connected import FullyConnected
from dataflow.ops.gelu import Gelu
from dataflow.ops.joining import Add, Concat
from dataflow.ops.layer_normalization import LayerNormalization
from dataflow.ops.linear import Linear
from dataflow.ops.loss import ArgMax, Loss, MeanSquaredError, SoftmaxCrossEntropy
from dataflow.ops.matmul import MatMul
from dataflow.ops.normalization import LocalResponseNormalization
from dataflow.ops.pooling import AveragePooling, GlobalPooling, MaxPooling
from dataflow.ops.reshape import Reshape
from dataflow.ops.softmax import Softmax
from dataflow.ops.update import MomentumSgd

KERNEL_OPS: tuple[type[Op], ...] = (
    Convolution,
    FullyConnected,
    MaxPooling,
    AveragePooling,
    GlobalPooling,
    BatchNormalization,
    BatchNormalizationInference,
    Add,
    Concat,
    Reshape,
    LocalResponseNormalization,
    Relu,
    Tanh,
    Sigmoid,
    Dropout,
    Scale,
    Linear,
    MatMul,
    Attention,
    Embedding,
    PositionEmbedding,
    LayerNormalization,
    Gelu,
    Softmax,
    SoftmaxCrossEntropy,
    MeanSquaredError,
    ArgMax,
    MomentumSgd,
)
"""Every op that a backend must have a kernel for, one for each of its passes; others are made of these."""

__all__ = [
    "GRADIENT_SUFFIX",
    "KERNEL_OPS",
    "RUNNING_MEAN",
    "RUNNING_VARIANCE",
    "Add",
    "ArgMax",
    "Attention",
    "AveragePooling",
    "BatchNormalization",
    "BatchNormalizationInference",
    "Concat",
    "Convolution",
    "Dropout",
    "Embedding",
    "Evaluated",
    "FiniteDifference",
    "FullyConnected",
    "Gelu",
    "GlobalPooling",
    "LayerNormalization",
    "Linear",
    "LocalResponseNormalization",
    "Loss",
    "MatMul",
    "MaxPooling",
    "MeanSquaredError",
    "MomentumSgd",
    "Op",
    "Operand",
    "Pass",
    "Phase",
    "PositionEmbedding",
    "Relu",
    "Reshape",
    "Role",
    "Scale",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Tanh",
    "Wire",
    "gradient_of",
]
