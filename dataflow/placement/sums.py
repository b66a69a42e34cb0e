"""Sums: how what several slices contribute to a tensor is added at each of its homes.

First within each memory, then between memories: by a collective where the pattern has a name,
and else by sends to each home and a sum there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dataflow.collectives import Collective
from dataflow.placement.contributions import Contribution, Delivery, Group, Home, Share
from dataflow.placement.copies import Copies, Wanted
from dataflow.placement.exchange import Exchange
from dataflow.placement.ledger import Context, Ledger, Parcel
from dataflow.placement.payload import Payload
from dataflow.placement.placed_task import Piece, Shard
from dataflow.region import Region
from dataflow.tensor import Tensor

Whys = Callable[[Sequence[int]], Context]
"""What a movement is for, when it is of these micro-batches."""

_Pattern = tuple[Collective, tuple[str, ...], str | None]
"""A kind of collective, its memories in order, and its root."""


@dataclass
class Sums:
    """Adds to a ledger the sums at homes and the transfers they need.

    written: the shard that a contribution was written to. bucket_bytes: see ``Plan``.
    """

    ledger: Ledger
    copies: Copies
    exchange: Exchange
    written: Callable[[Contribution], Shard]
    bucket_bytes: int
    _bucket: dict[_Pattern, list[Payload]] = field(default_factory=dict)
    _values: dict[tuple[str, int, str], Shard] = field(default_factory=dict)
    _local: dict[tuple[str, str, tuple[str, ...], Region], Shard] = field(default_factory=dict)

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
            self._sum_into(tensor, taken, why, microbatches, bucketed=bucketed)

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
            self._sum_into(partial, taken, why, (number,))
            parts += self.ledger.homes.pop(partial.name)
        for home in delivery.homes:
            local = [shard for shard in parts if shard.memory == home.memory]
            total = self.ledger.add_home(tensor, home.region, home.memory)
            self.ledger.add_sum(total, local, why(microbatches), home.processor)

    def _sum_into(
        self,
        tensor: Tensor,
        taken: Mapping[Home, tuple[Share, ...]],
        whys: Whys,
        microbatches: Sequence[int],
        *,
        bucketed: bool = False,
    ) -> None:
        """Sums at each home the shares it takes, which are of these micro-batches."""
        why = whys(microbatches)
        alone = _alone(taken)
        wanted: Wanted = {}
        regular: dict[tuple[str, ...], dict[Home, Mapping[str, Shard]]] = {}
        for home, shares in taken.items():
            final = len(shares) == 1 and id(shares[0][0]) in alone
            if final and self._added_apart(home, *shares[0]):
                parts = [self.written(each) for each in shares[0][0].contributions[home.memory]]
                self._sum_at(tensor, home, parts, why)
                continue
            addends = [self._value(tensor, group, memory, whys, final=final) for group, memory in shares]
            if final and addends[0].tensor.name == tensor.name:
                if addends[0].memory == home.memory:
                    self.ledger.make_home(addends[0])
                else:
                    wanted.setdefault((addends[0].name, home.region), {})[home.memory] = None
                continue
            whole = all(shard.region.contains(home.region) for shard in addends)
            memories = self.copies.ordered([shard.memory for shard in addends])
            if whole and len(memories) > 1 and home.memory in memories:
                regular.setdefault(memories, {})[home] = self._in_each_memory(tensor, home, addends, why)
            else:
                self._sum_at(tensor, home, addends, why)
        self.copies.copy(wanted, why, "", homes=True)
        for memories, homes in regular.items():
            for pattern, payloads in self._patterns(tensor, memories, homes, why).items():
                self._reduce(pattern, payloads, why, bucketed=bucketed)

    def _added_apart(self, home: Home, group: Group, memory: str) -> bool:
        """Whether each home of a group is added up by itself: several processors share the work of it.

        Micro-batches are added one after the other, by one of them.
        """
        return (
            memory == home.memory
            and home.processor != ""
            and home.region != group.region
            and len(self.ledger.hardware.processors_in(memory)) > 1
            and len(group.contributions[memory]) > 1
            and len(group.microbatches(memory)) == 1
        )

    def _value(self, tensor: Tensor, group: Group, memory: str, whys: Whys, *, final: bool) -> Shard:
        """The sum of a group's contributions in one memory; those of micro-batches one after another."""
        key = (tensor.name, id(group), memory)
        if key not in self._values:
            contributions = group.contributions[memory]
            shards = [self.written(contribution) for contribution in contributions]
            steps: dict[int, list[Shard]] = {}
            for contribution, shard in zip(contributions, shards, strict=True):
                steps.setdefault(contribution.microbatch, []).append(shard)
            total: list[Shard] = []
            for number, (microbatch, addends) in enumerate(steps.items()):
                if len(addends) + len(total) == 1:
                    total = addends
                    continue
                last = final and number == len(steps) - 1
                into = tensor if last else self.ledger.partial(tensor)
                result = self.ledger.add_shard(into, group.region, memory)
                self.ledger.add_sum(result, [*total, *addends], whys((microbatch,)))
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
            to = self.copies.between(why, shard.memory, home.memory)
            self.ledger.add_transfer(shard.memory, home.memory, [parcel], to)
            local.append(copy)
        total = self.ledger.add_home(tensor, home.region, home.memory)
        self.ledger.add_sum(total, local, why, home.processor)

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
        owners = self.copies.ordered({each[0].memory for each in by_region.values() if len(each) == 1})
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
