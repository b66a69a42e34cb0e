"""What a plan may not say beside ``auto``."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from dataflow.errors import CheckError
from dataflow.hardware import Hardware
from dataflow.plan import Plan
from dataflow.planning.candidate import STAGE


def check_beside_auto(plan: Plan, hardware: Hardware) -> None:
    """Raises CheckError listing what a plan says that an automatic one cannot keep to."""
    faults = [*_chosen_twice(plan), *_processor_faults(plan, hardware), *_mesh_faults(plan, hardware)]
    if faults:
        raise CheckError(f"automatic plan for hardware {hardware.name!r}", faults)


def _chosen_twice(plan: Plan) -> Iterator[str]:
    for what, given in (("layers", plan.layers), ("pipeline", plan.pipeline), ("shares", plan.shares)):
        if given:
            yield f"'auto' chooses the plan's {what!r} itself; leave out one of the two"


def _processor_faults(plan: Plan, hardware: Hardware) -> Iterator[str]:
    for index, name in enumerate(plan.processors):
        if name not in hardware.processors:
            known = ", ".join(hardware.processors)
            yield f"processor {name!r} is not in hardware {hardware.name!r}, which has {known}"
        if name in plan.processors[:index]:
            yield f"'processors' names {name!r} more than once"


def _mesh_faults(plan: Plan, hardware: Hardware) -> Iterator[str]:
    there = len(plan.processors or hardware.processors)
    needed = prod(plan.mesh.values())
    if plan.mesh and needed != there:
        told = ", ".join(f"{axis}: {length}" for axis, length in plan.mesh.items())
        yield (
            f"mesh {{{told}}} needs {needed} processors, but there are {there}; "
            "leave it out to have 'auto' choose it"
        )
    axes = [axis for axis, length in plan.mesh.items() if axis != STAGE and length > 1]
    if len(axes) > 2:
        yield (
            f"'auto' splits layers along two mesh axes at most, but these are {', '.join(axes)}; "
            f"leave some out, or call that of the stages {STAGE!r}"
        )
