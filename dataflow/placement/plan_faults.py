"""What is wrong with a plan for these layers on this machine; all of it, not the first fault alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from math import prod
from string import digits

from dataflow.collectives import ALGORITHMS, Collective
from dataflow.hardware import Hardware
from dataflow.ops import Op, Role
from dataflow.plan import ANY, ON, Plan, Rule, Split, axes_of

AUTO = "auto"
DIRECT = "direct"
SERVER = "server"
_FEW = 4
"""So many processors are named one by one."""
_OTHERS = "name processors that it has, or take a larger machine"


def plan_faults(plan: Plan, ops: Mapping[str, Op], hardware: Hardware, mesh: Sequence[str]) -> list[str]:
    """One sentence for each fault: who, which value, which rule, and what would be right."""
    return [
        *_mesh_faults(plan, hardware, mesh),
        *_pipeline_faults(plan, ops),
        *_collective_faults(plan, hardware),
        *(
            fault
            for pattern, rule in plan.layers.items()
            for fault in _rule_faults(plan, pattern, rule, ops, hardware)
        ),
        *_microbatch_faults(plan, ops),
        *_control_faults(plan, hardware),
    ]


def _mesh_faults(plan: Plan, hardware: Hardware, mesh: Sequence[str]) -> Iterator[str]:
    length = prod(plan.mesh.values())
    if length != len(mesh):
        axes = ", ".join(f"{axis}: {size}" for axis, size in plan.mesh.items())
        yield (
            f"mesh {{{axes}}} needs {length} processors, but {len(mesh)} are there ({_some(mesh)}); "
            "change it, or name them under 'processors'"
        )
    if ON in plan.mesh:
        yield f"no mesh axis may be called {ON!r}: that is the axis a layer's own processors make"
    missing = _missing(plan.processors, hardware)
    if len(missing) == 1:
        yield f"processor {missing[0]!r} is not in hardware {hardware.name!r}, which has {_there(hardware)}"
    elif missing:
        yield (
            f"processors {_run(missing)} are not in hardware {hardware.name!r}, which has "
            f"{_there(hardware)}; {_OTHERS}"
        )
    yield from (f"'processors' names {name!r} more than once" for name in _twice(plan.processors))
    for axis, shares in plan.shares.items():
        if axis not in plan.mesh:
            yield f"shares are given for axis {axis!r}, but the axes are: {_listed(plan.mesh)}"
        elif len(shares) != plan.mesh[axis]:
            yield (
                f"axis {axis!r} has {plan.mesh[axis]} places, but {len(shares)} shares ({_listed(shares)}); "
                "give one for each"
            )


def _pipeline_faults(plan: Plan, ops: Mapping[str, Op]) -> Iterator[str]:
    if plan.pipeline is None:
        return
    axis, cuts = plan.pipeline.axis, plan.pipeline.cuts
    if axis not in plan.mesh:
        yield f"the pipeline goes along axis {axis!r}, but the axes are: {_listed(plan.mesh)}"
    elif len(cuts) != plan.mesh[axis] - 1:
        yield (
            f"stages along axis {axis!r}: {plan.mesh[axis]}, so cuts needed: {plan.mesh[axis] - 1}, but the "
            f"pipeline has {len(cuts)}; name the first layer of each stage but the first"
        )
    yield from (f"pipeline cut {cut!r} is not a layer of the network" for cut in cuts if cut not in ops)
    order = [list(ops).index(cut) for cut in cuts if cut in ops]
    if order != sorted(set(order)) or 0 in order:
        yield f"pipeline cuts {_listed(cuts)} are not in the order of the layers, each once, after the first"


def _collective_faults(plan: Plan, hardware: Hardware) -> Iterator[str]:
    known = {kind.value: kind for kind in Collective}
    for name, rule in plan.collectives.items():
        if name != ANY and name not in known:
            yield f"{name!r} is no collective; there are: {', '.join([*known, ANY])}"
            continue
        kinds = list(Collective) if name == ANY else [known[name]]
        possible = dict.fromkeys(algorithm for kind in kinds for algorithm in ALGORITHMS[kind])
        if rule.algorithm not in (AUTO, *possible):
            yield f"{name} has no algorithm {rule.algorithm!r}; there are: {', '.join([AUTO, *possible])}"
        if name == Collective.ALL_TO_ALL.value and rule.pieces > 1:
            yield f"{name} has {rule.pieces} pieces, but its messages are not cut; leave 'pieces' out"
        if rule.algorithm == AUTO and rule.pieces > 1:
            yield f"{name} has {rule.pieces} pieces, but {AUTO!r} chooses how many; name an algorithm too"
        if rule.algorithm != SERVER and rule.server is not None:
            yield f"{name} names a server, but its algorithm is {rule.algorithm!r}; make that {SERVER!r}"
        if rule.algorithm == SERVER and rule.server is None:
            yield f"algorithm {SERVER!r} of {name} needs a 'server': the memory it goes through"
        if rule.server is not None and rule.server not in hardware.memories:
            known_memories = _some(hardware.memories)
            yield f"{rule.server!r}, the server of {name}, is no memory; there are: {known_memories}"


def _rule_faults(
    plan: Plan, pattern: str, rule: Rule, ops: Mapping[str, Op], hardware: Hardware
) -> Iterator[str]:
    matched = [name for name in ops if fnmatchcase(name, pattern)]
    if not matched:
        yield f"layer {pattern!r} is not in the network (there are: {', '.join(ops)})"
    possible = {loop for name in matched for loop in (*ops[name].shardable, *ops[name].divisions)}
    learned = {
        label for name in matched for weight in ops[name].by_role(Role.PARAMETER) for label in weight.labels
    }
    splits = (("layer", rule), ("gradient of layer", rule.gradient), ("update of layer", rule.update))
    for what, split in splits:
        if split is not None:
            # Finite differences slice a layer's weights, which only the task graph tells.
            known = {"update": learned, "gradient": possible | learned}.get(what.split()[0], possible)
            yield from _split_faults(plan, f"{what} {pattern!r}", split, known, hardware)
    yield from _same_loop_faults(pattern, rule, [ops[name] for name in matched])
    if rule.update and "velocity" in rule.store:
        yield f"layer {pattern!r} stores its velocity in shards, but 'update' says where it is; keep one"
    for what, axes in rule.store.items():
        for axis in axes_of(axes):
            if axis not in plan.mesh:
                yield (
                    f"layer {pattern!r} keeps its {what} in shards along axis {axis!r}, "
                    f"but the axes are: {_listed(plan.mesh)}"
                )


def _same_loop_faults(pattern: str, rule: Rule, ops: Sequence[Op]) -> Iterator[str]:
    """A loop and its units, such as channels and groups, cannot both be cut."""
    for op in ops:
        loops = [op.divisions.get(dimension, (dimension,))[0] for dimension in rule.shard]
        twice = [each for each, loop in zip(rule.shard, loops, strict=True) if loops.count(loop) > 1]
        if twice:
            names = " and ".join(map(repr, twice))
            yield f"layer {pattern!r} shards {names}, which are the same loop; name one, over several axes"
            return


def _split_faults(
    plan: Plan, who: str, split: Split, possible: set[str], hardware: Hardware
) -> Iterator[str]:
    missing = _missing(split.on, hardware)
    if len(missing) == 1:
        yield f"{who} on {missing[0]!r}, but hardware {hardware.name!r} has {_there(hardware)}"
    elif missing:
        yield f"{who} on {_run(missing)}, but hardware {hardware.name!r} has {_there(hardware)}; {_OTHERS}"
    yield from (f"{who} names {name!r} more than once under 'on'" for name in _twice(split.on))
    yield from _at_faults(plan, who, split)
    fixed = set() if split.on else {*split.at, *((plan.pipeline.axis,) if plan.pipeline else ())}
    axes = (ON,) if split.on else tuple(plan.mesh)
    along: dict[str, str] = {}
    for dimension, names in split.shard.items():
        if len(set(axes_of(names))) != len(axes_of(names)) or not names:
            listed = _listed(axes_of(names))
            yield f"{who} shards {dimension!r} over {listed}; name each axis once, and at least one"
        for axis in dict.fromkeys(axes_of(names)):
            if axis not in axes:
                yield f"{who} shards {dimension!r} over axis {axis!r}, but the axes are: {_listed(axes)}"
            elif axis in fixed:
                yield f"{who} shards {dimension!r} over axis {axis!r}, but is at one place of it"
            # Two dimensions over one axis would leave all but a diagonal of the work undone.
            first = along.setdefault(axis, dimension)
            if first != dimension:
                yield (
                    f"{who} shards both {first!r} and {dimension!r} over axis {axis!r}; "
                    "an axis can slice one dimension of a layer"
                )
        if possible and dimension not in possible:
            yield f"{who} cannot be sharded by {dimension!r}; possible: {', '.join(sorted(possible))}"


def _at_faults(plan: Plan, who: str, split: Split) -> Iterator[str]:
    if split.on and split.at:
        yield f"{who} has both 'on' and 'at'; name its processors, or where in the mesh they are"
    for axis, index in split.at.items():
        if axis not in plan.mesh:
            yield f"{who} is at {axis!r} {index}, but the axes are: {_listed(plan.mesh)}"
        elif index >= plan.mesh[axis]:
            yield f"{who} is at {axis!r} {index}, but that axis ends at {plan.mesh[axis] - 1}"


def _microbatch_faults(plan: Plan, ops: Mapping[str, Op]) -> Iterator[str]:
    said: set[int] = set()
    for layer, op in ops.items():
        count = plan.rule(layer).microbatches or plan.microbatches
        batch = op.loops.get("batch", count)
        if count > batch and count not in said:
            said.add(count)
            yield f"layer {layer!r} has {count} micro-batches of a batch of {batch}; at most one an image"


def _control_faults(plan: Plan, hardware: Hardware) -> Iterator[str]:
    control = plan.control
    if control.kind != "dataflow" and hardware.controller is None:
        yield (
            f"control is {control.kind!r}, but hardware {hardware.name!r} has no controller; describe one "
            "under 'controller', or leave control at 'dataflow'"
        )
    nodes = {processor.node for processor in hardware.processors.values() if processor.memory}
    if control.kind != "dataflow" and len(nodes) > 1:
        yield (
            f"control is {control.kind!r}, but the cores of hardware {hardware.name!r} are in {len(nodes)} "
            "machines, and a controller signals those of one; leave control at 'dataflow'"
        )
    if control.spacing_ps is not None and control.kind != "static":
        yield (
            f"control has a spacing, but is {control.kind!r}; only a 'static' controller signals tasks at "
            "fixed times"
        )


def _missing(names: Sequence[str], hardware: Hardware) -> list[str]:
    """Those that are no processors of the machine, each once."""
    return [name for name in dict.fromkeys(names) if name not in hardware.processors]


def _there(hardware: Hardware) -> str:
    return _run(tuple(hardware.processors))


def _run(names: Sequence[str]) -> str:
    """A few names; of many that count up the first and the last, else the first two and how many more."""
    if len(names) <= _FEW:
        return ", ".join(names)
    stem, first = names[0].rstrip(digits), names[0].removeprefix(names[0].rstrip(digits))
    if first and list(names) == [f"{stem}{int(first) + place}" for place in range(len(names))]:
        return f"{names[0]} to {names[-1]}"
    return f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _listed(names: object) -> str:
    assert isinstance(names, Mapping | Sequence)
    return ", ".join(map(str, names)) or "none"


def _some(names: object) -> str:
    """The first few names."""
    assert isinstance(names, Mapping | Sequence)
    shown = list(map(str, names))
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")
