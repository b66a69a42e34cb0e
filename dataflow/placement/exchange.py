"""Collectives as transfers and sums: the moves of an algorithm carried out on shards.

An algorithm of ``dataflow.collectives`` moves numbered chunks between numbered ranks. Here
ranks are memories and chunks are regions of tensors, so that each move becomes one message of
the placed graph. It contends, overlaps and computes like every other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from dataflow.collectives import ALGORITHMS, Collective, Way, best, lower, ring_order
from dataflow.errors import PlanError
from dataflow.placement.ledger import Context, Ledger
from dataflow.placement.messages import Messages
from dataflow.placement.parts import Parts
from dataflow.placement.payload import Payload, chunks_of, sizes_of
from dataflow.placement.plan_faults import AUTO, DIRECT, SERVER
from dataflow.plan import CollectiveRule, Plan

HIERARCHICAL = "hierarchical"
SUMMING = (Collective.ALL_REDUCE, Collective.REDUCE_SCATTER, Collective.REDUCE)


class Exchange:
    """Carries out collectives by a plan on a machine."""

    def __init__(self, ledger: Ledger, plan: Plan, parts: Parts) -> None:
        self.ledger = ledger
        self.hardware = ledger.hardware
        self.plan = plan
        self.parts = parts
        self._ways: dict[tuple[str, str], Way] = {}
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
        chunks = chunks_of(kind, lowering.chunks, ranks, payloads)
        message = Messages(self.ledger, nodes, len(ranks), chunks, summing=kind in SUMMING)
        for move in lowering.moves:
            message.send(move, label)
        message.finish(label)

    def _choose(
        self, kind: Collective, memories: tuple[str, ...], payloads: Sequence[Payload], root: str | None
    ) -> tuple[str, int, tuple[str, ...]]:
        """The algorithm, how many pieces, and the memories in the order of their ranks."""
        rule = self._rule(kind, memories)
        sizes = sizes_of(kind, memories, payloads)
        key = (kind, memories, sizes, root)
        if key not in self._chosen:
            ranks = self._ring(memories)
            if rule.algorithm != AUTO:
                self._chosen[key] = rule.algorithm, rule.pieces, ranks
            else:
                if isinstance(sizes, tuple):
                    sizes = sizes_of(kind, ranks, payloads)
                algorithm, pieces = best(
                    kind,
                    len(ranks),
                    sizes,
                    lambda source, destination: self._way(ranks[source], ranks[destination]),
                    root=ranks.index(root) if root is not None else 0,
                    groups=self._groups(ranks),
                )
                self._chosen[key] = algorithm, pieces, ranks
        return self._chosen[key]

    def _rule(self, kind: Collective, memories: Sequence[str]) -> CollectiveRule:
        """The plan's rule; else by predicted time where a library adds on the way, and else direct."""
        library = all(self.hardware.reduces(memory) for memory in memories)
        usual = CollectiveRule(algorithm=AUTO if library else DIRECT)
        rule = self.plan.collective(kind.value)
        if rule is None or rule.algorithm == AUTO:
            return rule or usual
        if rule.algorithm not in ALGORITHMS[kind]:
            return usual  # The rule is for all kinds, and this algorithm does not serve each.
        if rule.algorithm == HIERARCHICAL and self._groups(memories) is None:
            machines = Counter(self.hardware.node_of(memory) for memory in memories)
            if len(machines) > 1 and kind.value in self.plan.collectives:
                each = ", ".join(map(str, machines.values()))
                raise PlanError(
                    f"plan: {kind.value} is to be {rule.algorithm}, but its processors are not as many in "
                    f"each machine ({each}); take another algorithm"
                )
            return usual
        if rule.server in memories:
            raise PlanError(
                f"plan: {kind.value} goes through the server {rule.server!r}, which takes part itself; "
                "name another memory, such as the host's"
            )
        return replace(rule, pieces=1) if kind is Collective.ALL_TO_ALL else rule

    def _way(self, source: str, destination: str) -> Way:
        """How long a message takes on a route, and of which links it uses up how much."""
        if (source, destination) not in self._ways:
            links = self.hardware.route(source, destination)

            @cache
            def way(size_bytes: int) -> tuple[int, tuple[tuple[str, int], ...]]:
                """The time alone, and of each link the time that is not left to others."""
                taken_ps = self.hardware.transfer_ps(size_bytes, source, destination)
                used = [
                    taken_ps if link.sharing == "fifo" else round(link.occupied_ps(size_bytes))
                    for link in links
                ]
                return taken_ps, tuple((link.channel, ps) for link, ps in zip(links, used, strict=True))

            self._ways[source, destination] = way
        return self._ways[source, destination]

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
            found.setdefault(self.hardware.node_of(memory), []).append(rank)
        sizes = {len(group) for group in found.values()}
        if len(found) < 2 or len(sizes) != 1 or sizes == {1}:
            return None
        return tuple(tuple(group) for group in found.values())
