"""What if one kind of resource were twice as fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dataflow.cost import PS_PER_S, Roofline
from dataflow.hardware import Hardware
from dataflow.metrics import Limit
from dataflow.placement import PlacedGraph
from dataflow.simulation.event_loop import Simulation
from dataflow.simulation.schedule import Compiled

_PLENTY = 2**62


def limits(placed: PlacedGraph, steps: int, step_s: float) -> tuple[Limit, ...]:
    """The step time, simulated again, with each kind of resource twice as fast; best first."""
    found: list[Limit] = []
    # A faster machine may hold more at once: how much its memories hold is another question.
    memories = {name: replace(m, capacity_bytes=_PLENTY) for name, m in placed.hardware.memories.items()}
    roomy = replace(placed.hardware, memories=memories)
    compiled = Compiled(placed)
    for resource, hardware in _doubled(roomy).items():
        trace = Simulation(placed.on(hardware), steps, None, None, compiled).run()
        faster_s = (trace.end_ps - trace.start_ps) / trace.steps / PS_PER_S
        found.append(Limit(resource, faster_s, step_s / faster_s))
    return tuple(sorted(found, key=lambda limit: (limit.step_time_s, limit.resource)))


def _doubled(hardware: Hardware) -> dict[str, Hardware]:
    """The machine with one kind of resource twice as fast, by that resource's name."""

    def with_costs(change: Callable[[Roofline], Roofline]) -> Hardware:
        processors = {
            name: replace(p, cost=change(p.cost)) if isinstance(p.cost, Roofline) else p
            for name, p in hardware.processors.items()
        }
        return replace(hardware, processors=processors)

    return {
        "arithmetic": with_costs(lambda c: replace(c, peak_flops=2 * c.peak_flops)),
        "memory bandwidth": with_costs(
            lambda c: replace(c, bandwidth_bytes_per_s=2 * c.bandwidth_bytes_per_s)
        ),
        "kernel launches": with_costs(lambda c: replace(c, launch_overhead_ps=c.launch_overhead_ps // 2)),
        "links": replace(
            hardware,
            processors={
                name: replace(p, copy_overhead_ps=p.copy_overhead_ps // 2)
                for name, p in hardware.processors.items()
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
        ),
    }
