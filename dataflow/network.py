"""A network: named layers that read one another, and what can be counted from that alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import networkx as nx

from dataflow.errors import CheckError, NetworkError
from dataflow.layers import Binding, Count, LayerSpec, LossLayer, Shape
from dataflow.ops import Op, Role

DATA = "data"
LABEL = "label"


@dataclass(frozen=True, kw_only=True)
class Network:
    """Layers in the order they are written; a layer may name its inputs, so it is a DAG.

    input: (channels, height, width) of one image. classes: how many labels there are.
    """

    name: str
    input: tuple[Count, Count, Count]
    classes: Count
    layers: Mapping[str, LayerSpec]
    description: str = ""
    source: str = ""

    @cached_property
    def inputs(self) -> Mapping[str, tuple[str, ...]]:
        """For each layer the names of what it reads: layers or ``data``."""
        read: dict[str, tuple[str, ...]] = {}
        before = DATA
        for name, spec in self.layers.items():
            named = spec.input
            read[name] = (before,) if named is None else (named,) if isinstance(named, str) else named
            before = name
        return read

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Layers so that each comes after what it reads; among equals as written.

        Raises CheckError listing unknown inputs and names that are taken, NetworkError for a cycle.
        """
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.layers)
        faults = [
            f"layer {name!r} has the name of the batch; {DATA!r} and {LABEL!r} are reserved"
            for name in self.layers
            if name in (DATA, LABEL)
        ]
        faults += [
            f"layer {name!r} has '.' or '@' in its name, which tensors' names are made with"
            for name in self.layers
            if "." in name or "@" in name
        ]
        for name, sources in self.inputs.items():
            for source in sources:
                if source == DATA:
                    continue
                if source not in self.layers:
                    known = ", ".join([DATA, *self.layers])
                    faults.append(f"layer {name!r} reads {source!r}, which is no layer (there are: {known})")
                else:
                    graph.add_edge(source, name)
        if faults:
            raise CheckError(f"network {self.name!r}", faults)
        if not nx.is_directed_acyclic_graph(graph):
            loop = " -> ".join([edge[0] for edge in nx.find_cycle(graph)])
            raise NetworkError(
                f"network {self.name!r}: layers read one another in a cycle: {loop} -> ...; "
                "a layer may only read layers that do not depend on it"
            )
        position = {name: index for index, name in enumerate(self.layers)}
        return tuple(nx.lexicographical_topological_sort(graph, key=position.__getitem__))

    def ops(self, batch: int) -> dict[str, Op]:
        """The op of each layer for a batch, in ``order``. Raises CheckError listing all faults."""
        shapes: dict[str, Shape] = {DATA: self.input}
        bound: dict[str, Op] = {}
        faults: list[str] = []
        for name in self.order:
            # What reads a layer that does not fit has no input to check.
            if all(source in shapes for source in self.inputs[name]):
                sources = tuple(shapes[source] for source in self.inputs[name])
                try:
                    bound[name] = self.layers[name].bind(Binding(name, batch, sources, self.classes))
                except NetworkError as fault:
                    faults.append(str(fault))
                else:
                    shapes[name] = bound[name].operand("output").shape[1:]
        faults += self._ending_faults()
        if faults:
            raise CheckError(f"network {self.name!r}", faults)
        return bound

    def _ending_faults(self) -> list[str]:
        """A training step needs exactly one loss, at the end, and no layer that leads nowhere."""
        losses = [name for name, spec in self.layers.items() if isinstance(spec, LossLayer)]
        faults: list[str] = []
        if len(losses) != 1:
            found = ", ".join(losses) or "none"
            faults.append(f"needs exactly one softmax_cross_entropy layer, found: {found}")
        read = {source for sources in self.inputs.values() for source in sources}
        faults += [
            f"layer {name!r} is read by nothing; only the loss may end the network"
            for name in self.layers
            if name not in read and name not in losses
        ]
        faults += [
            f"layer {name!r} is a loss, but is read by another layer" for name in losses if name in read
        ]
        return faults

    def parameters(self, layer: str) -> int:
        """How many weights and biases a layer has."""
        return sum(prod(o.shape) for o in self.ops(1)[layer].by_role(Role.PARAMETER))

    @cached_property
    def parameter_count(self) -> int:
        """How many weights and biases the network has."""
        return sum(prod(o.shape) for op in self.ops(1).values() for o in op.by_role(Role.PARAMETER))

    @cached_property
    def macs_per_image(self) -> int:
        """Multiply-accumulates of one image's forward pass."""
        return sum(op.macs for op in self.ops(1).values())

    @property
    def forward_flop_per_image(self) -> int:
        """Two for each multiply-accumulate."""
        return 2 * self.macs_per_image


def activation_bytes(network: Network, batch: int, itemsize: int) -> dict[str, int]:
    """Bytes of a batch's activations, in two ways of counting.

    ``simulator``: the batch, its labels and every buffer the forward pass writes (saved
    ones, dropout masks and the loss included); an op that may work in place adds none.
    ``caffe``: what Caffe v0.999 prints as "Memory required for Data": 4 bytes for every
    element of every top blob counted once, data and labels included; in-place layers and
    the loss add none.
    """
    images = prod(network.input) * batch
    simulator = images * itemsize + batch * 4
    caffe = images + batch
    for op in network.ops(batch).values():
        forward = op.passes[0]
        for operand in op.by_role(Role.OUTPUT, Role.SAVED, Role.RANDOM):
            shared = any(written == operand.name for written, _ in forward.in_place)
            if not shared:
                width = 1 if operand.dtype == "uint8" else itemsize
                simulator += prod(operand.shape) * width
                if operand.role is Role.OUTPUT and op.kind != "softmax_cross_entropy":
                    caffe += prod(operand.shape)
    return {"simulator": simulator, "caffe": 4 * caffe}
