"""Machines of which one kind of resource is twice as fast."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from dataflow.cost import Resource
from dataflow.hardware import Hardware


def doubled(hardware: Hardware) -> dict[str, Hardware]:
    """The machine with one kind of resource twice as fast, by the name of that resource.

    Of those kinds that it has: the resources of its processors' cost models, shared ``engines``, ``control``,
    and ``links``.
    """
    found = {
        resource: _with_faster(hardware, resource)
        for resource in get_args(Resource)
        if any(resource in processor.cost.resources for processor in hardware.processors.values())
    }
    if hardware.engines:
        found["engines"] = _faster_engines(hardware)
    if hardware.controller is not None:
        found["control"] = _faster_control(hardware)
    found["links"] = _faster_links(hardware)
    return found


def _with_faster(hardware: Hardware, resource: Resource) -> Hardware:
    processors = {
        name: replace(processor, cost=processor.cost.faster(resource))
        for name, processor in hardware.processors.items()
    }
    return replace(hardware, processors=processors)


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
