"""Whether a network fits a machine of cores and banks: findings in words, tables, JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from dataflow.feasibility import Feasibility
from dataflow.placement import Need, Unsupported
from reports import fit_findings, units
from reports.alike import alike, names, span, unnumbered
from reports.fit_findings import amount
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

Json = dict[str, Any]

_ROWS = 24
_PARTS = 3


def show_fit(found: Feasibility) -> RenderableType:
    """The verdict and what is behind it, what does not fit, how full the rest is; for ``rich.print``."""
    verdict = fit_findings.verdict(found)
    style = "bold green" if found.feasible else "bold red"
    findings = [Text.assemble("- ", finding) for finding in fit_findings.findings(found)]
    grids = (over(found), unsupported(found), used(found))
    tables = [Padding(grid.first(_ROWS).rich(), (1, 0, 0, 0)) for grid in grids if grid.rows]
    return Group(Text(verdict, style=style), *findings, *tables)


def fit_markdown(found: Feasibility) -> str:
    """The same as a page."""
    parts = [f"# {found.network} on {found.hardware}", f"**{fit_findings.verdict(found)}**"]
    parts.append("\n".join(f"- {finding}" for finding in fit_findings.findings(found)))
    for grid in (over(found), unsupported(found), used(found)):
        if grid.rows:
            note = f"\n\n{grid.note[0].upper()}{grid.note[1:]}." if grid.note else ""
            parts.append(f"## {grid.title}\n\n{grid.markdown()}{note}")
    return "\n\n".join(parts) + "\n"


def fit_json(found: Feasibility) -> Json:
    """The same for programs: every core and bank with what it needs, and the time if all fitted."""
    return {
        "feasible": found.feasible,
        "findings": [fit_findings.verdict(found), *fit_findings.findings(found)],
        "cores": [_need_json(need) for need in found.fit.cores],
        "banks": [_need_json(need) for need in found.fit.banks],
        "memories": [
            {"name": name, "needed_bytes": needed, "capacity_bytes": capacity}
            for name, (needed, capacity) in found.memories.items()
        ],
        "assumed": list(found.assumed),
        "engines": {
            bank: {"name": use.name, "operations_per_s": use.operations_per_s, "busy": use.busy}
            for bank, use in found.engines.items()
        },
        "unsupported": [
            {
                "layer": each.layer,
                "op": each.kind,
                "pass": each.direction,
                "reason": each.reason,
                "cores": list(each.cores),
            }
            for each in found.fit.unsupported
        ],
        "forward_s": found.forward_s,
        "step_s": found.step_s,
        "training_s": found.training_s if found.mode == "training" else None,
    }


def _need_json(need: Need) -> Json:
    return {
        "who": need.who,
        "what": need.what,
        "needed": need.needed,
        "limit": need.limit,
        "over": need.over,
        "unit": need.unit,
        "parts": [{"what": what, "needed": amount} for what, amount in need.parts],
    }


def over(found: Feasibility) -> Grid:
    """What does not fit: who needs how much of what it has, and what needs most of that."""
    groups = alike(found.fit.over, _looks)
    rows: list[Row] = [_over_row(found, group) for group in groups]
    rows += [
        (
            name,
            "memory",
            units.size(needed),
            units.size(has),
            units.size(needed - has),
            "the largest tensor alone",
        )
        for name, (needed, has) in found.memories.items()
    ]
    note = "+n: so many more that are alike" if any(len(group) > 1 for group in groups) else ""
    columns = ("who", "of its", "needs", "has", "over", "mostly for")
    return Grid("What does not fit", columns, tuple(rows), left=("of its", "mostly for"), note=note)


def _looks(need: Need) -> tuple[object, ...]:
    return unnumbered(need.who), need.what, need.needed, need.limit, need.parts


def _over_row(found: Feasibility, group: Sequence[Need]) -> Row:
    need = group[0]
    # A stack has to hold what one pass needs, a store or a bank what all of them do.
    parts = need.parts[: 1 if need.what == "stack" else _PARTS]
    return (
        names([each.who for each in group]),
        need.what,
        amount(need.needed, need.unit),
        _limit(found, need),
        amount(need.over, need.unit),
        ", ".join(f"{what.replace('_', ' ')} {amount(n, need.unit)}" for what, n in parts),
    )


def _limit(found: Feasibility, need: Need) -> str:
    """How much there is of something, and whether that is only assumed."""
    return f"{amount(need.limit, need.unit)}{' (assumed)' if need.what in found.assumed else ''}"


def unsupported(found: Feasibility) -> Grid:
    """The passes that no core can compute, those of an op together, and what to do about it."""
    rows = tuple(_unsupported_row(group) for group in alike(found.fit.unsupported, _what))
    columns = ("layers", "passes", "cores", "why, and what instead")
    return Grid("What cannot be computed", columns, rows, left=columns[1:])


def _what(each: Unsupported) -> tuple[str, str]:
    return each.kind, each.reason.replace(each.direction, "")


def _unsupported_row(group: Sequence[Unsupported]) -> Row:
    cores = tuple(dict.fromkeys(core for each in group for core in each.cores))
    passes = ", ".join(dict.fromkeys(each.direction.replace("_", " ") for each in group))
    layers = ", ".join(dict.fromkeys(each.layer for each in group))
    return layers, passes, span(cores), group[0].reason


def used(found: Feasibility) -> Grid:
    """How much of what there is is needed: of cores the one that needs most, of banks all of a kind."""
    return Grid(
        "What is needed of what there is",
        ("what", "needed", "of", "share", "most in"),
        tuple(_used_rows(found)),
        left=("most in",),
        note="of cores the one that needs most; of banks all of a kind together",
    )


def _used_rows(found: Feasibility) -> Iterator[Row]:
    for group in alike(found.fit.cores, lambda need: need.what):
        most = max(group, key=lambda need: need.needed / max(1, need.limit))
        told = amount(most.needed, most.unit), _limit(found, most)
        yield (most.what, *told, _share(most.needed, most.limit), most.who)
    for banks in alike(found.memory_map, lambda bank: (bank.memory, bank.kind)):
        needed = sum(bank.used_bytes for bank in banks)
        there = sum(bank.capacity_bytes for bank in banks)
        fullest = max(banks, key=lambda bank: bank.used_bytes / max(1, bank.capacity_bytes))
        kind = f"{banks[0].kind}, {len(banks)} banks" if len(banks) > 1 else banks[0].kind
        share = _share(fullest.used_bytes, fullest.capacity_bytes)
        where = f"{fullest.name} {share}" if fullest.stored else "-"
        yield (kind, units.size(needed), units.size(there), _share(needed, there), where)


def _share(needed: int, there: int) -> str:
    return units.percent(needed / there) if there else "-"
