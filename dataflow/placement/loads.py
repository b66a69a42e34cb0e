"""How the batch gets from host memory to where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dataflow.ops import Phase
from dataflow.placement.contributions import Home
from dataflow.placement.control import Control
from dataflow.placement.ledger import Context, Ledger, Parcel
from dataflow.placement.placed_task import Piece
from dataflow.region import Region, around
from dataflow.tensor import Tensor


class Loads:
    """Adds to a ledger the transfers that load what is needed of a batch."""

    def __init__(self, ledger: Ledger, control: Control) -> None:
        self._ledger = ledger
        self._hardware = ledger.hardware
        self._control = control

    def bring(self, tensor: Tensor, needs: Sequence[Home]) -> None:
        """Sees to it that what is needed of a batch is there."""
        for need in self._together(needs):
            self._load(tensor, need.region, need.memory)

    def _load(self, tensor: Tensor, region: Region, memory: str) -> None:
        """Has the next step's batch copied from the nearest host while this step's is read.

        The copy may begin once the batch before this one has been read for the last time
        (``finishing``), so a memory holds two batches. Where nothing is learned the batch
        is loaded by the step that reads it; and what a host itself reads needs no copy.
        """
        if any(shard.region.contains(region) for shard in self._ledger.held(tensor, memory)):
            return
        host = self._hardware.nearest_host(memory)
        if host == memory:
            self._ledger.make_home(self._ledger.add_shard(tensor, tensor.region, host, supplied=True))
            return
        loaded = replace(tensor, version=1) if self._ledger.graph.mode == "training" else tensor
        source = self._ledger.add_shard(loaded, tensor.region, host, supplied=True)
        self._ledger.add_home(tensor, region, memory)
        copy = self._ledger.add_shard(loaded, region, memory)
        why = Context(tensor.layer, Phase.LOAD, self._control.priority(Phase.LOAD, 0, 1))
        self._ledger.add_transfer(host, memory, [Parcel(region, (Piece(source.name, region),), copy)], why)

    def _together(self, needs: Sequence[Home]) -> list[Home]:
        """What is needed of a batch: in an address space, what overlaps as one box around it all."""
        found: list[Home] = []
        for need in needs:
            box = need
            if len(self._hardware.processors_in(need.memory)) > 1:
                while near := [each for each in found if _overlap(each, box)]:
                    found = [each for each in found if each not in near]
                    box = replace(box, region=around([box.region, *(each.region for each in near)]))
            found.append(box)
        return found


def _overlap(home: Home, other: Home) -> bool:
    return home.memory == other.memory and home.region.intersection(other.region) is not None
