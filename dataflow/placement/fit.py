"""Whether what is placed fits: code into program stores, stacks, tensors into banks, numbers into cores.

Nothing here stops at the first thing that does not fit: a report can show it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dataflow.cost import CodeLimits, CostModel
from dataflow.errors import FitError
from dataflow.numbers.number import fixed_point
from dataflow.ops import Op
from dataflow.placement.placed import PlacedGraph
from dataflow.placement.placed_task import PlacedTask

ALTERNATIVE = "training.dtype: q8.8 with backend: fixed"
"""What to compute in where there is no floating point."""


@dataclass(frozen=True)
class Need:
    """What one core or bank needs of something it has so much of.

    who: the core or bank. what: ``program store``, ``stack`` or ``memory``. unit: ``instructions``
    or ``B``. parts: what needs it, each with how much, the largest first.
    """

    who: str
    what: str
    needed: int
    limit: int
    unit: str
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def over(self) -> int:
        """By how much it is too much; 0 when it fits."""
        return max(0, self.needed - self.limit)


@dataclass(frozen=True)
class Unsupported:
    """A pass that some cores cannot compute. layer, kind, direction: which. cores: those it is placed on."""

    layer: str
    kind: str
    direction: str
    reason: str
    cores: tuple[str, ...]


@dataclass(frozen=True)
class Fit:
    """What every core and bank needs of what it has, and what no core can compute."""

    cores: tuple[Need, ...] = ()
    banks: tuple[Need, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()

    @property
    def over(self) -> tuple[Need, ...]:
        """What does not fit."""
        return tuple(need for need in (*self.cores, *self.banks) if need.over)

    @property
    def fits(self) -> bool:
        """Whether all fits and can be computed."""
        return not self.over and not self.unsupported


def fit(placed: PlacedGraph) -> Fit:
    """What a placed graph needs of every core that has a program store, and of every bank."""
    by_core = _tasks_by_core(placed)
    cores: list[Need] = []
    for name, tasks in by_core.items():
        model = placed.hardware.processors[name].cost
        if model.limits is not None:
            cores += _needs_of_core(name, model, model.limits, tasks, 8 * placed.task_graph.training.itemsize)
    return Fit(tuple(cores), tuple(_needs_of_banks(placed)), tuple(_unsupported(placed)))


def check_fit(placed: PlacedGraph) -> None:
    """Raises FitError, with a table of all that is too much, unless a placed graph fits."""
    found = fit(placed)
    if found.fits:
        return
    parts: list[str] = []
    if found.over:
        rows = [
            (need.who, need.what, f"{need.needed:,} {need.unit}", f"{need.limit:,}", f"{need.over:,}")
            for need in found.over
        ]
        parts.append("\n".join(_table(("who", "of its", "needs", "has", "over"), rows)))
    if found.unsupported:
        layers = list(_unsupported_rows(found.unsupported))
        parts.append("\n".join(_table(("layer", "on", "cannot be computed"), layers)))
    network, hardware = placed.task_graph.network.name, placed.hardware.name
    parts.append("'dataflow show EXPERIMENT' says more, and how long it would take if it fitted")
    message = f"{network!r} does not fit hardware {hardware!r}:\n" + "\n\n".join(parts)
    raise FitError(message, reason=_in_few_words(found))


def _in_few_words(found: Fit) -> str:
    """The first thing that is too much or cannot be computed, in a few words."""
    if found.over:
        need = found.over[0]
        return f"{need.what} of {need.who}: {need.needed:,} {need.unit} of {need.limit:,}"
    first = found.unsupported[0]
    return f"{first.layer} cannot be computed on {first.cores[0]}"


def _tasks_by_core(placed: PlacedGraph) -> dict[str, list[PlacedTask]]:
    """By processor, in order, what it must have code for; a controller may hand tasks to any of a pool."""
    found: dict[str, list[PlacedTask]] = {name: [] for name in placed.hardware.processors}
    pools: dict[tuple[str, str], list[PlacedTask]] = {}
    for task in placed.tasks:
        if task.processor is not None:
            found[task.processor].append(task)
            pools.setdefault((placed.hardware.processors[task.processor].model, task.computes_in), []).append(
                task
            )
    busy = {name: tasks for name, tasks in found.items() if tasks}
    if placed.plan.control.kind != "dynamic":
        return busy
    processors = placed.hardware.processors
    return {name: pools[processors[name].model, placed.hardware.memory_of(name)] for name in busy}


def _needs_of_core(
    name: str, model: CostModel, limits: CodeLimits, tasks: Sequence[PlacedTask], bits: int
) -> list[Need]:
    """Code of all its kinds of passes together; the stack of the one that needs most."""
    code = _largest(tasks, lambda task: model.code(task.op, task.direction, bits))
    stack = _largest(tasks, lambda task: model.stack(task.op, task.direction, bits))
    return [
        Need(name, "program store", sum(code.values()), limits.program_store, "instructions", _ranked(code)),
        Need(name, "stack", max(stack.values(), default=0), limits.stack_bytes, "B", _ranked(stack)),
    ]


def _largest(tasks: Sequence[PlacedTask], measure: Callable[[PlacedTask], int]) -> dict[str, int]:
    """For each kind of op and pass the most that any of them needs."""
    found: dict[str, int] = {}
    seen: set[tuple[Op | None, str]] = set()
    for task in tasks:
        kind = f"{task.work.kind} {task.work.direction}"
        if (task.op, kind) not in seen:
            seen.add((task.op, kind))
            found[kind] = max(found.get(kind, 0), measure(task))
    return found


def _needs_of_banks(placed: PlacedGraph) -> list[Need]:
    """Of every bank with anything in it, in the order of the machine."""
    kept: dict[tuple[str, str], dict[str, int]] = {}
    for place in placed.fixed_places:
        tensor = placed.shards[place.shards[0]].tensor.base
        memory = placed.shards[place.shards[0]].memory
        by_tensor = kept.setdefault((memory, place.bank.name), {})
        by_tensor[tensor] = by_tensor.get(tensor, 0) + place.bytes
    return [
        Need(bank.name, "memory", sum(there.values()), bank.capacity_bytes, "B", _ranked(there))
        for memory in placed.hardware.memories.values()
        for bank in memory.banks
        if (there := kept.get((memory.name, bank.name), {}))
    ]


@dataclass
class _Cores:
    """The cores that cannot compute a pass, in order."""

    reason: str
    names: dict[str, None] = field(default_factory=dict)


def _unsupported(placed: PlacedGraph) -> list[Unsupported]:
    """The passes that processors cannot compute, each with all the processors it is on."""
    found: dict[tuple[str, str, str], _Cores] = {}
    training = placed.task_graph.training
    for task in placed.tasks:
        if task.processor is None or (task.direction is not None and task.direction.view):
            continue
        reason = _reason(placed, task, training.dtype)
        if reason is not None:
            key = (task.layer, task.work.kind, task.work.direction)
            found.setdefault(key, _Cores(reason)).names[task.processor] = None
    return [Unsupported(*key, each.reason, tuple(each.names)) for key, each in found.items()]


def _reason(placed: PlacedGraph, task: PlacedTask, dtype: str) -> str | None:
    """Why a processor cannot compute a task, with what can be computed in its place; None if it can."""
    assert task.processor is not None
    processor = placed.hardware.processors[task.processor]
    reason = processor.cost.unsupported(task.op, task.direction, dtype)
    if reason is not None or processor.floats or fixed_point(dtype) is not None:
        return reason
    return f"{task.work.kind} computes in {dtype}, and there is no floating point; use {ALTERNATIVE}"


def _unsupported_rows(unsupported: Sequence[Unsupported]) -> Iterator[tuple[str, str, str]]:
    """A row for each layer, with the reason of its first pass that cannot be computed."""
    by_layer: dict[str, list[Unsupported]] = {}
    for each in unsupported:
        by_layer.setdefault(each.layer, []).append(each)
    for layer, passes in by_layer.items():
        cores = tuple(dict.fromkeys(core for each in passes for core in each.cores))
        more = f" (passes like this: {len(passes)})" if len(passes) > 1 else ""
        yield layer, _some(cores), passes[0].reason + more


def _ranked(amounts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(amounts.items(), key=lambda item: -item[1]))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned lines: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    right = [all(row[column][:1].isdigit() for row in rows) for column in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
