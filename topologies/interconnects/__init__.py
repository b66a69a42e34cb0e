"""Generators of interconnects: pure functions from parameters to switches and edges.

Each is a document of one ``kind`` with a method ``wiring``; a new one is a class here and its
name in ``Interconnect``.
"""

from topologies.interconnects.direct import (
    AllToAllDocument,
    MatchingDocument,
    MeshDocument,
    RingDocument,
    TorusDocument,
)
from topologies.interconnects.dragonfly import DragonflyDocument
from topologies.interconnects.fat_tree import FatTreeDocument
from topologies.interconnects.pcie_tree import PcieTreeDocument
from topologies.interconnects.star import CardsDocument, SwitchDocument
from topologies.interconnects.wiring import Edge, Wiring

Interconnect = (
    SwitchDocument
    | CardsDocument
    | AllToAllDocument
    | MatchingDocument
    | RingDocument
    | MeshDocument
    | TorusDocument
    | PcieTreeDocument
    | FatTreeDocument
    | DragonflyDocument
)
"""Every kind there is; ``kind`` tells them apart."""

__all__ = ["Edge", "Interconnect", "Wiring"]
