"""What the ReLUs and max poolings of a run chose in a step."""

from __future__ import annotations

import numpy as np

from dataflow.backend import Array
from dataflow.network import Network
from dataflow.ops import MaxPooling, Relu
from dataflow.placement import Shard
from dataflow.tensor import TensorKind


class RunChoices:
    """Keeps the values of a step that choices follow from: of ReLU outputs, whether they are above 0, and
    of max pooling inputs.

    shown: these tensors, by their names without version.
    """

    def __init__(self, network: Network, batch: int) -> None:
        ops = network.ops(batch)
        self._pooled = {network.inputs[name][0] for name, op in ops.items() if isinstance(op, MaxPooling)}
        rectified = {name for name, op in ops.items() if isinstance(op, Relu)}
        self.shown = frozenset(self._pooled | rectified)
        self._seen: dict[str, Array] = {}

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Is shown values as they are published; keeps those that it has to, put together."""
        tensor = shard.tensor
        if tensor.base not in self.shown or tensor.kind is not TensorKind.ACTIVATION:
            return
        pooled = tensor.base in self._pooled
        if name not in self._seen:
            self._seen[name] = np.empty(tensor.shape, array.dtype if pooled else np.bool_)
        place = shard.region.slices_within(tensor.region)
        self._seen[name][place] = array if pooled else array > 0

    def of(self, name: str) -> Array | None:
        """The values of a tensor, by its name in the run; None of one that no task of the run published."""
        return self._seen.get(name)

    def forget(self) -> None:
        """Another step begins."""
        self._seen.clear()
