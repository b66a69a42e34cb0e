"""One point of the search: a mesh, stages, and how each block is split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dataflow.plan import ANY, Pipeline, Plan, Rule
from dataflow.planning.blocks import Block
from dataflow.planning.choice import STORED, Choice, rules_of

STAGE = "stage"
"""The mesh axis that stages go along."""

Mesh = tuple[tuple[str, int], ...]
"""Axes and their lengths, the last fastest."""


@dataclass(frozen=True)
class Candidate:
    """A plan as a search sees it.

    cuts: the block that each later stage begins with. choices: by decision, how blocks are split.
    stored: how many of ``STORED`` are kept in shards.
    """

    mesh: Mesh
    cuts: tuple[int, ...]
    microbatches: int
    choices: tuple[Choice, ...]
    stored: int = 0
    recompute: bool = False

    def with_choice(self, decision: int, choice: Choice) -> Candidate:
        """The same but for the split of one decision's blocks."""
        choices = (*self.choices[:decision], choice, *self.choices[decision + 1 :])
        return replace(self, choices=choices)

    def plan(self, given: Plan, blocks: Sequence[Block], inputs: Mapping[str, Sequence[str]]) -> Plan:
        """The plan that this stands for. given: what it leaves as it is, such as the collectives."""
        rules: dict[str, Rule] = {}
        for block in blocks:
            choice = self.choices[block.decision]
            rules |= rules_of(block, choice, inputs, self.stored, recompute=self.recompute)
        pipeline = (
            Pipeline(axis=STAGE, cuts=tuple(blocks[cut].first for cut in self.cuts)) if self.cuts else None
        )
        return replace(
            given,
            mesh=dict(self.mesh),
            layers=_with_default(rules),
            pipeline=pipeline,
            microbatches=self.microbatches,
        )

    def describe(self, blocks: Sequence[Block]) -> str:
        """What is split how, in one line: runs of blocks that are split alike together."""
        parts: list[str] = []
        index = 0
        while index < len(blocks):
            choice, last = self.choices[blocks[index].decision], index
            ends = {*self.cuts, len(blocks)}
            while last + 1 not in ends and self.choices[blocks[last + 1].decision] == choice:
                last += 1
            named = blocks[index].name if last == index else f"{blocks[index].name}..{blocks[last].name}"
            parts.append(f"{'| ' if index in self.cuts else ''}{named} {choice}")
            index = last + 1
        extra = [f"{self.microbatches} micro-batches"] if self.microbatches > 1 else []
        extra += [f"shards of {', '.join(STORED[: self.stored])}"] if self.stored else []
        extra += ["recomputed"] if self.recompute else []
        return "; ".join([", ".join(parts).replace(", |", " |"), *extra])

    @property
    def mesh_told(self) -> str:
        """The mesh in words."""
        return ", ".join(f"{axis}: {length}" for axis, length in self.mesh) or "1 processor"


def _with_default(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The same rules, the most common one for every layer that has none of its own."""
    count = Counter(repr(rule) for rule in rules.values())
    common = max(count, key=lambda text: count[text])
    found = {ANY: next(rule for rule in rules.values() if repr(rule) == common)}
    return found | {name: rule for name, rule in rules.items() if repr(rule) != common}
