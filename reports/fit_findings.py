"""Why a network can or cannot run on a machine of cores and banks, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from dataflow.feasibility import Feasibility
from reports import units
from reports.alike import span

_OFF_CHIP = 0.5
"""A bank with more than this share of all room is what the others are near to."""


def verdict(found: Feasibility) -> str:
    """Whether it can run, in one sentence."""
    if found.feasible:
        return f"{found.network} fits {found.hardware} as planned"
    causes = list(_causes(found))
    return f"{found.network} cannot run on {found.hardware} as planned: {'; '.join(causes)}"


def _causes(found: Feasibility) -> Iterator[str]:
    """Each kind of fault once, with how many there are."""
    kinds = dict.fromkeys(each.kind.replace("_", " ") for each in found.fit.unsupported)
    if kinds:
        passes = len(found.fit.unsupported)
        yield f"{passes} passes of {', '.join(kinds)} have no routine in integers"
    for what in dict.fromkeys(need.what for need in found.fit.over):
        needs = [need for need in found.fit.over if need.what == what]
        worst = max(needs, key=lambda need: need.over)
        amount = units.size(worst.over) if worst.unit == "B" else f"{worst.over:,} {worst.unit}"
        many = f" {len(needs)} times, most" if len(needs) > 1 else ""
        yield f"the {what} is too small{many} for {worst.who}, by {amount}"
    for name, (needed, has) in found.memories.items():
        yield f"{name!r} has {units.size(has)} and one tensor there needs {units.size(needed)}"


def findings(found: Feasibility) -> list[str]:
    """What a person should know beyond the verdict: numbers, code, memory, time."""
    return [text for text in (_code(found), _memory(found), _time(found)) if text]


def _code(found: Feasibility) -> str:
    """Whether code is what is scarce."""
    stores = [need for need in found.fit.cores if need.what == "program store"]
    if not stores:
        return ""
    most = max(stores, key=lambda need: need.needed / max(1, need.limit))
    share = units.percent(most.needed / max(1, most.limit))
    parts = ", ".join(f"{what.replace('_', ' ')} {amount:,}" for what, amount in most.parts[:3])
    lead = "Code does not fit" if most.over else "Code fits"
    return (
        f"{lead}: the longest program, of {most.who}, has {most.needed:,} of {most.limit:,} instructions "
        f"({share}): {parts}."
    )


def _memory(found: Feasibility) -> str:
    """How much of what must be kept is near the cores."""
    needed = sum(bank.used_bytes for bank in found.memory_map)
    if not needed:
        return ""
    room = sum(bank.capacity_bytes for bank in found.memory_map)
    large = [bank for bank in found.memory_map if bank.capacity_bytes > _OFF_CHIP * room]
    parameters = sum(
        each.bytes for bank in found.memory_map for each in bank.stored if each.kind == "parameter"
    )
    text = (
        f"Memory: {found.parameters:,} parameters take {units.size(parameters)}, and all that is kept "
        f"(gradients, activations and the batch too) {units.size(needed)} of {units.size(room)}"
    )
    if not large:
        return f"{text}."
    far = sum(bank.used_bytes for bank in large)
    near = room - sum(bank.capacity_bytes for bank in large)
    who = span([bank.name for bank in large])
    if not far:
        return f"{text}; all of it is in the {units.size(near)} nearer than {who}."
    return (
        f"{text}. The memories nearer than {who} have {units.size(near)}, so that "
        f"{units.percent(far / needed)} of the bytes are in {who}, the farthest."
    )


def _time(found: Feasibility) -> str:
    """What it would take if all of it fitted."""
    one = "one example" if found.batch == 1 else f"{found.batch} examples"
    condition = "Time" if found.feasible else "Time, if all of it fitted"
    rate = units.number(found.batch / found.step_s, 3)
    text = f"{condition}: a forward pass of {one} takes {units.duration(found.forward_s)}"
    if found.mode == "training":
        days = units.long_duration(found.training_s)
        text += f", a training step {units.duration(found.step_s)} ({rate} examples/s)"
        text += f", and the whole training {days}"
    macs = found.macs_per_example * found.batch / found.forward_s
    rate = units.number(macs / 1e6, 3)
    text += f". Forward that is {rate} million multiply-accumulates/s on all cores together."
    if found.fit.unsupported:
        text += " Passes without a routine are counted with a plain one, so this is an estimate."
    return text
