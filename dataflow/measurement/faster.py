"""Machines of which one kind of resource is twice as fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from dataflow.cost import CostModel, Roofline
from dataflow.cycles.memory_cost import MemoryCost
from dataflow.cycles.model import Cycles
from dataflow.hardware import Hardware


def doubled(hardware: Hardware) -> dict[str, Hardware]:
    """The machine with one kind of resource twice as fast, by the name of that resource.

    Of those kinds that it has: ``arithmetic`` and ``links`` always, ``memory bandwidth`` and
    ``kernel launches`` of processors by the roofline, ``memory latency`` of cores by cycles, shared
    ``engines``, and ``control``.
    """
    models = [processor.cost for processor in hardware.processors.values()]
    found = {"arithmetic": _with_costs(hardware, _faster_arithmetic)}
    if any(isinstance(model, Roofline) for model in models):
        found["memory bandwidth"] = _with_costs(hardware, _more_bandwidth)
        found["kernel launches"] = _with_costs(hardware, _faster_launches)
    if any(isinstance(model, Cycles) for model in models):
        found["memory latency"] = _with_costs(hardware, _shorter_latency)
    if hardware.engines:
        found["engines"] = _faster_engines(hardware)
    if hardware.controller is not None:
        found["control"] = _faster_control(hardware)
    found["links"] = _faster_links(hardware)
    return found


def _with_costs(hardware: Hardware, change: Callable[[CostModel], CostModel]) -> Hardware:
    processors = {name: replace(p, cost=change(p.cost)) for name, p in hardware.processors.items()}
    return replace(hardware, processors=processors)


def _faster_arithmetic(model: CostModel) -> CostModel:
    """Twice the FLOP/s, or twice the clock with memories that take as long as before."""
    if isinstance(model, Roofline):
        return replace(model, peak_flops=2 * model.peak_flops)
    if isinstance(model, Cycles):
        return replace(model, clock_hz=2 * model.clock_hz, memories=_scaled(model.memories, 2))
    return model


def _more_bandwidth(model: CostModel) -> CostModel:
    if isinstance(model, Roofline):
        return replace(model, bandwidth_bytes_per_s=2 * model.bandwidth_bytes_per_s)
    return model


def _faster_launches(model: CostModel) -> CostModel:
    if isinstance(model, Roofline):
        return replace(model, launch_overhead_ps=model.launch_overhead_ps // 2)
    return model


def _shorter_latency(model: CostModel) -> CostModel:
    return replace(model, memories=_scaled(model.memories, 0.5)) if isinstance(model, Cycles) else model


def _scaled(memories: Mapping[str, MemoryCost], factor: float) -> dict[str, MemoryCost]:
    """Memories whose blocking accesses take so many times as many cycles; what a core issues stays."""
    return {
        kind: replace(
            memory,
            latency=(memory.latency[0] * factor, memory.latency[1] * factor),
            spacing=memory.spacing * factor,
        )
        if memory.blocking
        else memory
        for kind, memory in memories.items()
    }


def _faster_engines(hardware: Hardware) -> Hardware:
    engines = {
        name: replace(engine, operations_per_s=2 * engine.operations_per_s)
        for name, engine in hardware.engines.items()
    }
    return replace(hardware, engines=engines)


def _faster_control(hardware: Hardware) -> Hardware:
    controller = hardware.controller
    assert controller is not None
    halved = replace(
        controller,
        signal_ps=controller.signal_ps // 2,
        dispatch_ps=controller.dispatch_ps // 2,
        semaphore_ps=controller.semaphore_ps // 2,
    )
    return replace(hardware, controller=halved)


def _faster_links(hardware: Hardware) -> Hardware:
    return replace(
        hardware,
        processors={
            name: replace(p, copy_overhead_ps=p.copy_overhead_ps // 2)
            for name, p in hardware.processors.items()
        },
        memories={
            name: replace(m, copy_overhead_ps=m.copy_overhead_ps // 2)
            for name, m in hardware.memories.items()
        },
        links=tuple(
            replace(
                link,
                bandwidth_bytes_per_s=2 * link.bandwidth_bytes_per_s,
                latency_ps=link.latency_ps // 2,
                message_overhead_ps=link.message_overhead_ps // 2,
            )
            for link in hardware.links
        ),
    )
