"""What a report says of the plan: the rule of each pattern of layers, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dataflow.picoseconds import PS_PER_S
from reports import units
from reports.grid import Grid
from reports.plan_schema import PlanEntry, RuleEntry, SplitEntry


def rules(plan: PlanEntry) -> Grid:
    """A row for each pattern of layers."""
    rows = tuple(
        (f"`{pattern}`", _sharded(rule.shard) or "-", _where(rule), "; ".join(_besides(rule)) or "-")
        for pattern, rule in plan.layers.items()
    )
    mesh = ", ".join(f"{axis}: {length}" for axis, length in plan.mesh.items())
    note = f"mesh {{{mesh}}}; of the patterns that match a layer the last one holds"
    return Grid(
        "Plan", ("layers", "sharded", "on", "besides"), rows, left=("sharded", "on", "besides"), note=note
    )


def settings(plan: PlanEntry) -> Grid:
    """What the plan says of all layers together, where it says anything of it."""
    rows: list[tuple[str, str]] = []
    if plan.pipeline is not None:
        told = f"along {plan.pipeline.axis}, cut before {', '.join(plan.pipeline.cuts)}"
        rows.append(("pipeline", told))
    if plan.microbatches > 1:
        rows.append(("micro-batches", f"{plan.microbatches}, in the order {plan.order}"))
    for axis, shares in plan.shares.items():
        rows.append((f"shares of {axis}", " : ".join(map(str, shares))))
    if plan.bucket_bytes:
        rows.append(("gradient buckets", units.size(plan.bucket_bytes)))
    for kind, rule in plan.collectives.items():
        server = f" through {rule.server}" if rule.server else ""
        pieces = f" in {rule.pieces} pieces" if rule.pieces > 1 else ""
        rows.append((f"collective {kind}", f"{rule.algorithm}{server}{pieces}"))
    if plan.control.kind != "dataflow":
        spacing_ps = plan.control.spacing_ps
        spaced = f", every {units.duration(spacing_ps / PS_PER_S)} whatever is stored" if spacing_ps else ""
        rows.append(("control", f"{plan.control.kind}{spaced}"))
    for tensors, bank in plan.banks.items():
        rows.append((f"bank of {tensors}", bank))
    return Grid("Plan of all layers", ("what", "how"), tuple(rows), left=("how",))


def _sharded(shard: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{dimension} over {'+'.join(axes)}" for dimension, axes in shard.items())


def _where(split: SplitEntry) -> str:
    at = ", ".join(f"{axis} {place}" for axis, place in split.at.items())
    return ", ".join(split.on) or (f"the mesh at {at}" if at else "the mesh")


def _besides(rule: RuleEntry) -> Iterator[str]:
    for what, split in (("gradient", rule.gradient), ("update", rule.update)):
        if split is not None:
            yield f"{what} {_sharded(split.shard) or 'whole'} on {_where(split)}"
    if rule.microbatches is not None:
        yield f"{rule.microbatches} micro-batches"
    if rule.store:
        yield f"kept in shards: {_sharded(rule.store)}"
    if rule.recompute:
        yield "activations computed again"
