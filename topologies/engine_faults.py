"""What the engine finds wrong in a network or a plan, at the line of the YAML that says it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from dataflow.conventions import initial_faults
from dataflow.errors import CheckError, NetworkError
from dataflow.hardware import Hardware
from dataflow.layers import Initial
from dataflow.network import DATA, LABEL, Network
from dataflow.ops import Op
from dataflow.placement.parts import Parts
from dataflow.plan import Plan
from dataflow.planning.contradictions import check_beside_auto
from topologies.tree import Fault, Keys, Node, Place

_LAYER = re.compile(r"layer '([^']+)'|in a cycle: (\S+)")
_STATE_DICT = re.compile(r"state_dict '([^']+)'")
_PLANNED = re.compile(r"(gradient of |update of )?layer '([^']+)' (on|shards|cannot)?")


def network_faults(network: Network, batch: int, root: Node) -> list[Fault]:
    """Layers that do not fit together for a batch. root: the network's tree."""
    layers = root.nearest(("layers",))
    reserved = [
        Fault(
            layers.mapping[name].place,
            f"network: layer {name!r}: the name stands for the batch; take another",
        )
        for name in (DATA, LABEL)
        if name in network.layers
    ]

    def place(text: str) -> Place:
        entry = _STATE_DICT.match(text)
        if entry:
            return root.nearest(("state_dict", entry[1])).blamed
        named = _LAYER.search(text)
        return layers.nearest((named[1] or named[2],)).blamed if named else layers.place

    return reserved or _found("network", lambda: network.ops(batch), place)


def training_faults(initial: Mapping[str, Initial], network: Network, root: Node) -> list[Fault]:
    """Patterns of ``training.initial`` that choose nothing. root: the experiment's tree."""
    return [
        Fault(root.nearest(("training", "initial", pattern)).blamed, f"training.initial: {text}")
        for pattern, text in initial_faults(initial, network.layers)
    ]


def plan_faults(
    plan: Plan, ops: Mapping[str, Op], hardware: Hardware, root: Node, *, automatic: bool
) -> list[Fault]:
    """What a plan asks for and cannot have. root: the experiment's tree. automatic: if it is searched."""

    def place(text: str) -> Place:
        return root.nearest(_planned(text)).blamed

    def check() -> None:
        if automatic:
            check_beside_auto(plan, hardware)
        else:
            Parts(plan, ops, hardware)

    found = _found("plan", check, place)
    machine = f"hardware {hardware.name!r}"
    where = root.nearest(("hardware", "processors")).place
    return [Fault(fault.place, fault.text.replace(machine, f"{machine} ({where})")) for fault in found]


def _planned(text: str) -> Keys:
    """The path in an experiment of what a message about its plan is about."""
    named = _PLANNED.search(text)
    if named:
        part = (named[1].split()[0],) if named[1] else ()
        field: tuple[str, ...] = {"on": ("on",), "shards": ("shard",), "cannot": ("shard",)}.get(named[3], ())
        return ("plan", "layers", named[2], *part, *field)
    if text.startswith("'auto' chooses"):
        return ("plan", "auto")
    return ("plan", "processors") if text.startswith(("processor ", "processors ")) else ("plan", "mesh")


def _found(product: str, check: Callable[[], object], place: Callable[[str], Place]) -> list[Fault]:
    """The faults that a check of the engine raises, each at its place."""
    try:
        check()
    except CheckError as error:
        texts = error.faults
    except NetworkError as error:
        texts = (str(error),)
    else:
        return []
    return [Fault(place(text), text if text.startswith(product) else f"{product}: {text}") for text in texts]
