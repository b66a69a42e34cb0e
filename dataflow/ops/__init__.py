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
from dataflow.ops.batch_normalization import BatchNormalization
from dataflow.ops.convolution import Convolution
from dataflow.ops.elementwise import Dropout, Relu, Sigmoid, Tanh
from dataflow.ops.embedding import Embedding, PositionEmbedding
from dataflow.ops.fully_connected import FullyConnected
from dataflow.ops.gelu import Gelu
from dataflow.ops.joining import Add, Concat
from dataflow.ops.layer_normalization import LayerNormalization
from dataflow.ops.linear import Linear
from dataflow.ops.loss import SoftmaxCrossEntropy
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
    Add,
    Concat,
    Reshape,
    LocalResponseNormalization,
    Relu,
    Tanh,
    Sigmoid,
    Dropout,
    Linear,
    MatMul,
    Attention,
    Embedding,
    PositionEmbedding,
    LayerNormalization,
    Gelu,
    Softmax,
    SoftmaxCrossEntropy,
    MomentumSgd,
)
"""Every op that a backend must have a kernel for, one for each of its passes."""

__all__ = [
    "GRADIENT_SUFFIX",
    "KERNEL_OPS",
    "Add",
    "Attention",
    "AveragePooling",
    "BatchNormalization",
    "Concat",
    "Convolution",
    "Dropout",
    "Embedding",
    "FullyConnected",
    "Gelu",
    "GlobalPooling",
    "LayerNormalization",
    "Linear",
    "LocalResponseNormalization",
    "MatMul",
    "MaxPooling",
    "MomentumSgd",
    "Op",
    "Operand",
    "Pass",
    "Phase",
    "PositionEmbedding",
    "Relu",
    "Reshape",
    "Role",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Tanh",
    "gradient_of",
]
