"""The moves of one collective carried out on shards: one message and, where it adds, one sum each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataflow.collectives import Move
from dataflow.placement.ledger import Context, Ledger, Parcel
from dataflow.placement.payload import Chunk, Payload
from dataflow.placement.placed_task import Piece, Shard
from dataflow.region import Region


@dataclass(frozen=True)
class _Holding:
    """What a rank holds of a parcel of a chunk: a shard, and the ranks whose contributions are in it."""

    shard: Shard
    of: frozenset[int]


class Messages:
    """The state of one collective: what every rank holds of every chunk."""

    def __init__(
        self, ledger: Ledger, nodes: Sequence[str], ranks: int, chunks: Sequence[Chunk], *, summing: bool
    ) -> None:
        self.ledger = ledger
        self.nodes = nodes
        self.everyone = frozenset(range(ranks))
        self.chunks = chunks
        self.summing = summing
        self.holding: dict[tuple[int, int], list[_Holding]] = {}
        for index, chunk in enumerate(chunks):
            for rank in range(ranks):
                shards = [payload.sources.get(nodes[rank]) for payload, _ in chunk]
                held = [_Holding(shard, frozenset((rank,))) for shard in shards if shard is not None]
                if held:
                    self.holding[rank, index] = held
        self.own = dict(self.holding)
        self.received: dict[tuple[int, int, int], dict[int, Shard]] = {}
        self.passing = ledger.next_exchange()

    def send(self, move: Move, why: Context) -> None:
        """Carries out a move: one message of all its chunks; nothing when they are empty."""
        source, destination = self.nodes[move.source], self.nodes[move.destination]
        hardware = self.ledger.hardware
        on_the_way = hardware.reduces(destination) or not hardware.processors_in(destination)
        parcels: list[Parcel] = []
        sums: list[tuple[Shard, tuple[Shard, Shard]]] = []
        for index in move.chunks:
            given = (self.own if move.own else self.holding).get((move.source, index), [])
            before = self.holding.get((move.destination, index), []) if move.adds else []
            after: list[_Holding] = []
            for number, sent in enumerate(given):
                payload, region = self.chunks[index][number]
                own = before[number] if before else None
                of = sent.of | own.of if own else sent.of
                piece = (Piece(sent.shard.name, region),)
                if move.own and own is not None:
                    # Everyone adds in the same order, so that replicas stay equal to the last bit.
                    to = self.ledger.add_shard(sent.shard.tensor, region, destination, use=self.passing)
                    parcels.append(Parcel(region, piece, to))
                    self.received.setdefault((move.destination, index, number), {})[move.source] = to
                elif own is None or on_the_way:
                    to = self._result(payload, region, of, sent, move.destination, summed=own is not None)
                    parcels.append(Parcel(region, piece, to, own.shard if own else None))
                else:
                    copy = self.ledger.add_shard(sent.shard.tensor, region, destination, use=self.passing)
                    parcels.append(Parcel(region, piece, copy))
                    to = self._result(payload, region, of, sent, move.destination, summed=True)
                    sums.append((to, (own.shard, copy)))
                after.append(_Holding(to, of))
            if after:
                self.holding[move.destination, index] = after
        if parcels:
            self.ledger.add_transfer(source, destination, parcels, why)
        for total, addends in sums:
            self.ledger.add_sum(total, addends, why)

    def _result(
        self,
        payload: Payload,
        region: Region,
        of: frozenset[int],
        sent: _Holding,
        rank: int,
        *,
        summed: bool,
    ) -> Shard:
        """The shard that arrives, or is summed: of the tensor itself once every contribution is in it.

        What only passes through a memory, which has no need of it, is nothing that others may use.
        """
        memory = self.nodes[rank]
        if not self.summing or of == self.everyone:
            tensor = payload.into
        else:
            tensor = self.ledger.partial(payload.into) if summed else sent.shard.tensor
        if self.summing:
            settles = tensor == payload.into and memory in payload.homes
        else:
            settles = memory == payload.target if payload.target else rank in self.everyone
        use = payload.use if settles else self.passing
        return self.ledger.add_shard(tensor, region, memory, use=use)

    def finish(self, why: Context) -> None:
        """Adds what was received as others contributed it, and notes which of what comes out are homes."""
        for (rank, index, number), shards in self.received.items():
            payload, region = self.chunks[index][number]
            addends = shards | {rank: self.own[rank, index][number].shard}
            total = self.ledger.add_shard(payload.into, region, self.nodes[rank])
            self.ledger.add_sum(total, [addends[each] for each in sorted(addends)], why)
            self.holding[rank, index][number] = _Holding(total, frozenset(addends))
        for index, chunk in enumerate(self.chunks):
            for number, (payload, _) in enumerate(chunk):
                for memory in payload.homes:
                    self.ledger.make_home(self.holding[self.nodes.index(memory), index][number].shard)
