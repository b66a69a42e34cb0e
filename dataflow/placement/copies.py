"""Copies: how values that are there reach those who need them.

Who needs what of whom is looked at for all memories together; where that is a pattern with a
name it becomes a collective and gets an algorithm, and else it stays sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dataflow.collectives import Collective
from dataflow.placement.contributions import Home
from dataflow.placement.exchange import Exchange
from dataflow.placement.ledger import Context, Ledger, Parcel
from dataflow.placement.parts import Parts
from dataflow.placement.payload import Payload
from dataflow.placement.placed_task import Piece, Shard
from dataflow.region import Region, RegionIndex, uncovered
from dataflow.tensor import Tensor

Wanted = dict[tuple[str, Region], dict[str, None]]
"""For a shard's name and a region of it the memories that need a copy."""


@dataclass
class Copies:
    """Adds to a ledger the transfers that bring regions of tensors from their homes to other memories."""

    ledger: Ledger
    parts: Parts
    exchange: Exchange
    _nearest: dict[tuple[tuple[str, ...], str], str] = field(default_factory=dict)

    def nearest(self, memories: Sequence[str], to: str) -> str:
        """Of several memories one in place, or that with the fewest hops, then mesh axes, between."""
        if to in memories:
            return to
        key = (tuple(memories), to)
        if key not in self._nearest:
            route = self.ledger.hardware.route
            self._nearest[key] = min(
                memories, key=lambda memory: (len(route(memory, to)), self.parts.distance(memory, to))
            )
        return self._nearest[key]

    def bring(
        self, tensor: Tensor, needs: Sequence[Home], why: Context, *, use: str = "", homes: bool = False
    ) -> None:
        """Copies to memories what they need of a tensor and lack; ``homes``: to be homes of it there."""
        lacking = self._lacking(tensor, needs, use)
        if not lacking:
            return
        by_region: dict[Region, dict[str, Shard]] = {}
        for shard in self.ledger.homes[tensor.name]:
            by_region.setdefault(shard.region, {})[shard.memory] = shard
        sources = list(by_region.items())
        index = RegionIndex([region for region, _ in sources])
        wanted: Wanted = {}
        for part, memory in lacking:
            missing: tuple[Region, ...] = (part,)
            for place in index.overlapping(part):
                region, shards = sources[place]
                common = [m.intersection(region) for m in missing]
                source = shards[self.nearest(tuple(shards), memory)]
                for piece in common:
                    if piece is not None:
                        wanted.setdefault((source.name, piece), {})[memory] = None
                missing = tuple(rest for m in missing for rest in m.difference(region))
        self.copy(wanted, why, use, homes=homes)

    def _lacking(self, tensor: Tensor, needs: Sequence[Home], use: str) -> list[tuple[Region, str]]:
        """The regions that are not in a memory that needs them, each once."""
        found: list[tuple[Region, str]] = []
        coming: dict[str, list[Region]] = {}
        for need in needs:
            held = [shard.region for shard in self.ledger.held(tensor, need.memory, use)]
            for part in uncovered(need.region, [*held, *coming.get(need.memory, ())]):
                coming.setdefault(need.memory, []).append(part)
                found.append((part, need.memory))
        return found

    def copy(self, wanted: Wanted, why: Context, use: str, *, homes: bool) -> None:
        """Makes copies of parts of shards: gathers and broadcasts among memories, or sends between two."""
        together: dict[tuple[str, ...], list[Payload]] = {}
        pairs: dict[tuple[str, str], list[Payload]] = {}
        for (name, region), memories in wanted.items():
            shard = self.ledger.shards[name]
            kept = tuple(memories) if homes else ()
            sources = {shard.memory: shard}
            if len(memories) == 1:
                (memory,) = memories
                payload = Payload(shard.tensor, region, sources, shard.memory, memory, kept, use)
                pairs.setdefault((shard.memory, memory), []).append(payload)
            else:
                payload = Payload(shard.tensor, region, sources, shard.memory, None, kept, use)
                together.setdefault(self.ordered([shard.memory, *memories]), []).append(payload)
        for group, payloads in together.items():
            owners = {payload.owner for payload in payloads}
            if len(owners) == 1:
                self.exchange.run(Collective.BROADCAST, group, payloads, why, root=payloads[0].owner)
            else:
                self.exchange.run(Collective.ALL_GATHER, group, payloads, why)
        everyone = self.ordered({memory for pair in pairs for memory in pair})
        if len(everyone) > 2 and len(pairs) == len(everyone) * (len(everyone) - 1):
            payloads = [payload for each in pairs.values() for payload in each]
            self.exchange.run(Collective.ALL_TO_ALL, everyone, payloads, why)
        else:
            for (source, destination), payloads in pairs.items():
                self._send(source, destination, payloads, why)

    def _send(self, source: str, destination: str, payloads: Sequence[Payload], why: Context) -> None:
        """One message of all that one memory needs of another."""
        parcels: list[Parcel] = []
        for payload in payloads:
            copy = self.ledger.add_shard(payload.into, payload.region, destination, use=payload.use)
            pieces = (Piece(payload.sources[source].name, payload.region),)
            parcels.append(Parcel(payload.region, pieces, copy))
            if payload.homes:
                self.ledger.make_home(copy)
        self.ledger.add_transfer(source, destination, parcels, self.between(why, source, destination))

    def between(self, why: Context, source: str, destination: str) -> Context:
        dimension = self.parts.dimension((source, destination))
        return Context(why.layer, why.phase, why.priority, why.after, why.collective, dimension)

    def ordered(self, memories: Sequence[str] | set[str]) -> tuple[str, ...]:
        """Each memory once, in the order of the machine."""
        there = set(memories)
        return tuple(memory for memory in self.ledger.hardware.memories if memory in there)
