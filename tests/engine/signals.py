"""Worlds whose cores take a time that is given for every task, so that traces can be written down by hand.

A step loads two numbers of 4 bytes, which takes 8 ps; then come fully connected layers, and the
loss or, where nothing is learned, the prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dataflow.cost import Cost, Work
from dataflow.experiment import Experiment, Mode
from dataflow.graph import step_graph
from dataflow.hardware import Controller, Engine, Hardware
from dataflow.layers import LayerSpec
from dataflow.placement import PlacedGraph, place
from dataflow.plan import Control, Plan
from dataflow.trace import Trace
from tests.engine.spaces import cores, nic
from tests.engine.timing import Unlimited
from tests.engine.worlds import experiment, fc, network, on

LOAD = 8
"""How long the load of a sample takes."""


@dataclass(frozen=True)
class Given(Unlimited):
    """Every task takes the same time, and asks the same of engines; spread: from position 0 to 1."""

    time_ps: int
    operations: Mapping[str, float] = field(default_factory=dict)
    stalled_ps: int = 0
    spread_ps: int = 0
    peak_flops: float = 1e12

    def cost(self, work: Work, position: float = 0.5) -> Cost:
        """The time that was given."""
        spread_ps = round(self.spread_ps * (position - 0.5))
        return Cost(self.time_ps + spread_ps, "compute", self.stalled_ps, self.operations)


def card(
    *models: Given, controller: Controller | None = None, engines: Mapping[str, float] | None = None
) -> Hardware:
    """Cores of one address space, each with its model. engines: operations a second."""
    plain = nic(len(models))
    processors = {
        name: replace(plain.processors[name], cost=model)
        for name, model in zip(cores(len(models)), models, strict=True)
    }
    shared = {name: Engine(name, rate) for name, rate in (engines or {}).items()}
    return replace(plain, processors=processors, controller=controller, engines=shared)


def chain(
    hardware: Hardware, plan: Plan | None = None, *, mode: Mode = "inference", steps: int = 1, seed: int = 0
) -> Experiment:
    """A layer on each core but the last, which predicts (or has the loss); one sample a step."""
    names = list(hardware.processors)
    layers: dict[str, LayerSpec] = {f"l{i}": fc(2, bias=False) for i in range(len(names) - 1)}
    rules = {layer: on(name) for layer, name in zip([*layers, "loss"], names, strict=True)}
    world = experiment(
        network(layers),
        hardware,
        replace(plan or Plan(), layers=rules),
        batch=1,
        steps=steps,
        seed=seed,
        dtype="float32",
    )
    return replace(world, mode=mode)


def laid(world: Experiment) -> PlacedGraph:
    """The placed graph of a world in its mode."""
    return place(step_graph(world), world.hardware, world.plan)


def lines(trace: Trace, step: int | None = None) -> list[tuple[str, str, int, int]]:
    """Resource, name without the processor, start and end of each span, in the order of the trace."""
    return [
        (span.resources[0], span.name.split(" on ")[0], span.start_ps, span.end_ps)
        for span in trace.spans
        if step is None or span.step == step
    ]


def controlled(kind: str, spacing_ps: int | None = None) -> Plan:
    """A plan that says who tells tasks to start, and nothing else."""
    kinds: Sequence[Control] = (
        Control(),
        Control(kind="static", spacing_ps=spacing_ps),
        Control(kind="dynamic"),
    )
    return Plan(control=next(each for each in kinds if each.kind == kind))
