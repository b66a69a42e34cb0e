"""A network: named layers that read one another, and what can be counted from that alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import networkx as nx

from dataflow.errors import CheckError, NetworkError
from dataflow.layers import Binding, Count, LayerSpec, Learned, LossLayer, Shape
from dataflow.numbers.number import element_bytes
from dataflow.ops import Loss, Op, Operand, Role
from dataflow.ops.axis import Whole
from dataflow.state_dict import state_dict_faults, state_dict_name

DATA = "data"
LABEL = "label"
WEIGHT = "weight"
"""The parameter that one layer may share with another."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """A network reads sequences of so many ``tokens``, numbers below its ``classes``."""

    tokens: Count


@dataclass(frozen=True, kw_only=True)
class Network:
    """Layers in the order they are written; a layer may name its inputs, so it is a DAG.

    input: (channels, height, width) of one image, or how many tokens one sequence has.
    classes: how many labels there are; of tokens, the vocabulary: the labels are the tokens
    that come next. normalized_together: of how many consecutive images batch normalisation
    takes the statistics where a layer does not say; of the whole batch when left out.
    state_dict: what layers are called in PyTorch's state dicts. A name that ends in ``*`` is the
    beginning of several; what the ``*`` stands for is looked up in turn, and taken as it is when
    it is not there: ``conv2_1_*: layer1.0.*`` and ``a_conv: conv1`` call conv2_1_a_conv layer1.0.conv1.
    """

    name: str
    input: tuple[Count, Count, Count] | Tokens
    classes: Count
    layers: Mapping[str, LayerSpec]
    normalized_together: Count | None = None
    state_dict: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    source: str = ""

    @property
    def input_shape(self) -> Shape:
        """Shape of one example: (channels, height, width) of an image, (positions,) of tokens."""
        return (self.input.tokens,) if isinstance(self.input, Tokens) else self.input

    @property
    def examples(self) -> str:
        """What a batch is made of: ``images`` or ``sequences``."""
        return "sequences" if isinstance(self.input, Tokens) else "images"

    @property
    def label_shape(self) -> Shape:
        """Shape of one example's labels: () of an image, (positions,) of tokens."""
        return self.input_shape if isinstance(self.input, Tokens) else ()

    def batch(self, count: int) -> tuple[Operand, Operand]:
        """The batch, ``data``, and its labels, ``label``, of so many examples."""
        batch = Whole("batch", count)
        if isinstance(self.input, Tokens):
            axes = (batch, Whole("position", self.input.tokens))
            return Operand(DATA, Role.INPUT, axes, "int32"), Operand(LABEL, Role.INPUT, axes, "int32")
        image = map(Whole, ("channel", "height", "width"), self.input)
        return Operand(DATA, Role.INPUT, (batch, *image)), Operand(LABEL, Role.INPUT, (batch,), "int32")

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
            faults += [
                f"layer {name!r} reads {source!r} twice; its gradient would be counted once"
                for source in dict.fromkeys(sources)
                if sources.count(source) > 1
            ]
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
        shapes: dict[str, Shape] = {DATA: self.input_shape}
        bound: dict[str, Op] = {}
        faults: list[str] = []
        for name in self.order:
            # What reads a layer that does not fit, or a loss, has no input to check.
            if all(source in shapes for source in self.inputs[name]):
                sources = tuple(shapes[source] for source in self.inputs[name])
                tokens = DATA in self.inputs[name] and isinstance(self.input, Tokens)
                binding = Binding(
                    name, batch, sources, self.classes, self.label_shape, tokens, self.normalized_together
                )
                try:
                    bound[name] = self.layers[name].bind(binding)
                except NetworkError as fault:
                    faults.append(str(fault))
                else:
                    if not isinstance(self.layers[name], LossLayer):
                        shapes[name] = bound[name].operand("output").shape[1:]
        faults += self._sharing_faults(bound)
        faults += self._ending_faults()
        faults += state_dict_faults(self.state_dict, bound)
        if faults:
            raise CheckError(f"network {self.name!r}", faults)
        return bound

    def state_dict_name(self, layer: str) -> str | None:
        """What a layer is called in PyTorch's state dicts, None when the network does not say."""
        return state_dict_name(self.state_dict, layer)

    @cached_property
    def shared_weights(self) -> Mapping[str, str]:
        """For each layer that uses another's weight, that other layer (``weight_of``)."""
        return {
            name: spec.weight_of
            for name, spec in self.layers.items()
            if isinstance(spec, Learned) and spec.weight_of is not None
        }

    def _sharing_faults(self, bound: Mapping[str, Op]) -> list[str]:
        """A weight is shared with a layer that has one of its own, of the same shape."""
        faults: list[str] = []
        weights = {
            name: operand.shape
            for name, op in bound.items()
            for operand in op.by_role(Role.PARAMETER)
            if operand.name == WEIGHT
        }
        for name, other in self.shared_weights.items():
            told = f"layer {name!r}: weight_of {other!r}"
            if other not in self.layers:
                faults.append(f"{told}, which is no layer (there are: {', '.join(self.layers)})")
            elif other in self.shared_weights:
                faults.append(f"{told}, which uses that of {self.shared_weights[other]!r}; name that one")
            elif other in bound and other not in weights:
                faults.append(f"{told}, which has no weight")
            elif other in bound and name in bound and weights.get(name) != weights[other]:
                faults.append(f"{told} has shape {weights[other]}, but {weights.get(name)} is needed")
        return faults

    def learned(self, layer: str) -> tuple[Operand, ...]:
        """The parameters of a layer that are its own, not another's, as operands for one image."""
        own = self._ops_of_one_image[layer].by_role(Role.PARAMETER)
        return tuple(o for o in own if o.name != WEIGHT or layer not in self.shared_weights)

    @cached_property
    def _ops_of_one_image(self) -> Mapping[str, Op]:
        return self.ops(1)

    def _ending_faults(self) -> list[str]:
        """A training step needs exactly one loss, at the end, and no layer that leads nowhere."""
        losses = [name for name, spec in self.layers.items() if isinstance(spec, LossLayer)]
        faults: list[str] = []
        if len(losses) != 1:
            found = ", ".join(losses) or "none"
            faults.append(
                f"needs exactly one loss, a softmax_cross_entropy or mean_squared_error layer, found: {found}"
            )
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
        """How many weights and biases a layer has of its own."""
        return sum(prod(operand.shape) for operand in self.learned(layer))

    @cached_property
    def parameter_count(self) -> int:
        """How many weights and biases the network has; what layers share counts once."""
        return sum(self.parameters(layer) for layer in self._ops_of_one_image)

    @cached_property
    def macs_per_image(self) -> int:
        """Multiply-accumulates of one image's forward pass."""
        return sum(op.macs for op in self._ops_of_one_image.values())

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
    given = network.batch(batch)
    simulator = sum(_bytes(operand, itemsize) for operand in given)
    caffe = sum(prod(operand.shape) for operand in given)
    for op in network.ops(batch).values():
        saved = {written for each in op.gradient_passes for written in each.writes}
        in_place = {written for each in op.forward_passes for written, _ in each.in_place}
        for operand in op.by_role(Role.OUTPUT, Role.SAVED, Role.RANDOM):
            if operand.name not in saved | in_place:
                simulator += _bytes(operand, itemsize)
                if operand.role is Role.OUTPUT and not isinstance(op, Loss):
                    caffe += prod(operand.shape)
    return {"simulator": simulator, "caffe": 4 * caffe}


def _bytes(operand: Operand, itemsize: int) -> int:
    return prod(operand.shape) * (element_bytes(operand.dtype) if operand.dtype else itemsize)
