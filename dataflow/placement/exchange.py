"""Collectives as transfers and sums: the moves of an algorithm carried out on shards.

An algorithm of ``dataflow.collectives`` moves numbered chunks between numbered ranks. Here
ranks are memories and chunks are regions of tensors, so that each move becomes one message of
the placed graph. It contends, overlaps and computes like every other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dataflow.collectives import ALGORITHMS, Collective, Move, best, lower, ring_order
from dataflow.collectives.lowering import PARTED
from dataflow.errors import PlanError
from dataflow.placement.ledger import Context, Ledger, Parcel
from dataflow.placement.parts import Parts
from dataflow.placement.placed import Piece, Shard
from dataflow.placement.plan_faults import AUTO, DIRECT, SERVER
from dataflow.plan import CollectiveRule, Plan
from dataflow.region import Region, share_of
from dataflow.tensor import Tensor

HIERARCHICAL = "hierarchical"
SUMMING = (Collective.ALL_REDUCE, Collective.REDUCE_SCATTER, Collective.REDUCE)


@dataclass(frozen=True)
class Payload:
    """A region of one tensor that goes through a collective.

    into: the tensor that comes out. sources: by memory the shard it goes in from; all of them
    when it is summed, else one. owner: the memory whose part it is, of a collective in which
    each has its own. target: of an all-to-all the memory it is for. homes: the memories in
    which what comes out is a home of its tensor. use: see ``Ledger.add_shard``.
    """

    into: Tensor
    region: Region
    sources: Mapping[str, Shard]
    owner: str | None = None
    target: str | None = None
    homes: tuple[str, ...] = ()
    use: str = ""

    @property
    def bytes(self) -> int:
        """Bytes of the region."""
        return self.region.size * self.into.itemsize


@dataclass(frozen=True)
class _Holding:
    """What a rank holds of a parcel of a chunk: a shard, and the ranks whose contributions are in it."""

    shard: Shard
    of: frozenset[int]


_Chunk = list[tuple[Payload, Region]]


class Exchange:
    """Carries out collectives by a plan on a machine."""

    def __init__(self, ledger: Ledger, plan: Plan, parts: Parts) -> None:
        self.ledger = ledger
        self.hardware = ledger.hardware
        self.plan = plan
        self.parts = parts
        self._rings: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._chosen: dict[object, tuple[str, int, tuple[str, ...]]] = {}

    def run(
        self,
        kind: Collective,
        memories: Sequence[str],
        payloads: Sequence[Payload],
        why: Context,
        root: str | None = None,
    ) -> None:
        """Adds the transfers and sums of one collective among memories, of some payloads together."""
        algorithm, pieces, ranks = self._choose(kind, tuple(memories), payloads, root)
        groups = self._groups(ranks) if algorithm == HIERARCHICAL else None
        at = ranks.index(root) if root is not None else 0
        lowering = lower(kind, algorithm, len(ranks), root=at, pieces=pieces, groups=groups)
        rule = self._rule(kind, memories)
        nodes = (*ranks, rule.server) if algorithm == SERVER and rule.server else ranks
        label = replace(
            why, collective=f"{kind.value} {algorithm}", dimension=self.parts.dimension(list(memories))
        )
        chunks = _chunks(kind, lowering.chunks, ranks, payloads)
        message = _Messages(self.ledger, nodes, len(ranks), chunks, summing=kind in SUMMING)
        for move in lowering.moves:
            message.send(move, label)
        message.finish(label)

    def _choose(
        self, kind: Collective, memories: tuple[str, ...], payloads: Sequence[Payload], root: str | None
    ) -> tuple[str, int, tuple[str, ...]]:
        """The algorithm, how many pieces, and the memories in the order of their ranks."""
        rule = self._rule(kind, memories)
        sizes = _sizes(kind, memories, payloads)
        key = (kind, memories, sizes, root)
        if key not in self._chosen:
            ranks = self._ring(memories)
            if rule.algorithm != AUTO:
                self._chosen[key] = rule.algorithm, rule.pieces, ranks
            else:
                if isinstance(sizes, tuple):
                    sizes = _sizes(kind, ranks, payloads)
                algorithm, pieces = best(
                    kind,
                    len(ranks),
                    sizes,
                    lambda source, destination: self.hardware.hop(ranks[source], ranks[destination]),
                    root=ranks.index(root) if root is not None else 0,
                    groups=self._groups(ranks),
                )
                self._chosen[key] = algorithm, pieces, ranks
        return self._chosen[key]

    def _rule(self, kind: Collective, memories: Sequence[str]) -> CollectiveRule:
        """The plan's rule; else by predicted time where a library adds on the way, and else direct."""
        processors = [self.hardware.processors.get(memory) for memory in memories]
        library = all(processor is not None and processor.reduces for processor in processors)
        usual = CollectiveRule(algorithm=AUTO if library else DIRECT)
        rule = self.plan.collective(kind.value)
        if rule is None or rule.algorithm == AUTO:
            return rule or usual
        # A rule for all kinds is for those it serves, and for groups that are in several machines.
        serves = rule.algorithm in ALGORITHMS[kind]
        if not serves or (rule.algorithm == HIERARCHICAL and self._groups(memories) is None):
            return usual
        if rule.server in memories:
            raise PlanError(
                f"plan: {kind.value} goes through the server {rule.server!r}, which takes part itself; "
                "name another memory, such as the host's"
            )
        return replace(rule, pieces=1) if kind is Collective.ALL_TO_ALL else rule

    def _ring(self, memories: tuple[str, ...]) -> tuple[str, ...]:
        """The memories in the order in which each best sends to the next."""
        if memories not in self._rings:
            order = ring_order(range(len(memories)), lambda a, b: self.hardware.hop(memories[a], memories[b]))
            self._rings[memories] = tuple(memories[rank] for rank in order)
        return self._rings[memories]

    def _groups(self, ranks: Sequence[str]) -> tuple[tuple[int, ...], ...] | None:
        """The ranks in each machine, when there are several with as many each."""
        found: dict[str, list[int]] = {}
        for rank, memory in enumerate(ranks):
            processor = self.hardware.processors.get(memory)
            found.setdefault(processor.node if processor else "", []).append(rank)
        sizes = {len(group) for group in found.values()}
        if len(found) < 2 or len(sizes) != 1 or sizes == {1}:
            return None
        return tuple(tuple(group) for group in found.values())


class _Messages:
    """The state of one collective: what every rank holds of every chunk."""

    def __init__(
        self, ledger: Ledger, nodes: Sequence[str], ranks: int, chunks: Sequence[_Chunk], *, summing: bool
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

    def send(self, move: Move, why: Context) -> None:
        """Carries out a move: one message of all its chunks; nothing when they are empty."""
        source, destination = self.nodes[move.source], self.nodes[move.destination]
        processor = self.ledger.hardware.processors.get(destination)
        on_the_way = processor is None or processor.reduces
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
                    to = self.ledger.add_shard(sent.shard.tensor, region, destination)
                    parcels.append(Parcel(region, piece, to))
                    self.received.setdefault((move.destination, index, number), {})[move.source] = to
                elif own is None or on_the_way:
                    to = self._result(payload, region, of, sent, destination, summed=own is not None)
                    parcels.append(Parcel(region, piece, to, own.shard if own else None))
                else:
                    copy = self.ledger.add_shard(sent.shard.tensor, region, destination)
                    parcels.append(Parcel(region, piece, copy))
                    to = self._result(payload, region, of, sent, destination, summed=True)
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
        memory: str,
        *,
        summed: bool,
    ) -> Shard:
        """The shard that arrives, or is summed: of the tensor itself once every contribution is in it."""
        if not self.summing or of == self.everyone:
            tensor = payload.into
        else:
            tensor = self.ledger.partial(payload.into) if summed else sent.shard.tensor
        return self.ledger.add_shard(tensor, region, memory, use=payload.use)

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


def _sizes(kind: Collective, memories: Sequence[str], payloads: Sequence[Payload]) -> int | tuple[int, ...]:
    """Bytes of a collective, as ``dataflow.collectives`` wants them."""
    if kind is Collective.ALL_TO_ALL:
        sizes = dict.fromkeys(((i, j) for i in memories for j in memories), 0)
        for payload in payloads:
            assert payload.owner is not None
            assert payload.target is not None
            sizes[payload.owner, payload.target] += payload.bytes
        return tuple(sizes.values())
    if kind in PARTED:
        parts = dict.fromkeys(memories, 0)
        for payload in payloads:
            assert payload.owner is not None
            parts[payload.owner] += payload.bytes
        return tuple(parts.values())
    return sum(payload.bytes for payload in payloads)


def _chunks(kind: Collective, count: int, ranks: Sequence[str], payloads: Sequence[Payload]) -> list[_Chunk]:
    """Which regions of the payloads make up each chunk."""
    if kind is Collective.ALL_TO_ALL:
        pairs: list[_Chunk] = [[] for _ in range(count)]
        for payload in payloads:
            assert payload.owner is not None
            assert payload.target is not None
            index = ranks.index(payload.owner) * len(ranks) + ranks.index(payload.target)
            pairs[index].append((payload, payload.region))
        return pairs
    if kind in PARTED:
        pieces = count // len(ranks)
        return [
            chunk
            for memory in ranks
            for chunk in _cut([payload for payload in payloads if payload.owner == memory], pieces)
        ]
    return _cut(payloads, count)


def _cut(payloads: Sequence[Payload], count: int) -> list[_Chunk]:
    """Payloads one after the other, cut into so many chunks of nearly equal size.

    A single payload is cut along an axis that so many divide, if there is one.
    """
    chunks: list[_Chunk] = [[] for _ in range(count)]
    whole = sum(payload.region.size for payload in payloads)
    before = 0
    for payload in payloads:
        axis = _axis(payload.region, count)
        if axis is None:
            chunks[min(count - 1, before * count // max(1, whole))].append((payload, payload.region))
        else:
            start, stop = payload.region.ranges[axis]
            row = payload.region.size // (stop - start)
            cuts = [
                min(stop, max(start, start + round((whole * index / count - before) / row)))
                if len(payloads) > 1
                else share_of((start, stop), (1,) * count, index)[0]
                for index in range(count)
            ]
            for index, (first, last) in enumerate(zip(cuts, [*cuts[1:], stop], strict=True)):
                if first < last:
                    chunks[index].append((payload, _with_range(payload.region, axis, (first, last))))
        before += payload.region.size
    return chunks


def _axis(region: Region, count: int) -> int | None:
    """The axis to cut a region along: the first that so many divide, else the longest; None for a scalar."""
    if not region.ranges:
        return None
    shape = region.shape
    even = [axis for axis, extent in enumerate(shape) if extent % count == 0]
    return even[0] if even else shape.index(max(shape))


def _with_range(region: Region, axis: int, within: tuple[int, int]) -> Region:
    ranges = list(region.ranges)
    ranges[axis] = within
    return Region(tuple(ranges))
