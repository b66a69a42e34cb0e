"""The plans that a search may try: all of them, good ones to begin with, and the neighbours of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, product
from math import comb, prod

from dataflow.errors import CheckError
from dataflow.experiment import Experiment
from dataflow.ops import Role
from dataflow.plan import Plan
from dataflow.planning.auto import AutoPlan, SplitName
from dataflow.planning.blocks import blocks_of
from dataflow.planning.candidate import STAGE, Candidate, Mesh
from dataflow.planning.choice import STORED, Choice, choices
from dataflow.planning.contradictions import check_beside_auto

MOST_MICROBATCHES = 32
_PER_STAGE = 4
"""Micro-batches a stage to begin with: the bubble is then less than a fifth."""


class Space:
    """The plans for an experiment. Raises CheckError when what it fixes leaves nothing to choose."""

    def __init__(self, experiment: Experiment, auto: AutoPlan) -> None:
        check_beside_auto(experiment.plan, experiment.hardware)
        self.auto = auto
        self.given = experiment.plan
        self.batch = experiment.training.batch
        self.ops = experiment.network.ops(self.batch)
        self.inputs = experiment.network.inputs
        self.blocks = blocks_of(experiment.network, self.ops)
        self.decisions = max(block.decision for block in self.blocks) + 1
        processors = len(experiment.plan.processors or experiment.hardware.processors)
        self.meshes = tuple(self._meshes(processors))
        stages = dict(self.meshes[0]).get(STAGE, 1)
        if stages > len(self.blocks):
            fault = (
                f"mesh axis {STAGE!r} has {stages} stages, but the network only {len(self.blocks)} blocks; "
                "make it shorter"
            )
            raise CheckError(f"automatic plan for hardware {experiment.hardware.name!r}", [fault])
        self._choices: dict[Mesh, tuple[tuple[Choice, ...], ...]] = {}

    def plan(self, candidate: Candidate) -> Plan:
        """The plan that a candidate stands for."""
        return candidate.plan(self.given, self.blocks, self.inputs)

    # -- what there is ------------------------------------------------------------------

    def _meshes(self, processors: int) -> Iterator[Mesh]:
        """The shapes of the mesh: as it is given, or processors in one axis, in two, in stages."""
        if self.given.mesh:
            yield tuple(self.given.mesh.items())
            return
        most = len(self.blocks) if self.auto.pipeline else 1
        for stages in (n for n in range(1, most + 1) if processors % n == 0):
            staged: Mesh = ((STAGE, stages),) if stages > 1 else ()
            each = processors // stages
            yield (*staged, *((("worker", each),) if each > 1 else ()))
            for data in (n for n in range(2, each) if each % n == 0):
                yield (*staged, ("data", data), ("model", each // data))

    def choices_of(self, mesh: Mesh) -> tuple[tuple[Choice, ...], ...]:
        """For each decision the ways to split its blocks on a mesh."""
        if mesh not in self._choices:
            axes = {axis: length for axis, length in mesh if axis != STAGE and length > 1}
            first = {block.decision: block for block in reversed(self.blocks)}
            self._choices[mesh] = tuple(
                choices(first[decision], axes, self.auto.splits) for decision in range(self.decisions)
            )
        return self._choices[mesh]

    def microbatches(self, mesh: Mesh) -> tuple[int, ...]:
        """The numbers of micro-batches to try on a mesh: more than one in stages only, powers of two."""
        if self.given.microbatches > 1 or STAGE not in dict(mesh):
            return (self.given.microbatches,)
        most = min(MOST_MICROBATCHES, self.batch)
        return tuple(2**power for power in range(most.bit_length()) if 2**power <= most)

    @property
    def _memory_choices(self) -> list[tuple[int, bool]]:
        stored = range(len(STORED) + 1) if self.auto.store else (0,)
        return list(product(stored, (False, True) if self.auto.recompute else (False,)))

    @property
    def size(self) -> int:
        """How many candidates there are."""
        return len(self._memory_choices) * sum(
            prod(map(len, self.choices_of(mesh)))
            * comb(len(self.blocks) - 1, dict(mesh).get(STAGE, 1) - 1)
            * len(self.microbatches(mesh))
            for mesh in self.meshes
        )

    def all(self) -> Iterator[Candidate]:
        """Every candidate."""
        for mesh in self.meshes:
            cuts = combinations(range(1, len(self.blocks)), dict(mesh).get(STAGE, 1) - 1)
            for cut, count, chosen, (stored, recompute) in product(
                cuts, self.microbatches(mesh), product(*self.choices_of(mesh)), self._memory_choices
            ):
                yield Candidate(mesh, cut, count, chosen, stored, recompute)

    # -- where to begin -------------------------------------------------------------------

    def starts(self) -> Iterator[Candidate]:
        """Plans that people use: by batch, by channel, a mixture of both, by rows, on one processor."""
        for mesh in self.meshes:
            for wanted in self._strategies(mesh):
                yield self.candidate(mesh, wanted)

    def data_parallel(self) -> Candidate | None:
        """The batch over all processors alone; None where it cannot be, or may not."""
        found = self.candidate(self.meshes[0], [("batch",)] * self.decisions)
        return found if all(choice.names == ("batch",) for choice in found.choices) else None

    def candidate(self, mesh: Mesh, wanted: Sequence[tuple[SplitName, ...]]) -> Candidate:
        """Splits that are wanted, or the first there is instead. wanted: by decision, best first."""
        chosen = tuple(
            _first(names, there) for names, there in zip(wanted, self.choices_of(mesh), strict=True)
        )
        return self.staged(mesh, chosen)

    def staged(self, mesh: Mesh, chosen: tuple[Choice, ...]) -> Candidate:
        """A candidate in stages of about equal work and with a good number of micro-batches."""
        stages = dict(mesh).get(STAGE, 1)
        counts = self.microbatches(mesh)
        microbatches = max((n for n in counts if n <= _PER_STAGE * stages), default=counts[0])
        return Candidate(mesh, self._balanced(stages), microbatches, chosen)

    def _strategies(self, mesh: Mesh) -> Iterator[list[tuple[SplitName, ...]]]:
        ends = {self.blocks[-1].decision, self.blocks[-2].decision} if len(self.blocks) > 1 else set()
        by_size: list[tuple[SplitName, ...]] = [
            ("channel", "replicated") if self._is_heavy(decision) else ("batch",)
            for decision in range(self.decisions)
        ]
        yield [("batch",)] * self.decisions
        yield by_size
        yield [("one",) if d in ends else ("channel", "replicated") for d in range(self.decisions)]
        yield [("tensor", "channel", "replicated")] * self.decisions
        yield [("height", "position", "one")] * self.decisions
        if mesh == self.meshes[0]:
            yield [("one",)] * self.decisions

    def _is_heavy(self, decision: int) -> bool:
        """Whether a block has more parameters than activations, so that these are cheaper to move."""
        block = next(block for block in self.blocks if block.decision == decision)
        weights = sum(prod(o.shape) for op in block.ops.values() for o in op.by_role(Role.PARAMETER))
        written = [prod(op.operand("output").shape) for op in block.products.values()]
        return weights > sum(written)

    def _balanced(self, stages: int) -> tuple[int, ...]:
        """Cuts that leave each stage about the same share of all multiplications, and a block at least."""
        work = [1 + sum(op.macs for op in block.ops.values()) for block in self.blocks]
        cuts: list[int] = []
        for stage in range(1, stages):
            target = sum(work) * stage / stages
            first, last = (cuts[-1] if cuts else 0) + 1, len(work) - (stages - stage)
            cuts.append(min(range(first, last + 1), key=lambda cut: abs(sum(work[:cut]) - target)))
        return tuple(cuts)

    # -- neighbours -----------------------------------------------------------------------

    def neighbourhoods(self) -> Iterator[tuple[int, int]]:
        """The first and the last of the decisions to change together: each alone, then more and more."""
        for length in range(1, self.decisions + 1):
            for first in range(self.decisions - length + 1):
                yield first, first + length - 1

    def changed(self, candidate: Candidate, first: int, last: int) -> Iterator[Candidate]:
        """The candidate with some consecutive decisions made alike in every possible way."""
        there = self.choices_of(candidate.mesh)
        alike = dict.fromkeys(choice for decision in range(first, last + 1) for choice in there[decision])
        for choice in alike:
            found = candidate
            for decision in range(first, last + 1):
                if choice in there[decision]:
                    found = found.with_choice(decision, choice)
            if found != candidate:
                yield found

    def restaged(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate with one stage's first block, or the number of micro-batches, changed."""
        for index, cut in enumerate(candidate.cuts):
            before = candidate.cuts[index - 1] if index else 0
            after = candidate.cuts[index + 1] if index + 1 < len(candidate.cuts) else len(self.blocks)
            for moved in (cut - 1, cut + 1):
                if before < moved < after:
                    cuts = (*candidate.cuts[:index], moved, *candidate.cuts[index + 1 :])
                    yield replace(candidate, cuts=cuts)
        counts = self.microbatches(candidate.mesh)
        place = counts.index(candidate.microbatches)
        for count in (*counts[max(0, place - 1) : place], *counts[place + 1 : place + 2]):
            yield replace(candidate, microbatches=count)

    def stored_otherwise(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate with more or less kept in shards, or recomputed."""
        for stored, recompute in self._memory_choices:
            if (stored, recompute) != (candidate.stored, candidate.recompute):
                yield replace(candidate, stored=stored, recompute=recompute)


def _first(names: Sequence[SplitName], there: Sequence[Choice]) -> Choice:
    """The first of these splits that there is; over two axes the batch along the first, if it can be."""
    for name in names:
        for wanted in (("batch", name), (name,)):
            for choice in there:
                if choice.names == wanted:
                    return choice
    return there[0]
