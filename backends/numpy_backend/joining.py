"""Add, concat and reshape: kernels that only copy and add."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, blocks_of
from dataflow.backend import Array
from dataflow.ops import Add, Concat, Reshape, gradient_of


def add_forward(op: Add, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch) -> None:
    """Fills output = the sum of the inputs, added in their order."""
    arrays = [*(reads[name] for name in op.names), writes["output"]]
    for first, second, *others, total in blocks_of(arrays):
        np.add(first, second, out=total)
        for other in others:
            np.add(total, other, out=total)


def add_input_gradient(
    _op: Add, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills the gradient of each input that has one = output.grad."""
    for target in writes.values():
        np.copyto(target, reads["output.grad"])


def concat_forward(
    op: Concat, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills the channels of output with those of the inputs, one after another."""
    for name, start, stop in op.places:
        np.copyto(writes["output"][:, start:stop], reads[name])


def concat_input_gradient(
    op: Concat, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills the gradient of each input that has one = its channels of output.grad."""
    for name, start, stop in op.places:
        target = writes.get(gradient_of(name))
        if target is not None:
            np.copyto(target, reads["output.grad"][:, start:stop])


def reshape_forward(
    op: Reshape, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = the elements of input in row-major order of the logical shapes."""
    np.copyto(writes["output"], reads["input"].reshape(op.batch, *op.after))


def reshape_input_gradient(
    op: Reshape, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = the elements of output.grad in row-major order of the logical shapes."""
    np.copyto(writes["input.grad"], reads["output.grad"].reshape(op.batch, *op.before))
