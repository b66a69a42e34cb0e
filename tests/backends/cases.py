"""One small op or two of every kind, chosen so that nothing about them is symmetric."""

from __future__ import annotations

from dataflow.ops import (
    Add,
    ArgMax,
    AveragePooling,
    BatchNormalization,
    BatchNormalizationInference,
    Concat,
    Convolution,
    Dropout,
    FullyConnected,
    GlobalPooling,
    LocalResponseNormalization,
    MaxPooling,
    MeanSquaredError,
    MomentumSgd,
    Op,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from dataflow.ops.axis import equal_blocks
from tests.backends.sequence_cases import SEQUENCE_CASES

_WEIGHT_LABELS = ("channel", "in_channel", "kernel_height", "kernel_width")

CASES: dict[str, Op] = {
    "convolution": Convolution(2, 3, 6, 7, 4, 3, (3, 2), (1, 1), ((1, 1), (0, 1)), equal_blocks(3, 4, 1)),
    "convolution_strided_groups": Convolution(
        2, 4, 8, 9, 6, 2, (3, 2), (2, 3), ((1, 0), (0, 1)), equal_blocks(4, 6, 2)
    ),
    "convolution_one_by_one": Convolution(
        2, 3, 4, 3, 2, 3, (1, 1), (1, 1), ((0, 0), (0, 0)), equal_blocks(3, 2, 1), bias=False
    ),
    "convolution_stride_beyond_kernel": Convolution(
        1, 2, 9, 8, 3, 2, (2, 1), (4, 3), ((1, 1), (0, 0)), equal_blocks(2, 3, 1)
    ),
    "fully_connected": FullyConnected(3, (4,), 5),
    "convolution_constant_bias": Convolution(
        2, 2, 5, 4, 3, 2, (2, 3), (1, 1), ((0, 1), (1, 0)), equal_blocks(2, 3, 1), bias=False, offset=0.25
    ),
    "fully_connected_constant_bias": FullyConnected(3, (4,), 5, bias=False, offset=-0.5),
    "fully_connected_image": FullyConnected(3, (2, 3, 4), 5, bias=False),
    "max_pooling": MaxPooling(2, 3, 7, 9, (3, 3), (2, 2), ((0, 0), (0, 0))),
    "max_pooling_padded": MaxPooling(2, 3, 6, 7, (3, 2), (2, 1), ((1, 1), (1, 0))),
    "average_pooling": AveragePooling(2, 3, 6, 7, (2, 2), (2, 2), ((0, 0), (0, 0))),
    "average_pooling_padded": AveragePooling(2, 3, 6, 7, (3, 2), (2, 1), ((1, 0), (0, 1))),
    "max_pooling_hanging_over": MaxPooling(2, 3, 6, 7, (2, 3), (2, 3), ((0, 0), (1, 1))),
    "global_pooling": GlobalPooling((2, 3, 4, 5), 20),
    "normalization": LocalResponseNormalization(2, 7, 7, 3, 4, 5, 0.2, 0.75, 2.0, equal_blocks(7, 7, 1)),
    "normalization_groups": LocalResponseNormalization(
        2, 8, 8, 3, 4, 5, 0.3, 0.6, 1.0, equal_blocks(8, 8, 2)
    ),
    "batch_normalization": BatchNormalization((4, 3, 2, 5), 4, 40),
    "batch_normalization_groups": BatchNormalization((6, 5), 3, 3, epsilon=0.1),
    "batch_normalization_inference": BatchNormalizationInference((2, 3, 4, 5), 0.1),
    "batch_normalization_inference_features": BatchNormalizationInference((3, 5)),
    "add": Add((2, 3, 4, 5)),
    "add_three": Add((3, 4), 3),
    "concat": Concat(2, (("input0", 3), ("input1", 1), ("input2", 2)), (4, 5)),
    "concat_features": Concat(3, (("input0", 2), ("input1", 4))),
    "reshape": Reshape(2, (3, 4, 5), (6, 10)),
    "reshape_to_image": Reshape(3, (12,), (3, 2, 2)),
    "relu": Relu((2, 3, 4, 5)),
    "tanh": Tanh((3, 4)),
    "sigmoid": Sigmoid((2, 3, 4, 5)),
    "dropout": Dropout((3, 8)),
    "scale": Scale((2, 3, 4, 5), 0.75),
    "dropout_inverted": Dropout((2, 3, 4, 5), 0.25, inverted=True),
    "softmax_cross_entropy": SoftmaxCrossEntropy(4, 5, 4),
    "softmax_cross_entropy_slice": SoftmaxCrossEntropy(2, 5, 6),
    "softmax_cross_entropy_base_2": SoftmaxCrossEntropy(4, 5, 4, base=2),
    "softmax_cross_entropy_scaled": SoftmaxCrossEntropy(2, 5, 6, scale=3.0),
    "mean_squared_error": MeanSquaredError(4, 5, 4),
    "mean_squared_error_slice": MeanSquaredError(2, 5, 6, scale=6.0),
    "argmax": ArgMax(4, 5),
    "momentum_sgd": MomentumSgd(_WEIGHT_LABELS, (4, 3, 2, 2), 0.1, 0.9, 0.05),
    "momentum_sgd_bias": MomentumSgd(("channel",), (5,), 0.2, 0.5, 0.0),
    "momentum_sgd_scaled": MomentumSgd(("channel",), (5,), 0.2, 0.5, 0.1, scale=16.0),
    "momentum_sgd_decay_outside": MomentumSgd(
        _WEIGHT_LABELS, (4, 3, 2, 2), 0.1, 0.9, 0.05, scale=2.0, decay_outside=True
    ),
    "momentum_sgd_rate_outside": MomentumSgd(
        _WEIGHT_LABELS, (4, 3, 2, 2), 0.1, 0.9, 0.05, scale=2.0, rate_outside=True
    ),
    "momentum_sgd_both_outside": MomentumSgd(
        ("channel",), (5,), 0.2, 0.5, 0.1, decay_outside=True, rate_outside=True
    ),
    "plain_sgd": MomentumSgd(_WEIGHT_LABELS, (4, 3, 2, 2), 0.1, 0.0, 0.05),
    "plain_sgd_scaled": MomentumSgd(("channel",), (5,), 0.2, 0.0, 0.0, scale=16.0),
    **SEQUENCE_CASES,
}
"""By the name of their golden tensors."""
