"""Small machines whose hosts make batches of files.

A pixel takes a core 6 ps to decode and 4 to augment, and an image has one: of 4 images one core makes a
batch in 40 ps, two in 20. The batch is 16 B and its labels too, which are loaded in 16 ps each, one after the
other. Each of the step's five tasks takes 50 ps where nothing else is said.
"""

from __future__ import annotations

from dataclasses import replace

from dataflow.experiment import Experiment, Mode
from dataflow.graph import step_graph
from dataflow.hardware import Hardware
from dataflow.host_input import HostInput
from dataflow.placement import PlacedGraph, place
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.training.timing import lengths_ps
from tests.engine.signals import Given
from tests.engine.spaces import machine_of
from tests.engine.worlds import experiment, fc, machine, network, split

LOADS = 32
COMPUTE = 250
TWO = Plan(mesh={"data": 2}, layers={"*": split(batch="data")})


def host(cores: int = 1, buffers: int = 2, memory: float | None = None, times: float = 1.0) -> HostInput:
    """A host that takes 10 ps for an image of one pixel, so many times as long, on each of its cores."""
    return HostInput(cores, 1e12 / 6 / times, 1e12 / 4 / times, buffers, memory)


def world(
    given: HostInput | None,
    *,
    count: int = 1,
    plan: Plan | None = None,
    task_ps: int = 50,
    mode: Mode = "training",
    batch: int = 4,
) -> Experiment:
    """One layer and the loss, whose tasks all take equally long; None for batches that are there."""
    plain = machine(count)
    processors = {name: replace(p, cost=Given(task_ps)) for name, p in plain.processors.items()}
    hardware = replace(plain, processors=processors, inputs={} if given is None else {"host": given})
    made = experiment(
        network({"l0": fc(2, bias=False)}, (1, 1, 1)), hardware, plan, batch=batch, dtype="float32"
    )
    return jpeg(replace(made, mode=mode), None if given is None else "jpeg")


def jpeg(plain: Experiment, how: str | None = "jpeg") -> Experiment:
    """The same experiment on batches that are made of files."""
    assert how in ("jpeg", None)
    return replace(plain, training=replace(plain.training, input="jpeg" if how else None))


def laid(made: Experiment) -> PlacedGraph:
    """Its placed graph."""
    return place(step_graph(made), made.hardware, made.plan)


def lengths(made: Experiment, steps: int) -> tuple[int, ...]:
    """How long its steps take."""
    return lengths_ps(simulate(laid(made), steps))


def two_hosts() -> Hardware:
    """Two processors, each with a host of its own near it."""
    plain = machine_of({"p0": ["p0"], "p1": ["p1"]}, cost=Given(50), hosts=("host0", "host1"))
    near = {("host0", "p0"), ("host1", "p1"), ("p0", "p1"), ("host0", "host1")}
    links = [
        link
        for link in plain.links
        if {(link.source, link.destination), (link.destination, link.source)} & near
    ]
    return replace(plain, links=tuple(links), inputs={"host0": host(), "host1": host()})
