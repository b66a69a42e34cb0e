"""How values reach those who need them: copies of what is there, and sums of what was contributed.

Who needs what of whom is looked at for all memories together; where that is a pattern with a
name it becomes a collective and gets an algorithm, and else it stays sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dataflow.collectives import Collective
from dataflow.placement.contributions import Contribution, Delivery, Group, Home, Share
from dataflow.placement.exchange import Exchange, Payload
from dataflow.placement.ledger import Context, Ledger, Parcel
from dataflow.placement.parts import Parts
from dataflow.placement.placed import Piece, Shard
from dataflow.region import Region, RegionIndex, uncovered
from dataflow.tensor import Tensor

Wanted = dict[tuple[str, Region], dict[str, None]]
"""For a shard's name and a region of it the memories that need a copy."""

Whys = Callable[[Sequence[int]], Context]
"""What a movement is for, when it is of these micro-batches."""

_Pattern = tuple[Collective, tuple[str, ...], str | None]
"""A kind of collective, its memories in order, and its root."""


@dataclass
class Movement:
    """Adds transfers, sums and collectives to a ledger.

    written: the shard that a contribution was written to. bucket_bytes: see ``Plan``.
    """

    ledger: Ledger
    parts: Parts
    exchange: Exchange
    written: Callable[[Contribution], Shard]
    bucket_bytes: int
    _bucket: dict[_Pattern, list[Payload]] = field(default_factory=dict)
    _values: dict[tuple[str, int, str], Shard] = field(default_factory=dict)
    _local: dict[tuple[str, str, tuple[str, ...], Region], Shard] = field(default_factory=dict)
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

    # -- copies -----------------------------------------------------------------------

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
                shard = shards[self.nearest(tuple(shards), memory)] if any(common) else None
                for piece in common:
                    if piece is not None and shard is not None:
                        wanted.setdefault((shard.name, piece), {})[memory] = None
                missing = tuple(rest for m in missing for rest in m.difference(region))
        self._copy(wanted, why, use, homes=homes)

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

    def _copy(self, wanted: Wanted, why: Context, use: str, *, homes: bool) -> None:
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
                together.setdefault(self._ordered([shard.memory, *memories]), []).append(payload)
        for group, payloads in together.items():
            owners = {payload.owner for payload in payloads}
            if len(owners) == 1:
                self.exchange.run(Collective.BROADCAST, group, payloads, why, root=payloads[0].owner)
            else:
                self.exchange.run(Collective.ALL_GATHER, group, payloads, why)
        everyone = self._ordered({memory for pair in pairs for memory in pair})
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
        self.ledger.add_transfer(source, destination, parcels, self._between(why, source, destination))

    def _between(self, why: Context, source: str, destination: str) -> Context:
        dimension = self.parts.dimension((source, destination))
        return Context(why.layer, why.phase, why.priority, why.after, why.collective, dimension)

    def _ordered(self, memories: Sequence[str] | set[str]) -> tuple[str, ...]:
        """Each memory once, in the order of the machine."""
        there = set(memories)
        return tuple(memory for memory in self.ledger.hardware.memories if memory in there)

    # -- sums -------------------------------------------------------------------------

    def deliver(self, tensor: Tensor, delivery: Delivery, why: Whys, *, bucketed: bool = False) -> None:
        """Sums at each home of a tensor what is contributed to it; each micro-batch as soon as it can be."""
        separate = {group.microbatch for shares in delivery.taken.values() for group, _ in shares}
        if len(separate) > 1:
            self._deliver_scattered(tensor, delivery, why, sorted(n for n in separate if n is not None))
            return
        together: dict[tuple[int, ...], dict[Home, tuple[Share, ...]]] = {}
        for home, shares in delivery.taken.items():
            numbers = sorted({n for group, memory in shares for n in group.microbatches(memory)})
            together.setdefault(tuple(numbers), {})[home] = shares
        for microbatches, taken in together.items():
            self._sum_into(tensor, taken, why(microbatches), bucketed=bucketed)

    def _deliver_scattered(
        self, tensor: Tensor, delivery: Delivery, why: Whys, microbatches: Sequence[int]
    ) -> None:
        """Sums each micro-batch's contributions at the homes, and what came of them there."""
        parts: list[Shard] = []
        for number in microbatches:
            partial = self.ledger.partial(tensor)
            taken = {
                home: tuple(share for share in shares if share[0].microbatch == number)
                for home, shares in delivery.taken.items()
            }
            self._sum_into(partial, taken, why((number,)))
            parts += self.ledger.homes.pop(partial.name)
        for home in delivery.homes:
            local = [shard for shard in parts if shard.memory == home.memory]
            total = self.ledger.add_home(tensor, home.region, home.memory)
            self.ledger.add_sum(total, local, why(microbatches))

    def _sum_into(
        self, tensor: Tensor, taken: Mapping[Home, tuple[Share, ...]], why: Context, *, bucketed: bool = False
    ) -> None:
        alone = _alone(taken)
        wanted: Wanted = {}
        regular: dict[tuple[str, ...], dict[Home, Mapping[str, Shard]]] = {}
        for home, shares in taken.items():
            final = len(shares) == 1 and id(shares[0][0]) in alone
            addends = [self._value(tensor, group, memory, why, final=final) for group, memory in shares]
            if final and addends[0].tensor.name == tensor.name:
                if addends[0].memory == home.memory:
                    self.ledger.make_home(addends[0])
                else:
                    wanted.setdefault((addends[0].name, home.region), {})[home.memory] = None
                continue
            whole = all(shard.region.contains(home.region) for shard in addends)
            memories = self._ordered([shard.memory for shard in addends])
            if whole and len(memories) > 1 and home.memory in memories:
                regular.setdefault(memories, {})[home] = self._in_each_memory(tensor, home, addends, why)
            else:
                self._sum_at(tensor, home, addends, why)
        self._copy(wanted, why, "", homes=True)
        for memories, homes in regular.items():
            for pattern, payloads in self._patterns(tensor, memories, homes, why).items():
                self._reduce(pattern, payloads, why, bucketed=bucketed)

    def _value(self, tensor: Tensor, group: Group, memory: str, why: Context, *, final: bool) -> Shard:
        """The sum of a group's contributions in one memory; those of micro-batches one after another."""
        key = (tensor.name, id(group), memory)
        if key not in self._values:
            contributions = group.contributions[memory]
            shards = [self.written(contribution) for contribution in contributions]
            steps: dict[int, list[Shard]] = {}
            for contribution, shard in zip(contributions, shards, strict=True):
                steps.setdefault(contribution.microbatch, []).append(shard)
            total: list[Shard] = []
            for number, addends in enumerate(steps.values()):
                if len(addends) + len(total) == 1:
                    total = addends
                    continue
                last = final and number == len(steps) - 1
                into = tensor if last else self.ledger.partial(tensor)
                result = self.ledger.add_shard(into, group.region, memory)
                self.ledger.add_sum(result, [*total, *addends], why)
                total = [result]
            self._values[key] = total[0]
        return self._values[key]

    def _in_each_memory(
        self, tensor: Tensor, home: Home, addends: Sequence[Shard], why: Context
    ) -> Mapping[str, Shard]:
        """One addend for each memory: what several in one memory have of a home is added there first."""
        found: dict[str, list[Shard]] = {}
        for shard in addends:
            found.setdefault(shard.memory, []).append(shard)
        one: dict[str, Shard] = {}
        for memory, shards in found.items():
            if len(shards) == 1:
                one[memory] = shards[0]
                continue
            key = (tensor.name, memory, tuple(shard.name for shard in shards), home.region)
            if key not in self._local:
                total = self.ledger.add_shard(self.ledger.partial(tensor), home.region, memory)
                self.ledger.add_sum(total, shards, why)
                self._local[key] = total
            one[memory] = self._local[key]
        return one

    def _sum_at(self, tensor: Tensor, home: Home, addends: Sequence[Shard], why: Context) -> None:
        """Sends to a home what each addend has of it, and sums it there."""
        local: list[Shard] = []
        for shard in addends:
            region = shard.region.intersection(home.region)
            assert region is not None
            if shard.memory == home.memory:
                local.append(shard)
                continue
            copy = self.ledger.add_shard(shard.tensor, region, home.memory)
            parcel = Parcel(region, (Piece(shard.name, region),), copy)
            to = self._between(why, shard.memory, home.memory)
            self.ledger.add_transfer(shard.memory, home.memory, [parcel], to)
            local.append(copy)
        self.ledger.add_sum(self.ledger.add_home(tensor, home.region, home.memory), local, why)

    def _patterns(
        self,
        tensor: Tensor,
        memories: tuple[str, ...],
        homes: Mapping[Home, Mapping[str, Shard]],
        why: Context,
    ) -> dict[_Pattern, list[Payload]]:
        """The collectives that sum, from addends in these memories, what these homes take of them."""
        found: dict[_Pattern, list[Payload]] = {}
        by_region: dict[Region, list[Home]] = {}
        for home in homes:
            by_region.setdefault(home.region, []).append(home)
        owners = self._ordered({each[0].memory for each in by_region.values() if len(each) == 1})
        for region, each in by_region.items():
            at = tuple(home.memory for home in each)
            sources = homes[each[0]]
            if len(at) == len(memories):
                found.setdefault((Collective.ALL_REDUCE, memories, None), []).append(
                    Payload(tensor, region, sources, homes=at)
                )
            elif len(at) == 1 and len(owners) > 1:
                found.setdefault((Collective.REDUCE_SCATTER, memories, None), []).append(
                    Payload(tensor, region, sources, owner=at[0], homes=at)
                )
            elif len(at) == 1:
                found.setdefault((Collective.REDUCE, memories, at[0]), []).append(
                    Payload(tensor, region, sources, homes=at)
                )
            else:
                for home in each:
                    self._sum_at(tensor, home, list(homes[home].values()), why)
        return found

    def _reduce(self, pattern: _Pattern, payloads: list[Payload], why: Context, *, bucketed: bool) -> None:
        """Runs a collective that sums, or keeps it in a bucket until that is full."""
        if not bucketed or not self.bucket_bytes:
            kind, memories, root = pattern
            self.exchange.run(kind, memories, payloads, why, root)
            return
        bucket = self._bucket.setdefault(pattern, [])
        bucket += payloads
        if sum(payload.bytes for payload in bucket) >= self.bucket_bytes:
            self._empty(pattern, why)

    def _empty(self, pattern: _Pattern, why: Context) -> None:
        kind, memories, root = pattern
        self.exchange.run(kind, memories, self._bucket.pop(pattern), why, root)

    def flush(self, why: Context) -> None:
        """Sends what is still in buckets."""
        for pattern in list(self._bucket):
            self._empty(pattern, why)


def _alone(taken: Mapping[Home, tuple[Share, ...]]) -> set[int]:
    """The ids of groups that are all there is at every home that takes them."""
    groups = {id(group) for shares in taken.values() for group, _ in shares}
    shared = {
        id(group)
        for home, shares in taken.items()
        for group, _ in shares
        if len(shares) > 1 or not group.region.contains(home.region)
    }
    return groups - shared
