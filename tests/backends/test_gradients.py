"""Gradient passes against finite differences, and the adjoint identity of linear ops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.ops import (
    ArgMax,
    AveragePooling,
    BatchNormalizationInference,
    Convolution,
    Dropout,
    FullyConnected,
    Linear,
    Loss,
    MomentumSgd,
    Op,
)
from tests.backends.cases import CASES
from tests.backends.running import Values, assert_close, random_values, run, run_forward

STEP = 1e-6

WITH_GRADIENT = [
    name
    for name, op in CASES.items()
    if not isinstance(op, MomentumSgd | ArgMax | BatchNormalizationInference)
]

LINEAR = [
    name
    for name, op in CASES.items()
    if isinstance(op, Convolution | FullyConnected | Linear | AveragePooling | Dropout)
]


def weighted_output(case: str, values: Values) -> float:
    """The sum of the output, each element times its gradient: the function to differentiate."""
    op = CASES[case]
    output = run_forward(backends.get("numpy"), op, values)["output"]
    if isinstance(op, Loss):
        return float(output.sum()) * op.scale / op.images
    return float((output * values["output.grad"]).sum())


def central_differences(case: str, values: Values, name: str) -> Array:
    """The derivative of ``weighted_output`` by each element of an operand."""
    derivative = np.zeros(values[name].shape)
    for index in np.ndindex(*derivative.shape):
        sides = []
        for step in (STEP, -STEP):
            moved = values[name].copy()
            moved[index] += step
            sides.append(weighted_output(case, {**values, name: moved}))
        derivative[index] = (sides[0] - sides[1]) / (2 * STEP)
    return derivative


@pytest.mark.parametrize("case", WITH_GRADIENT)
def test_gradients_are_the_derivatives(case: str) -> None:
    """Each gradient written, of input, weight and bias, is what moving each element a little gives.

    A central difference is off by the square of the step and by rounding over the step:
    1e-12 and 1e-16 / 1e-6, so 1e-7 leaves room for long sums.
    """
    op = CASES[case]
    values = random_values(op, seed=7)
    written = run(backends.get("numpy"), op, values)
    gradients = [name for name in written if name.endswith(".grad")]
    assert gradients
    for name in gradients:
        expected = central_differences(case, values, name.removesuffix(".grad"))
        assert_close(written[name], expected, 1e-7, name)


def without_constant(op: Op) -> Op:
    """The op without a constant added to its outputs: what is left is linear."""
    return replace(op, offset=0.0) if isinstance(op, Convolution | FullyConnected) else op


@pytest.mark.parametrize("case", LINEAR)
def test_input_gradient_is_the_adjoint_of_forward(case: str) -> None:
    """<A x, y> = <x, A* y>, A the forward pass without bias and A* the input gradient."""
    op = without_constant(CASES[case])
    values = random_values(op, seed=8)
    if "bias" in values:
        values["bias"][...] = 0
    written = run(backends.get("numpy"), op, values)
    forward = float((written["output"] * values["output.grad"]).sum())
    backward = float((values["input"] * written["input.grad"]).sum())
    assert forward == pytest.approx(backward, rel=1e-12)


@pytest.mark.parametrize("case", [name for name in LINEAR if "weight" in random_values(CASES[name], 0)])
def test_weight_gradient_is_the_adjoint_in_the_weight(case: str) -> None:
    """<A w, y> = <w, A* y>, where A takes weight and bias to the output."""
    op = without_constant(CASES[case])
    values = random_values(op, seed=9)
    written = run(backends.get("numpy"), op, values)
    forward = float((written["output"] * values["output.grad"]).sum())
    backward = sum(
        float((values[name] * written[f"{name}.grad"]).sum()) for name in ("weight", "bias") if name in values
    )
    assert forward == pytest.approx(backward, rel=1e-12)
