"""The layers a network may have, each described by what a person would write of it.

``bind`` turns a description into an op once the batch and the shapes of the inputs
are known. Adding a kind of layer means one class here, one op, one kernel a pass.
"""

from dataflow.layers.base import Binding, Count, Initial, Inputs, Learned, Pair, Shape, Size, SizePair
from dataflow.layers.dense import FullyConnectedLayer, LossLayer
from dataflow.layers.elementwise import ActivationLayer, DropoutLayer
from dataflow.layers.image import (
    BatchNormalizationLayer,
    ConvolutionLayer,
    GlobalPoolingLayer,
    NormalizationLayer,
    PoolingLayer,
)
from dataflow.layers.joining import AddLayer, ConcatLayer, ReshapeLayer
from dataflow.layers.sequence import (
    AttentionLayer,
    EmbeddingLayer,
    GeluLayer,
    LayerNormalizationLayer,
    LinearLayer,
    MatMulLayer,
    PositionEmbeddingLayer,
    SequenceLayer,
    SoftmaxLayer,
)

LayerSpec = (
    ConvolutionLayer
    | FullyConnectedLayer
    | PoolingLayer
    | GlobalPoolingLayer
    | NormalizationLayer
    | BatchNormalizationLayer
    | ActivationLayer
    | DropoutLayer
    | AddLayer
    | ConcatLayer
    | ReshapeLayer
    | SequenceLayer
    | LossLayer
)
"""Any layer; its ``op`` says which."""

__all__ = [
    "ActivationLayer",
    "AddLayer",
    "AttentionLayer",
    "BatchNormalizationLayer",
    "Binding",
    "ConcatLayer",
    "ConvolutionLayer",
    "Count",
    "DropoutLayer",
    "EmbeddingLayer",
    "FullyConnectedLayer",
    "GeluLayer",
    "GlobalPoolingLayer",
    "Initial",
    "Inputs",
    "LayerNormalizationLayer",
    "LayerSpec",
    "Learned",
    "LinearLayer",
    "LossLayer",
    "MatMulLayer",
    "NormalizationLayer",
    "Pair",
    "PoolingLayer",
    "PositionEmbeddingLayer",
    "ReshapeLayer",
    "SequenceLayer",
    "Shape",
    "Size",
    "SizePair",
    "SoftmaxLayer",
]
