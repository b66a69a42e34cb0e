"""Why a network can or cannot run on a machine of cores and banks, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from dataflow.feasibility import Feasibility
from dataflow.numbers.number import fixed_point
from reports import units
from reports.alike import span

_OFF_CHIP = 0.5
"""A bank with more than this share of all room is what the others are near to."""


def verdict(found: Feasibility) -> str:
    """Whether it can run, in one sentence."""
    if found.feasible:
        return f"{found.network} fits {found.hardware} as planned"
    return f"{found.network} cannot run on {found.hardware} as planned"


def findings(found: Feasibility) -> list[str]:
    """What a person should know beyond the verdict: time, memory, what does not fit, code."""
    return [text for text in (_time(found), _memory(found), _misfits(found), _code(found)) if text]


def _misfits(found: Feasibility) -> str:
    """All that does not fit and cannot be computed."""
    return "" if found.feasible else f"What does not fit: {'; '.join(_causes(found))}."


def _causes(found: Feasibility) -> Iterator[str]:
    """Each kind of fault once, with how many there are."""
    for name, (needed, has) in found.memories.items():
        yield f"{name!r} has {units.size(has)} and one tensor there needs {units.size(needed)}"
    for what in dict.fromkeys(need.what for need in found.fit.over):
        needs = [need for need in found.fit.over if need.what == what]
        worst = max(needs, key=lambda need: need.over)
        many = f" {len(needs)} times, most" if len(needs) > 1 else ""
        limit = f" (its {amount(worst.limit, worst.unit)} are assumed)" if what in found.assumed else ""
        yield f"the {what} is too small{many} for {worst.who}, by {amount(worst.over, worst.unit)}{limit}"
    kinds = dict.fromkeys(each.kind.replace("_", " ") for each in found.fit.unsupported)
    if kinds:
        count = len(found.fit.unsupported)
        passes, verb = ("1 pass", "needs") if count == 1 else (f"{count} passes", "need")
        if fixed_point(found.dtype) is None:
            yield f"{passes} of {', '.join(kinds)} {verb} floating point, which the cores lack"
        else:
            yield f"this simulator has no integer routine for {passes} of {', '.join(kinds)}"


def amount(count: int, unit: str) -> str:
    """So many bytes or instructions."""
    return units.size(count) if unit == "B" else f"{count:,} {unit}"


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
    text += (
        f". The memories nearer than {who} have {units.size(near)}, so that "
        f"{units.percent(far / needed)} of the bytes are in {who}, the farthest"
    )
    return f"{text}{_behind(found, large[0].name)}."


def _behind(found: Feasibility, bank: str) -> str:
    """What all accesses to the farthest bank go through."""
    engine = found.engines.get(bank)
    if engine is None:
        return ""
    rate = units.number(engine.operations_per_s / 1e6)
    return (
        f", behind one engine for all cores: {engine.name} serves {rate} million accesses/s and is busy "
        f"{units.percent(engine.busy)} of such a step"
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
