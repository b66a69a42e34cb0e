"""Whether an experiment can be carried out on its machine, and how long it would take if it could."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dataflow.hardware import Hardware
from dataflow.memory_map import BankUse, memory_map
from dataflow.ops import Phase
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import Fit, PlacedGraph, fit
from dataflow.simulation import simulate
from dataflow.trace import Span

_FORWARD = (Phase.FORWARD, Phase.LOSS)


ASSUMED = "assumed"
"""How the source of a constant begins that nobody measured or published."""


@dataclass(frozen=True)
class EngineUse:
    """The one unit that all accesses to a bank go through. busy: the share of a step that it is busy."""

    name: str
    operations_per_s: float
    busy: float


@dataclass(frozen=True)
class Feasibility:
    """What fits of a placed network, what does not, and the time it would take.

    parameters: how many. macs_per_example: multiply-accumulates of a forward pass. memories: by name the
    bytes that the largest tensor in each host's memory needs and that it has, where that is too
    little. forward_s, step_s: of one step, simulated as if all fitted and every pass could be computed;
    training_s: of all epochs at that pace. engines: by bank, of those that are read through one.
    assumed: what is limited (``Need.what``) to a number that is assumed, not published.
    """

    network: str
    hardware: str
    mode: str
    batch: int
    dtype: str
    parameters: int
    macs_per_example: int
    fit: Fit
    memory_map: tuple[BankUse, ...]
    memories: Mapping[str, tuple[int, int]]
    forward_s: float
    step_s: float
    training_s: float
    engines: Mapping[str, EngineUse] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether all fits and can be computed."""
        return self.fit.fits and not self.memories


def feasibility(placed: PlacedGraph, mode: str = "training") -> Feasibility:
    """What a placed graph needs of what there is, and its time on a machine with room for everything."""
    run = simulate(placed.on(placed.hardware.roomy()), 1)
    spans = [span for span in run.trace.measured if span.processor is not None and span.phase in _FORWARD]
    start_ps = run.trace.start_ps
    network, training = placed.task_graph.network, placed.task_graph.training
    step_s = (run.trace.end_ps - start_ps) / PS_PER_S
    return Feasibility(
        network=network.name,
        hardware=placed.hardware.name,
        mode=mode,
        batch=training.batch,
        dtype=training.dtype,
        parameters=network.parameter_count,
        macs_per_example=network.macs_per_image,
        fit=fit(placed),
        memory_map=memory_map(placed),
        memories=_too_small(placed),
        forward_s=(max(span.end_ps for span in spans) - start_ps) / PS_PER_S,
        step_s=step_s,
        training_s=training.epochs * training.images_per_epoch / training.batch * step_s,
        engines=_engines(placed.hardware, run.trace.measured, step_s),
        assumed=_assumed(placed.hardware),
    )


def _engines(hardware: Hardware, spans: Sequence[Span], step_s: float) -> dict[str, EngineUse]:
    """By bank that is read through an engine: how much of a step the engine is busy for all of them."""
    operations = dict.fromkeys(hardware.engines, 0.0)
    for span in spans:
        for name, count in span.engine_operations:
            operations[name] += count
    found: dict[str, EngineUse] = {}
    for memory in hardware.memories.values():
        for bank in memory.banks:
            engine = hardware.engines.get(bank.engines.get("read", ""))
            if engine is not None:
                rate = engine.operations_per_s
                found[bank.name] = EngineUse(engine.name, rate, operations[engine.name] / rate / step_s)
    return found


def _assumed(hardware: Hardware) -> tuple[str, ...]:
    """What cores have so much of, of which a constant of the machine's description is only assumed."""
    fields = {"program_store": "program store", "stack": "stack"}
    return tuple(
        what
        for name, what in fields.items()
        if any(
            constant.path.endswith(f".compute.{name}") and constant.source.startswith(ASSUMED)
            for constant in hardware.constants
        )
    )


def _too_small(placed: PlacedGraph) -> dict[str, tuple[int, int]]:
    """Memories without banks in which not even one tensor alone has room: what it needs and what there is."""
    largest: dict[str, int] = {}
    for shard in placed.shards.values():
        largest[shard.memory] = max(largest.get(shard.memory, 0), shard.bytes)
    memories = placed.hardware.memories
    return {
        name: (needed, memories[name].capacity_bytes)
        for name, needed in largest.items()
        if needed > memories[name].capacity_bytes and not memories[name].banks
    }
